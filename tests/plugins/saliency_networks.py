"""What the tests of the published saliency networks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gazenet.cues.registry import PluginEntry, get
from gazenet.testing.goldens import find

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "saliency"


def goldens(names: Sequence[str], slow: Sequence[str] = ()) -> list[object]:
    """Parameters of a test: the goldens of these names."""
    found = {golden.path.stem: golden for golden in find([GOLDENS / f"{name}.json" for name in names])}
    return [pytest.param(found[name], id=name, marks=[pytest.mark.slow] if name in slow else []) for name in names]


def with_parameters(name: str, **parameters: object) -> PluginEntry:
    """Return the registered extractor with other defaults of its parameters, however it is constructed."""
    entry = get(name)
    implementation = entry.load()
    spec = entry.spec.model_copy(update={"parameters": {**entry.spec.parameters, **parameters}})
    return replace(entry, spec=spec, load=lambda: lambda **rest: implementation(**{**parameters, **rest}))


def no_assets(asset_id: str) -> Path:
    raise AssertionError(f"asked for {asset_id} although weights were given")
