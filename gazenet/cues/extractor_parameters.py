"""Checks of parameters that many extractors share: a choice of words, and a path of the user's own weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gazenet.cues.extractor import AssetPath
from gazenet.errors import UsageError

MODES = ("published", "corrected")


def checked_choice(plugin: str, parameter: str, value: str, choices: Iterable[str]) -> str:
    """Return ``value``. Raises UsageError naming plugin and parameter if it is not one of ``choices``."""
    listed = list(choices)
    if value not in listed:
        words = ", ".join(one or "''" for one in listed)
        raise UsageError(f"{plugin}: parameter {parameter!r} must be one of {words}, not {value!r}")
    return value


def checked_mode(plugin: str, mode: str) -> str:
    """Return ``mode`` if it is one of :data:`MODES`. Raises UsageError as :func:`checked_choice` does."""
    return checked_choice(plugin, "mode", mode, MODES)


def weights_path(weights: str, asset: str, asset_path: AssetPath) -> Path:
    """Return the user's ``weights`` (a file or a folder), or the file of ``asset`` where they are empty."""
    return Path(weights) if weights else asset_path(asset)
