"""Checkpoints: written atomically, read with checks, and the best of a fit."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import torch
from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gazenet.errors import UsageError
from gazenet.files import atomic_write

BLOCK = 1 << 20
LAST = "last.ckpt"
"""Name of the checkpoint that a resumed run continues."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files by temporary name, fsync and rename: a kill leaves the previous one intact."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``. An OSError (disk full) leaves the previous file."""
        try:
            save_whole(checkpoint, Path(path))
        except OSError as error:
            remedy = "make room, then --resume continues at the checkpoint before"
            raise OSError(error.errno, f"{error.strerror}: {remedy}", str(path)) from None


def save_whole(content: Any, path: Path) -> None:
    """Write ``content`` with ``torch.save`` and rename it into place; make the folder if needed. Raises OSError."""
    with atomic_write(path) as file:
        # In blocks, but never as a whole in memory: networks and their optimisers take gigabytes.
        buffered = io.BufferedWriter(cast(io.RawIOBase, file), BLOCK)
        try:
            torch.save(content, buffered)
        except RuntimeError:
            buffered.flush()  # where the disk is full this says so; torch does not
            raise
        buffered.flush()
        buffered.detach()


def check_readable(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint of this project. Raises UsageError where it cannot be read."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        content["state_dict"], content["epoch"]
    except Exception as error:
        raise UsageError(f"cannot read checkpoint {path}: {error}; delete it to start over") from None
    return content


def best_checkpoint(trainer: Trainer) -> str:
    """Return the path of the checkpoint of the best epoch so far; empty before the first."""
    kept = [entry for entry in trainer.checkpoint_callbacks if isinstance(entry, ModelCheckpoint) and entry.monitor]
    return kept[0].best_model_path if kept else ""
