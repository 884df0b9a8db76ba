"""What a user may give an extractor: one of several words, and weights of their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gazenet.cues.extractor import AssetPath
from gazenet.errors import UsageError

MODES = ("published", "corrected")


def checked_choice(plugin: str, parameter: str, value: str, known: Iterable[str]) -> str:
    """The value. Raises UsageError naming plugin and parameter where it is none of the known ones."""
    listed = list(known)
    if value not in listed:
        words = ", ".join(one or "''" for one in listed)
        raise UsageError(f"{plugin}: parameter {parameter!r} must be one of {words}, not {value!r}")
    return value


def checked_mode(plugin: str, mode: str) -> str:
    """The mode, one of :data:`MODES`. Raises UsageError as :func:`checked_choice` does."""
    return checked_choice(plugin, "mode", mode, MODES)


def weights_path(weights: str, asset: str, asset_path: AssetPath) -> Path:
    """What a user gives instead of the asset, or the asset: a file or a folder."""
    return Path(weights) if weights else asset_path(asset)
