"""Checkpoints survive a failing disk: the previous one stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gazenet import files
from gazenet.errors import UsageError
from gazenet.fusion.gasp_config import GaspConfig, published
from gazenet.recipes.gasp.resume_check import check_fits
from gazenet.training.checkpoints import AtomicCheckpointIO


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
    check_fits(path, GaspConfig())
    assert torch.load(path, weights_only=True)["epoch"] == 1
    assert [item.name for item in path.parent.iterdir()] == ["last.ckpt"]


def test_unreadable_checkpoints_are_named(tmp_path: Path) -> None:
    torch.save({"epoch": 1}, tmp_path / "a.ckpt")
    for name in ("a.ckpt", "none.ckpt"):
        with pytest.raises(UsageError, match=name):
            check_fits(tmp_path / name, GaspConfig())


def test_another_class_or_context_is_refused_naming_both(tmp_path: Path) -> None:
    held = published("SequenceGASPDAMEncALSTMGMUConv", sequence_len=10, sequence_norm=True)
    path = tmp_path / "last.ckpt"
    torch.save({"epoch": 1, "state_dict": {}, "network": held.as_dict()}, path)
    check_fits(path, held)
    for wanted, words in (
        (published("SequenceGASPEncALSTMConv", sequence_len=10), "SequenceGASPEncALSTMConv with context 10"),
        (published("SequenceGASPDAMEncALSTMGMUConv", sequence_len=8), "GMUConv with context 8"),
        (published("SequenceGASPDAMEncALSTMGMUConv", 4, 10, True), "context 10Norm, modalities 4"),
    ):
        with pytest.raises(UsageError) as caught:
            check_fits(path, wanted)
        assert "holds SequenceGASPDAMEncALSTMGMUConv with context 10Norm" in str(caught.value)
        assert words in str(caught.value).partition("the config asks for")[2]
