"""Checkpoints that are whole or not there: written beside their place, made durable, then renamed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gazenet.errors import UsageError
from gazenet.files import atomic_write


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files by temporary name, fsync and rename: a kill leaves the previous one intact."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``; OSError (disk full) leaves what was there."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with atomic_write(target) as file:
            file.write(buffer.getbuffer())


def check_readable(path: Path) -> None:
    """Raises UsageError where a checkpoint to resume from cannot be read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
        content["state_dict"], content["epoch"]
    except Exception as error:
        raise UsageError(f"{path}: is no readable checkpoint ({error}); delete it to start anew") from None
