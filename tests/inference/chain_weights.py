"""Reproducibly filled weights of the published stage-one networks, in their published containers, at small sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gazenet.cues.registry import get
from tests.checkpoints import EXTRACTORS

NAMES = ("dave", "esr9", "gaze360", "videogaze")


def published_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The four networks' files below ``folder``, and the ``--set`` value that makes extractors take them.

    DAVE and Gaze360 take any size of pictures and are given small ones.
    """
    extractors: list[Mapping[str, Any]] = []
    for name in NAMES:
        place = folder / name
        EXTRACTORS[name].save(place)
        extractors.append({"name": name, "parameters": {"mode": "published", "weights": str(place)}})
    monkeypatch.setattr(get("dave").load(), "size", (32, 32))
    monkeypatch.setattr("gazenet_plugins.gaze360.extractor.SIDE", 32)
    return f"extractors={json.dumps(extractors)}"
