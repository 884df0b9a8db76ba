"""What the tests of the published saliency networks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from gazenet.cues.registry import PluginEntry, get
from gazenet.testing.conformance import CHECKS
from gazenet.testing.goldens import filled, find

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "saliency"
FAST = ("declares_what_it_is", "gives_one_map_per_frame", "works_on_one_frame", "leaves_its_input_alone")


def goldens(names: Sequence[str], slow: Sequence[str] = ()) -> list[object]:
    """Parameters of a test: the goldens of these names."""
    found = {golden.path.stem: golden for golden in find([GOLDENS / f"{name}.json" for name in names])}
    return [pytest.param(found[name], id=name, marks=[pytest.mark.slow] if name in slow else []) for name in names]


def conformance_checks(fast: Sequence[str] = FAST) -> list[object]:
    """Parameters of a test: the kit; what runs many windows is slow."""
    return [
        pytest.param(check, id=check.__name__, marks=[] if check.__name__ in fast else [pytest.mark.slow])
        for check in CHECKS
    ]


def save_filled(network: nn.Module, path: Path, wrap: Callable[[dict], dict] = dict) -> Path:
    """Weights that follow from the keys, as a published file would hold them."""
    torch.save(wrap({key: filled(key, value) for key, value in network.state_dict().items()}), path)
    return path


def with_parameters(name: str, **parameters: object) -> PluginEntry:
    """The registered extractor, whose parameters are these by default, however it is made."""
    entry = get(name)
    implementation = entry.load()
    spec = entry.spec.model_copy(update={"parameters": {**entry.spec.parameters, **parameters}})
    return replace(entry, spec=spec, load=lambda: lambda **given: implementation(**{**parameters, **given}))


def check_conformance(check: Callable[[PluginEntry], None], name: str, weights: Path) -> None:
    """One check of the kit, with local weights in the place of the asset."""
    check(get(name) if check is CHECKS[0] else with_parameters(name, weights=str(weights)))


def no_assets(asset_id: str) -> Path:
    raise AssertionError(f"asked for {asset_id} although weights were given")
