"""A disk that is full anywhere in a training: one line with the file, the last good state stays, a resume goes on."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gazenet.cli import train
from tests.faults import inject

pytestmark = pytest.mark.usefixtures("installed")
Write = Callable[..., Path]
KEYS = {"trainer": {"max_epochs": 2}}


def run(path: Path, *argv: str) -> int:
    return train.main(["--train_config_file", str(path), *argv])


def valid(folder: Path) -> bool:
    """Whether the last checkpoint, if there is one, can be read, and nothing half written lies beside it."""
    last = folder / "first" / "last.ckpt"
    if last.exists():
        torch.load(last, weights_only=True)
    return not list((folder / "first").glob(".*.tmp*"))


def same(whole: Path, other: Path) -> bool:
    first, second = (torch.load(path / "first.pth", weights_only=True) for path in (whole, other))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_whichever_write_finds_the_disk_full(write_config: Write, capsys: pytest.CaptureFixture[str]) -> None:
    whole = write_config("whole", **KEYS)
    with inject() as counted:
        assert run(whole) == 0
    writes = [k for k, name in enumerate(counted.seen, 1) if name == "write"]
    for k in writes[1 :: max(1, len(writes) // 6)]:
        path = write_config(f"cut{k}", **KEYS)
        capsys.readouterr()
        with inject(k, "torn"):
            assert run(path) == 1
        said = capsys.readouterr().err
        assert "No space left on device" in said and said.count("\n") == 1
        assert str(path.with_suffix("")) in said, "the file is named"
        assert valid(path.with_suffix(""))
        assert run(path, "--resume") == 0
        assert same(whole.with_suffix(""), path.with_suffix(""))


def test_a_log_that_cannot_be_written_is_named(
    write_config: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lightning.fabric.loggers.csv_logs import _ExperimentWriter

    saved, real = [], _ExperimentWriter.save

    def full(self: _ExperimentWriter) -> None:
        saved.append(1)
        if len(saved) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self)

    path = write_config("own", **KEYS)
    with monkeypatch.context() as patched:
        patched.setattr(_ExperimentWriter, "save", full)
        assert run(path) == 1
    said = capsys.readouterr().err
    assert f"{path.with_suffix('') / 'first' / 'log' / 'metrics.csv'}" in said and "make room, then --resume" in said
    assert said.count("\n") == 1 and valid(path.with_suffix(""))
    assert run(path, "--resume") == 0


def test_a_limit_of_file_size(write_config: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_config("own", trainer={"max_epochs": 2}, logger="")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        assert run(path) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err
    assert "File too large" in said and f"{path.with_suffix('')}" in said and said.count("\n") == 1
    assert valid(path.with_suffix(""))
    assert run(path, "--resume") == 0
