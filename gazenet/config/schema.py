"""JSON schemas of the config files, generated from the models, for completion and checks in editors."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from gazenet.config.load import model_of

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render(model: type[BaseModel], title: str) -> str:
    """Return the schema of ``model`` as JSON text; like the files themselves, it allows the key ``$schema``."""
    schema: dict[str, Any] = {"$schema": _DIALECT, **model.model_json_schema()}
    schema["title"] = title
    schema["properties"] = {"$schema": {"type": "string"}, **schema["properties"]}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def config_schemas() -> dict[str, str]:
    """Return the text of the schema of both kinds of config, by file name."""
    titles = {"infer": "gazenet inference config", "train": "gazenet training config"}
    return {
        "infer.json": render(model_of("infer"), titles["infer"]),
        "train.json": render(model_of("train"), titles["train"]),
    }
