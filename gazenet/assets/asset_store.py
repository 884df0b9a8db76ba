"""The asset folder: which files are there and verified."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
from pathlib import Path

from gazenet.assets.catalogue import Catalogue, load_catalogue
from gazenet.assets.catalogue_entry import Asset, PublishedAsset, RegistryPackage, UnpublishedAsset
from gazenet.assets.locks import is_complete, lock_path, read_lock
from gazenet.errors import GazenetError, UsageError
from gazenet.files import sha256_file, write_json

INSTEAD = {
    "saliency_prediction/gasp/": "the embedded integrator (gasp_infer without --infer_config)",
    "saliency_prediction/": "the embedded extractor saliency",
    "emotion_recognition/": "the embedded extractor facial_expression",
    "gaze_estimation/": "the embedded extractor gaze_direction",
    "gaze_following/": "the embedded extractor gaze_following",
    "sound_localization/": "the embedded extractor active_speaker",
}
"""What takes the place of published weights: beginning of an id, and what needs no published download."""


def asset_dir() -> Path:
    """``$GAZENET_ASSETS``, else ``share/gazenet/assets`` of this Python environment."""
    chosen = os.environ.get("GAZENET_ASSETS")
    return Path(chosen).expanduser() if chosen else Path(sys.prefix) / "share" / "gazenet" / "assets"


@functools.cache
def installed_catalogue() -> Catalogue:
    """The catalogue that came with the package, read once."""
    return load_catalogue()


def asset_path(asset_id: str) -> Path:
    """The verified local file of an asset of the installed catalogue; a folder for published checkpoints.

    Hashes are checked the first time; a record beside the file or folder then stands for that check until sizes or
    modification times change. A checkpoint is looked for in the working directory's ``gazenet/models/`` too, where the
    published layout has it. Raises UsageError (with the command that helps) when it is missing or damaged.
    """
    asset = installed_catalogue().get(asset_id)
    if isinstance(asset, UnpublishedAsset):
        raise UsageError(f"weights '{asset_id}': no published checkpoint; {asset.notes}")
    path = local_path(asset)
    if is_verified(asset, path):
        return path
    if not path.exists():
        raise UsageError(f"weights '{asset_id}' are missing ({path}); {remedy(asset)}")
    raise UsageError(f"weights '{asset_id}' are damaged ({path} differs from the published file); {remedy(asset)}")


def remedy(asset: Asset) -> str:
    """The command that fetches an asset, and what does without it."""
    instead = next((text for start, text in INSTEAD.items() if asset.id.startswith(start)), "")
    return f"run: gasp_download_manager --{asset.role}s {asset.id}" + (
        f"; or without it: {instead}" if instead else ""
    )


def asset_digest(asset_id: str) -> str:
    """SHA-256 that stands for the content of an asset; from the record of a folder, without reading its files again.

    Raises UsageError as :func:`asset_path` does.
    """
    path = asset_path(asset_id)
    if path.is_file():
        return sha256_file(path)
    lock = read_lock(path)
    if lock is not None and lock.complete:
        told = {name: kept.sha256 for name, kept in lock.kept.items()}
    else:  # a folder that cannot be written to
        told = {str(file.relative_to(path)): sha256_file(file) for file in path.rglob("*") if file.is_file()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def local_path(asset: Asset, folder: Path | None = None) -> Path:
    """Where an asset is kept, whether or not it is there; without ``folder``, the first usual place that has it."""
    if folder is not None:
        return folder / asset.file_name
    if not isinstance(asset, PublishedAsset):
        return asset_dir() / asset.file_name
    shared, here = asset_dir() / asset.file_name, Path(asset.install_dir)
    if asset.role == "dataset":
        return here
    return here if not shared.exists() and here.exists() else shared


def is_verified(asset: Asset, path: Path) -> bool:
    """Whether ``path`` is the published file or folder: by its record, else by sizes and hashes (then recorded)."""
    if isinstance(asset, PublishedAsset):
        return is_complete(asset, path)
    return isinstance(asset, RegistryPackage) and _is_verified_file(asset, path)


def _is_verified_file(asset: RegistryPackage, path: Path) -> bool:
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


def state(asset: Asset, path: Path) -> str:
    """``present``, ``damaged``, ``begun``, ``missing`` or ``not published``."""
    if isinstance(asset, UnpublishedAsset):
        return "not published"
    if is_verified(asset, path):
        return "present"
    if (path.parent / f".{path.name}.fetch").exists():
        return "begun"
    return "damaged" if path.is_file() or lock_path(path).exists() else "missing"


def _stamp(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(_stamp(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
