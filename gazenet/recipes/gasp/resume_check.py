"""Whether a checkpoint to resume from holds the network that the config asks for."""

from __future__ import annotations

from pathlib import Path

from gazenet.errors import UsageError
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.integrator_files import NETWORK
from gazenet.recipes.gasp.gasp_task import class_of
from gazenet.training.checkpoints import check_readable


def check_fits(path: Path, network: GaspConfig) -> None:
    """Raises UsageError where a checkpoint to resume from cannot be read or holds another network, naming both."""
    stored = check_readable(path).get(NETWORK)
    try:
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
