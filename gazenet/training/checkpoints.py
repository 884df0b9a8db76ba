"""Checkpoints that are whole or not there: written beside their place, made durable, then renamed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gazenet.errors import UsageError
from gazenet.files import atomic_write

BLOCK = 1 << 20
LAST = "last.ckpt"
"""Name of the checkpoint that a resumed run continues."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files by temporary name, fsync and rename: a kill leaves the previous one intact."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``; OSError (disk full) leaves what was there."""
        try:
            save_whole(checkpoint, Path(path))
        except OSError as error:
            remedy = "make room, then --resume continues at the checkpoint before"
            raise OSError(error.errno, f"{error.strerror}: {remedy}", str(path)) from None


def save_whole(content: Any, path: Path) -> None:
    """``torch.save`` to a file that appears whole, in a folder that is made if need be."""
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
    """The content of a checkpoint of this project. Raises UsageError where it cannot be read."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        content["state_dict"], content["epoch"]
    except Exception as error:
        raise UsageError(f"{path}: is no readable checkpoint ({error}); delete it to start anew") from None
    return content
