"""Reproducibly filled weights of the published stage-one networks, in their published containers, at small sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.cues.registry import get
from gazenet.testing.goldens import filled


def _state(network: torch.nn.Module, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{key}": filled(key, value) for key, value in network.state_dict().items()}


def _dave(folder: Path) -> None:
    from gazenet_plugins.dave.network import DaveNet

    state = {**_state(DaveNet(), "module."), "module.saliency.bias": torch.full((1,), 60.0)}
    torch.save({"state_dict": state}, folder / "model.pth.tar")


def _esr9(folder: Path) -> None:
    from gazenet_plugins.esr9.extractor import BASE_FILE, BRANCH_FILE
    from gazenet_plugins.esr9.network import Esr9

    network = Esr9(9)
    torch.save(_state(network.base), folder / BASE_FILE)
    for k, branch in enumerate(network.branches, 1):
        torch.save(_state(branch), folder / BRANCH_FILE.format(k))


def _gaze360(folder: Path) -> None:
    from gazenet_plugins.gaze360.network import Gaze360

    torch.save({"epoch": 79, "state_dict": _state(Gaze360(), "module.")}, folder / "model.pth.tar")


def _videogaze(folder: Path) -> None:
    from gazenet_plugins.videogaze.network import VideoGaze

    content = {"epoch": 30, "state_dict": _state(VideoGaze()), "best_prec1": np.float64(0.5)}
    torch.save(content, folder / "model.pth.tar", _use_new_zipfile_serialization=False)


MAKERS = {"dave": _dave, "esr9": _esr9, "gaze360": _gaze360, "videogaze": _videogaze}


def published_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The four networks' files below ``folder``, and the ``--set`` value that makes extractors take them.

    DAVE and Gaze360 take any size of pictures and are given small ones.
    """
    extractors: list[Mapping[str, Any]] = []
    for name, make in MAKERS.items():
        place = folder / name
        place.mkdir(parents=True)
        make(place)
        extractors.append({"name": name, "parameters": {"mode": "published", "weights": str(place)}})
    monkeypatch.setattr(get("dave").load(), "size", (32, 32))
    monkeypatch.setattr("gazenet_plugins.gaze360.extractor.SIDE", 32)
    return f"extractors={json.dumps(extractors)}"
