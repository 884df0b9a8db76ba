"""Every registered extractor passes every check of the kit: the published ones with made-up checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_extractors import ALL, SMALL

from gazenet.assets import asset_path
from gazenet.cues.registry import PluginEntry, discover, get
from gazenet.errors import UsageError
from gazenet.testing.conformance import CHECKS
from tests.memory import give_back

EMBEDDED = {"saliency", "gaze_direction", "gaze_following", "facial_expression", "active_speaker"}
"""Extractors whose weights are installed with the platform."""

PROGRAM = "external"
"""It needs a program; its own tests have some."""

NAMES = sorted(name for name in discover().usable if name != PROGRAM)


def fast_checks(name: str) -> tuple[str, ...]:
    if name in SMALL:
        return SMALL[name].fast
    return () if get(name).spec.assets else ALL


def case(name: str, check: Callable[..., None]) -> Any:
    marks = [] if check.__name__ in fast_checks(name) else [pytest.mark.slow]
    return pytest.param(name, check, id=f"{name}-{check.__name__}", marks=marks)


@pytest.fixture(autouse=True)
def memory_given_back_at_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """A dozen gigabytes would collect until the end of this module."""
    yield
    if request.node.get_closest_marker("slow"):
        give_back()


CASES = [case(name, check) for name in NAMES for check in CHECKS]


@pytest.fixture(scope="module")
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The name of an extractor and its made-up checkpoint; an empty path where it takes installed weights."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    yield name, SMALL[name].save(folder) if name in SMALL else Path()
    shutil.rmtree(folder)  # up to half a gigabyte


@pytest.mark.parametrize(("checkpoint", "check"), CASES, indirect=["checkpoint"])
def test_conformance(
    checkpoint: tuple[str, Path], check: Callable[[PluginEntry[Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, weights = checkpoint
    entry = get(name)
    if name not in SMALL:
        for asset in entry.spec.assets:
            try:
                asset_path(asset)
            except UsageError as error:
                pytest.skip(str(error))
    # The declaration is checked as it is registered.
    elif check is not CHECKS[0]:
        entry = SMALL[name].entry(weights, monkeypatch)
    check(entry)


def test_every_bundled_extractor_with_weights_is_checked() -> None:
    bundled = [name for name in NAMES if get(name).value.startswith("gazenet_plugins.")]
    assert {name for name in bundled if get(name).spec.assets} - EMBEDDED <= {*SMALL}
    assert len(bundled) >= 20
