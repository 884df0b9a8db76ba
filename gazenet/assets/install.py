"""Install one published asset: fetched and unpacked in a private folder, put in place when all of it is right."""

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
    """Where progress is told."""

    def say(self, text: str) -> None: ...
    def meter(self, name: str) -> ProgressMeter: ...


@dataclass(frozen=True)
class InstallTools:
    """What installing needs beside the asset: threads for files, the display, a mirror, the wish to end."""

    pool: Executor
    display: ProgressDisplay
    mirror: str
    stop: threading.Event


def install(asset: PublishedAsset, folder: Path, tools: InstallTools) -> None:
    """Put ``asset`` into ``folder``. Raises GazenetError and OSError; then nothing new is in place, and what was
    fetched is kept in ``.<folder>.fetch`` beside it for the next run.
    """
    staging = staging_of(folder)
    downloads, tree = staging / "downloads", staging / "tree"
    downloads.mkdir(parents=True, exist_ok=True)
    with _alone(staging, tools.stop):
        if is_complete(asset, folder):  # Another process was quicker.
            return
        files = _fetch_all(asset, folder, downloads, tools)
        _prepare(asset, folder, downloads, tree, tools)
        # Only now: a hash that nobody published is worth recording when the file has proved to be right.
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
    """The private folder in which an asset is made."""
    return folder.parent / f".{folder.name}.fetch"


@contextmanager
def _alone(staging: Path, stop: threading.Event) -> Iterator[None]:
    """Wait until no other process installs the same asset; remove the private folder when nothing is left to keep.

    Waiting saves work; what is correct does not depend on it.
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
    found = _from_packages(asset, folder, downloads)
    left = [file for file in asset.files if file.save_as not in found]
    futures = {file.save_as: tools.pool.submit(_fetch, asset, file, folder, downloads, tools) for file in left}
    wait(futures.values())
    errors = [error for future in futures.values() if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, GazenetError):
            raise error
    if errors:
        raise GazenetError("; ".join(dict.fromkeys(map(str, errors))))
    return {**found, **{name: future.result() for name, future in futures.items()}}


def _from_packages(asset: PublishedAsset, folder: Path, downloads: Path) -> dict[str, FetchedFile]:
    """Files inside packages; each package is downloaded once."""
    wanted = [(file, source) for file in asset.files for source in file.sources if isinstance(source, PackageSource)]
    found: dict[str, FetchedFile] = {}
    for key in dict.fromkeys(source.archive for _, source in wanted):
        with tempfile.TemporaryDirectory(dir=downloads, prefix="package-") as name:
            archive = download_package(*key, Path(name))
            for file, source in wanted:
                if source.archive == key:
                    target = downloads / file.save_as
                    write_bytes(target, read_member(archive, source.member, source.nested_member))
                    found[file.save_as] = examine(target, file, folder, f"{key[0]}:{key[1]}=={key[2]}")
    return found


def _fetch(
    asset: PublishedAsset, file: PublishedFile, folder: Path, downloads: Path, tools: InstallTools
) -> FetchedFile:
    """One file, complete and examined, in ``downloads``."""
    target = downloads / file.save_as
    if target.exists():
        with suppress(GazenetError):  # damaged since, or let through by an earlier version
            return examine(target, file, folder)
        _put_away(file, target, folder)
    by_hand = folder / file.save_as
    if file.manual is not None and by_hand.is_file():
        seen = examine(by_hand, file, folder, file.manual.url)
        by_hand.replace(target)
        return seen
    addresses = _addresses(asset, file, tools.mirror)
    if not addresses:
        raise GazenetError(_instructions(file, by_hand))
    seen_files: list[FetchedFile] = []
    wanted = ExpectedFile(
        size=file.size,
        hashed=file.sha256 is not None,
        self_checking=file.save_as in asset.archives,
        check=lambda path: seen_files.append(examine(path, file, folder)),
    )
    part = downloads / f"{file.save_as}.part"
    tools.display.say(f"{asset.id}: fetching {addresses[0]}")
    _warn_of(addresses[0], asset, file, tools)
    try:
        address = download(addresses, part, wanted, tools.display.meter(file.save_as), tools.stop)
    except GazenetError as error:
        raise GazenetError(f"{error}; {_instructions(file, by_hand)}" if file.manual else str(error)) from None
    if address != addresses[0]:
        _warn_of(address, asset, file, tools)
    sync_file(part)
    publish(part, target)
    return seen_files[-1].model_copy(update={"address": without_secrets(address)})


def _warn_of(address: str, asset: PublishedAsset, file: PublishedFile, tools: InstallTools) -> None:
    """Say that nothing protects a file on its way, where that is so."""
    if address.startswith("http://") and file.sha256 is None:
        tools.display.say(
            f"{asset.id}: warning: {address} is not protected (plain http) and nobody published the hash of "
            f"{file.save_as}: what comes is taken as it is, and its hash recorded"
        )


def _addresses(asset: PublishedAsset, file: PublishedFile, mirror: str) -> list[str]:
    found = [f"{mirror.rstrip('/')}/{asset.id}/{file.save_as.replace(' ', '%20')}"] if mirror else []
    for source in file.sources:
        if isinstance(source, HttpSource):
            found.append(source.url)
        elif isinstance(source, DriveSource):
            found.append(drive_address(source.file_id))
    return found


def _instructions(file: PublishedFile, target: Path) -> str:
    """What a person does for a file that no program can fetch."""
    page = file.manual
    if page is None:
        return f"{file.save_as}: no address that a program can fetch from"
    note = f" ({page.note})" if page.note else ""
    return f"by hand: open {page.url} in a browser{note}, save the file as {target.absolute()} and run this again"


def _prepare(asset: PublishedAsset, folder: Path, downloads: Path, tree: Path, tools: InstallTools) -> None:
    """Run the steps afresh in ``tree`` and look for the results; without them, nothing is left of either.

    Archives of which nobody published a hash are what is wrong then, and are put away: kept, they would fail again.
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
            raise UnusableArchive(f"{', '.join(absent)} not among what was fetched: the publication has changed")
    except BaseException as error:
        shutil.rmtree(tree, ignore_errors=True)
        if isinstance(error, UnusableArchive):
            suspects = [file for file in asset.files if file.save_as in asset.archives and file.sha256 is None]
            told = [_put_away(file, downloads / file.save_as, folder) for file in suspects]
            raise GazenetError("; ".join([str(error), *told])) from None
        raise


def _put_away(file: PublishedFile, path: Path, folder: Path) -> str:
    """Throw a file away that is not the right one, or set it aside where a person fetched it; what was done."""
    if any(not isinstance(source, ManualSource) for source in file.sources):
        path.unlink(missing_ok=True)
        return f"{file.save_as} was thrown away: run again to fetch it anew"
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{file.save_as}.refused"
    path.replace(aside)
    return f"it was set aside as {aside}: fetch it again ({_instructions(file, folder / file.save_as)})"


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _place(tree: Path, folder: Path) -> None:
    """Move everything below ``tree`` into ``folder``, file by file where a folder is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(tree.iterdir()):
        target = folder / path.name
        if path.is_dir() and target.is_dir():
            _place(path, target)
        elif target.is_dir():
            raise GazenetError(f"{target}: is a folder where a file belongs: move it away and run again")
        else:
            publish(path, target)
