"""Checkpoints survive a failing disk: the previous one stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gazenet import files
from gazenet.errors import UsageError
from gazenet.fusion.gasp_config import published
from gazenet.recipes.gasp.gasp_task import described
from gazenet.training.checkpoints import AtomicCheckpointIO, check_readable


@pytest.mark.promise("publish by rename")
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
    assert check_readable(path)["epoch"] == 1
    assert [item.name for item in path.parent.iterdir()] == ["last.ckpt"]


def test_unreadable_checkpoints_are_named(tmp_path: Path) -> None:
    torch.save({"epoch": 1}, tmp_path / "a.ckpt")
    for name in ("a.ckpt", "none.ckpt"):
        with pytest.raises(UsageError, match=f"cannot read checkpoint .*{name}"):
            check_readable(tmp_path / name)


def test_another_class_or_context_is_described() -> None:
    held = published("SequenceGASPDAMEncALSTMGMUConv", sequence_len=10, sequence_norm=True)
    for wanted, words in (
        (published("SequenceGASPEncALSTMConv", sequence_len=10), "SequenceGASPEncALSTMConv with context 10"),
        (published("SequenceGASPDAMEncALSTMGMUConv", sequence_len=8), "GMUConv with context 8"),
        (published("SequenceGASPDAMEncALSTMGMUConv", 4, 10, True), "context 10Norm, modalities 4"),
    ):
        assert words in described(wanted, held)
