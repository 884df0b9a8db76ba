"""JSON schemas of the config files, generated from the models, for editors that complete and check while one types."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from gazenet.config.load import model_of

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render(model: type[BaseModel], title: str) -> str:
    """The schema of ``model`` as JSON text; the key ``$schema`` is allowed, as it is in the files themselves."""
    schema: dict[str, Any] = {"$schema": _DIALECT, **model.model_json_schema()}
    schema["title"] = title
    schema["description"] = schema["description"].partition("\n")[0]
    schema["properties"] = {"$schema": {"type": "string"}, **schema["properties"]}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def config_schemas() -> dict[str, str]:
    """File name to text of the schemas of the two kinds of config."""
    titles = {"infer": "gazenet inference config", "train": "gazenet training config"}
    return {
        "infer.json": render(model_of("infer"), titles["infer"]),
        "train.json": render(model_of("train"), titles["train"]),
    }
