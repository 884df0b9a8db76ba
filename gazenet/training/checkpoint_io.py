"""Checkpoints that are whole or not there: written beside their place, made durable, then renamed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gazenet.errors import UsageError
from gazenet.files import atomic_write
from gazenet.fusion.config import GaspConfig
from gazenet.training.task import NETWORK, class_of


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


def check_fits(path: Path, network: GaspConfig) -> None:
    """Raises UsageError where a checkpoint to resume from cannot be read or holds another network, naming both."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
        content["state_dict"], content["epoch"]
        stored = content.get(NETWORK)
        held = GaspConfig.from_dict(stored) if stored else network
    except Exception as error:
        raise UsageError(f"{path}: is no readable checkpoint ({error}); delete it to start anew") from None
    if held != network:
        raise UsageError(
            f"--resume: {path} holds {_words(held, network)}, but the config asks for {_words(network, held)}: use "
            "the config of that run, or another output"
        )


def _words(one: GaspConfig, other: GaspConfig) -> str:
    """Class, context and whatever else tells a network from another."""
    mine, theirs = one.as_dict(), other.as_dict()
    named = ("front", "order", "sequential", "sequence_len", "sequence_norm")
    rest = [f"{key} {mine[key]}" for key in mine if mine[key] != theirs[key] and key not in named]
    context = f"context {one.sequence_len}{'Norm' if one.sequence_norm else ''}"
    return ", ".join([f"{class_of(one)} with {context}", *rest])
