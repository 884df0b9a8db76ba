"""The asset folder: which files are there and verified."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from pathlib import Path

from gazenet.assets.catalogue import Asset, Catalogue, load_catalogue
from gazenet.errors import GazenetError, UsageError
from gazenet.files import sha256_file, write_json


def asset_dir() -> Path:
    """``$GAZENET_ASSETS``, else ``share/gazenet/assets`` of this Python environment."""
    chosen = os.environ.get("GAZENET_ASSETS")
    return Path(chosen).expanduser() if chosen else Path(sys.prefix) / "share" / "gazenet" / "assets"


@functools.cache
def installed_catalogue() -> Catalogue:
    """The catalogue that came with the package, read once."""
    return load_catalogue()


def asset_path(asset_id: str) -> Path:
    """The verified local file of an asset of the installed catalogue.

    Size and SHA-256 are checked the first time; a stamp beside the file then stands for that check until the file's
    size or modification time changes. Raises UsageError (with the command that helps) when it is missing or damaged.
    """
    asset = installed_catalogue().get(asset_id)
    path = local_path(asset)
    remedy = f"run: gasp_download_manager --models {asset_id}"
    if not path.is_file():
        raise UsageError(f"weights '{asset_id}' are missing ({path}); {remedy}")
    if not is_verified(asset, path):
        raise UsageError(f"weights '{asset_id}' are damaged ({path} differs from the published file); {remedy}")
    return path


def local_path(asset: Asset, folder: Path | None = None) -> Path:
    """Where an asset is kept, whether or not it is there."""
    return (folder or asset_dir()) / asset.file_name


def is_verified(asset: Asset, path: Path) -> bool:
    """Whether ``path`` is the published file: by its stamp, else by size and hash (which then leaves a stamp)."""
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_size != asset.size:
        return False
    facts = {"sha256": asset.sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if _read_stamp(path) == facts:
        return True
    if sha256_file(path) != asset.sha256:
        return False
    with contextlib.suppress(OSError, GazenetError):  # A read-only folder is hashed every time, and works.
        write_json(_stamp(path), facts)
    return True


def _stamp(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(_stamp(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
