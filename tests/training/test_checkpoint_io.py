"""Checkpoints survive a failing disk: the previous one stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gazenet import files
from gazenet.errors import UsageError
from gazenet.training.checkpoint_io import AtomicCheckpointIO, check_readable


@pytest.mark.parametrize("operation", ["_os_write", "_os_fsync", "_os_replace"])
def test_a_failed_write_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    path = tmp_path / "deep" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1, "state_dict": {"a": torch.ones(3)}}, path)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, operation, full)
    with pytest.raises(OSError, match="No space"):
        AtomicCheckpointIO().save_checkpoint({"epoch": 2, "state_dict": {}}, path)
    monkeypatch.undo()
    check_readable(path)
    assert torch.load(path, weights_only=True)["epoch"] == 1
    assert [item.name for item in path.parent.iterdir()] == ["last.ckpt"]


def test_unreadable_checkpoints_are_named(tmp_path: Path) -> None:
    torch.save({"epoch": 1}, tmp_path / "a.ckpt")
    for name in ("a.ckpt", "none.ckpt"):
        with pytest.raises(UsageError, match=name):
            check_readable(tmp_path / name)
