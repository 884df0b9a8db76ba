"""What a user may give instead of a published checkpoint, and how every published network refuses it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gazenet.backbones.identify import owner
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.registry import get
from gazenet.errors import UsageError
from tests.checkpoints import DETECTORS, EXTRACTORS, FakeRelease

RELEASES = {**EXTRACTORS, **DETECTORS}
NAMED = {"esr9": "Base", "st_abn": "ST-ABN", "stanet": "STANet", "mtcnn": "PNet"}
"""What a refusal calls a network, where it is not the name of its class."""


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def load(name: str, weights: Path) -> None:
    """Loads the extractor or detector of this name with weights of one's own; its asset must not be asked for."""

    def forbidden(asset: str) -> Path:
        raise AssertionError(f"asked for {asset} although weights were given")

    # Networks without memory: what is refused here needs none.
    with torch.device("meta"):
        if name in EXTRACTORS:
            get(name).load()(weights=str(weights)).load(torch.device("cpu"), torch.float32, forbidden)
        else:
            get(name, "gazenet.face_detectors", FaceModelSpec).load()(weights=str(weights)).load(forbidden)


def first_file(release: FakeRelease) -> str:
    """The file that is read first."""
    return next(iter(release.parts.values())) if release.parts else release.file


def class_of(release: FakeRelease) -> str:
    """What a refusal calls the network; a family may say the family's name."""
    return release.network.rpartition(":")[2]


def part_of(release: FakeRelease, network: nn.Module) -> nn.Module:
    """What the first file holds."""
    return network.get_submodule(next(iter(release.parts))) if release.parts else network


@pytest.mark.parametrize("name", RELEASES)
def test_a_checkpoint_of_another_network_is_refused_by_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / first_file(RELEASES[name])
    torch.save({"state_dict": {"module.elsewhere.weight": torch.zeros(2, 2)}}, file)
    with pytest.raises(UsageError) as refusal:
        load(name, file)
    told = str(refusal.value)
    assert told.startswith(str(file)) and "\n" not in told
    assert NAMED.get(name, class_of(RELEASES[name])) in told


OTHER = dict(zip(RELEASES, [*list(RELEASES)[1:], "gaze360"], strict=True))


@pytest.mark.parametrize(("name", "other"), OTHER.items())
def test_both_networks_are_named(name: str, other: str, tmp_path: Path) -> None:
    file, release = tmp_path / first_file(RELEASES[name]), RELEASES[other]
    with torch.device("meta"):
        network = part_of(release, release.build())
    values = network.state_dict().items()
    torch.save({"state_dict": {key: torch.zeros(()).expand(value.shape) for key, value in values}}, file)
    with pytest.raises(UsageError) as refusal:
        load(name, file)
    told = str(refusal.value)
    assert NAMED.get(name, class_of(RELEASES[name])) in told
    assert owner(dict(values)) and f"but of {owner(dict(values))}" in told


@pytest.mark.parametrize("name", RELEASES)
def test_keys_that_are_missing_or_too_many_are_told(name: str, tmp_path: Path) -> None:
    release = RELEASES[name]
    with torch.device("meta"):
        network = part_of(release, release.build())
    state = {
        f"{release.prefix}{key}": torch.zeros(()).expand(value.shape) for key, value in network.state_dict().items()
    }
    # A counter of batches may be absent: before torch 0.4.1 there was none.
    ours, *_, lost = (key for key in state if not key.endswith("num_batches_tracked"))
    del state[lost]
    state[f"{release.prefix}surplus.bias"] = torch.zeros(1)
    file = tmp_path / first_file(release)
    torch.save({release.wrapper: state} if release.wrapper else state, file)
    with pytest.raises(UsageError) as refusal:
        load(name, file)
    told = str(refusal.value)
    assert f"1 keys missing ({lost.removeprefix(release.prefix)})" in told
    assert "1 keys unexpected (surplus.bias)" in told and ours not in told


@pytest.mark.promise("no code from data")
@pytest.mark.parametrize("name", RELEASES)
def test_a_pickle_with_code_is_refused_and_does_not_run(name: str, tmp_path: Path) -> None:
    file, ran = tmp_path / first_file(RELEASES[name]), tmp_path / "ran"
    for content in (lambda: torch.save({"state_dict": Bomb(ran)}, file), lambda: file.write_bytes(pickled(ran))):
        content()
        with pytest.raises(UsageError, match="not a readable checkpoint") as refusal:
            load(name, file)
        assert str(file) in str(refusal.value) and not ran.exists()


def pickled(target: Path) -> bytes:
    return pickle.dumps({"weight": Bomb(target)}, protocol=2)


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><title>Sign in</title>", b"PK\x03\x04 cut off"])
def test_what_is_no_checkpoint_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / first_file(RELEASES[name])
    file.write_bytes(content)
    with pytest.raises(UsageError, match="not a readable checkpoint") as refusal:
        load(name, file)
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize("name", RELEASES)
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file") as refusal:
        load(name, tmp_path / "elsewhere" / first_file(RELEASES[name]))
    assert first_file(RELEASES[name]) in str(refusal.value)
