"""The asset folder: where assets are kept, and which of them are present and verified."""

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
"""Alternatives to published weights, by the beginning of an asset id: embedded parts that need no such download."""


def asset_dir() -> Path:
    """Return ``$GAZENET_ASSETS``, else ``share/gazenet/assets`` of this Python environment."""
    folder = os.environ.get("GAZENET_ASSETS")
    return Path(folder).expanduser() if folder else Path(sys.prefix) / "share" / "gazenet" / "assets"


@functools.cache
def installed_catalogue() -> Catalogue:
    """Return the catalogue of the package; it is read once."""
    return load_catalogue()


def asset_path(asset_id: str) -> Path:
    """Return the verified local file of an asset of the installed catalogue, or the folder of a published checkpoint.

    Hashes are checked once; a record beside the file or folder then replaces the check until sizes or modification
    times change. Checkpoints are also looked up in the working directory's ``gazenet/models/``, their place in the
    published layout. Raises UsageError, with the command that fetches the asset, where it is missing or damaged.
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
    """Return the command that fetches an asset, and the embedded alternative where there is one."""
    instead = next((text for start, text in INSTEAD.items() if asset.id.startswith(start)), "")
    return f"run: gasp_download_manager --{asset.role}s {asset.id}" + (
        f"; or without it: {instead}" if instead else ""
    )


def asset_digest(asset_id: str) -> str:
    """Return a SHA-256 that identifies the content of an asset.

    The digest of a folder comes from its record, without reading the files again. Raises UsageError as
    :func:`asset_path` does.
    """
    path = asset_path(asset_id)
    if path.is_file():
        return sha256_file(path)
    lock = read_lock(path)
    if lock is not None and lock.complete:
        hashes = {name: file.sha256 for name, file in lock.kept.items()}
    else:  # a folder that cannot be written to
        hashes = {str(file.relative_to(path)): sha256_file(file) for file in path.rglob("*") if file.is_file()}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def local_path(asset: Asset, folder: Path | None = None) -> Path:
    """Return the path of an asset, present or not.

    Without ``folder``, published checkpoints in the working directory are used where the asset folder lacks them.
    """
    if folder is not None:
        return folder / asset.file_name
    if not isinstance(asset, PublishedAsset):
        return asset_dir() / asset.file_name
    shared, here = asset_dir() / asset.file_name, Path(asset.install_dir)
    if asset.role == "dataset":
        return here
    return here if not shared.exists() and here.exists() else shared


def is_verified(asset: Asset, path: Path) -> bool:
    """Return whether ``path`` is the published file or folder: by its record, else by sizes and hashes."""
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
    with contextlib.suppress(OSError, GazenetError):  # files in a read-only folder are hashed every time
        write_json(_stamp(path), facts)
    return True


def state(asset: Asset, path: Path) -> str:
    """Return ``present``, ``damaged``, ``begun``, ``missing`` or ``not published``."""
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
