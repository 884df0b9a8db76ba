"""The record of an asset's files, ``<folder>.lock.json`` beside its folder.

Where no hash was published, the hash of the first download is recorded. From then on another file under the same name
is refused, and an installed file that changes counts as damaged.
"""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

from pydantic import ValidationError

from gazenet.assets.catalogue_entry import PublishedAsset, PublishedFile
from gazenet.assets.http import SNIFF_BYTES, looks_like_page
from gazenet.backbones.file_formats import other_format
from gazenet.config.model import ConfigModel
from gazenet.errors import GazenetError
from gazenet.files import sha256_file, write_text
from gazenet.redaction import without_secrets

CHECKPOINTS = (".pt", ".pth", ".pth.tar", ".ckpt")
"""Endings of PyTorch checkpoints."""


class FetchedFile(ConfigModel):
    """Hash, size in bytes and address of a fetched file."""

    sha256: str
    size: int
    address: str = ""


class KeptFile(ConfigModel):
    """Hash, size in bytes and modification time of an installed file; it is hashed again only when these change."""

    sha256: str
    size: int
    mtime_ns: int


class AssetLock(ConfigModel):
    """The record of one asset.

    Attributes:
        id: the asset.
        files: fetched files by name.
        kept: installed files by name; for weights only, of data sets only the existence of results is checked.
        complete: whether all results are in place.
        unpacked: whether all steps succeeded, so that recorded hashes are binding.
    """

    id: str
    files: dict[str, FetchedFile] = {}
    kept: dict[str, KeptFile] = {}
    complete: bool = False
    unpacked: bool = False


def lock_path(folder: Path) -> Path:
    """Return the path of the record of an asset's folder."""
    return folder.with_name(folder.name + ".lock.json")


def read_lock(folder: Path) -> AssetLock | None:
    """Read the record of a folder; None without a readable one."""
    try:
        return AssetLock.model_validate_json(lock_path(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None


def write_lock(folder: Path, lock: AssetLock) -> None:
    """Write the record of a folder. Raises OSError."""
    write_text(lock_path(folder), lock.model_dump_json(indent=2) + "\n")


def examine(path: Path, file: PublishedFile, folder: Path, address: str = "") -> FetchedFile:
    """Return hash and size of a fetched file. Raises GazenetError where it cannot be the published file."""
    with path.open("rb") as opened:
        if looks_like_page(opened.read(SNIFF_BYTES)):
            raise GazenetError(f"{file.save_as}: is a web page instead of the file")
    fetched = FetchedFile(sha256=sha256_file(path), size=path.stat().st_size, address=without_secrets(address))
    if (file.size or fetched.size) != fetched.size or (file.sha256 or fetched.sha256) != fetched.sha256:
        raise GazenetError(
            f"not the published file: {fetched.size} bytes, sha256 {fetched.sha256[:16]}..., the catalogue has "
            f"{file.size or 'any number of'} bytes, {(file.sha256 or 'unknown')[:16]}...; the file was discarded"
        )
    lock = read_lock(folder)
    binding = lock is not None and (lock.complete or lock.unpacked)
    recorded = lock.files.get(file.save_as) if lock and binding and not file.sha256 else None
    if recorded is not None and recorded.sha256 != fetched.sha256:
        raise GazenetError(
            f"{file.save_as}: differs from the first download (sha256 {recorded.sha256[:16]}...): if its authors "
            f"replaced it, delete {lock_path(folder)} and run again"
        )
    if not file.sha256:
        _check_format(path, file.save_as)
    return fetched


def _check_format(path: Path, name: str) -> None:
    """Raise GazenetError for a file whose first bytes contradict its name."""
    _check_zip(path, name)
    if name.endswith(CHECKPOINTS):
        other = other_format(path)
        if other is not None:
            raise GazenetError(f"{name}: {other[0]}; {other[1]}")


def _check_zip(path: Path, name: str) -> None:
    """Raise GazenetError for a checkpoint or archive in zip format that is truncated or has a wrong checksum."""
    with path.open("rb") as opened:
        if opened.read(4) != b"PK\x03\x04":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise GazenetError(f"{name}: is damaged or incomplete ({error})") from None
    if bad is not None:
        raise GazenetError(f"{name}: is damaged ({bad} has another checksum)")


def _kept(path: Path) -> KeptFile:
    status = path.stat()
    return KeptFile(sha256=sha256_file(path), size=status.st_size, mtime_ns=status.st_mtime_ns)


def absent_results(asset: PublishedAsset, folder: Path) -> list[str]:
    """Return the patterns of the asset's results that match nothing in a folder."""
    return [pattern for pattern in asset.result if next(folder.glob(pattern), None) is None]


def is_complete(asset: PublishedAsset, folder: Path) -> bool:
    """Return whether an asset is in place and unchanged; files copied there by hand are verified and recorded."""
    if not folder.is_dir() or absent_results(asset, folder):
        return False
    lock = read_lock(folder)
    if lock is None:
        return _adopt(asset, folder)
    if not lock.complete:  # the last run ended before everything was in place
        return False
    recorded = [(file, lock.files[file.save_as]) for file in asset.files if file.save_as in lock.files]
    if any(file.sha256 and fetched.sha256 != file.sha256 for file, fetched in recorded):
        return False
    return all(_unchanged(folder / name, kept) for name, kept in lock.kept.items())


def _unchanged(path: Path, kept: KeptFile) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_size != kept.size:
        return False
    return status.st_mtime_ns == kept.mtime_ns or sha256_file(path) == kept.sha256


def _adopt(asset: PublishedAsset, folder: Path) -> bool:
    """Record files that a person or the published scripts put in place; return False where any is wrong."""
    plain = [file for file in asset.files if file.save_as not in asset.archives]
    try:
        fetched = {file.save_as: examine(folder / file.save_as, file, folder) for file in plain}
    except (OSError, GazenetError):
        return False
    with contextlib.suppress(OSError):  # files in a read-only folder are verified every time
        write_lock(folder, completed(asset, folder, fetched))
    return True


def completed(asset: PublishedAsset, folder: Path, files: dict[str, FetchedFile]) -> AssetLock:
    """Return the record of an asset in place, with the hashes of all result files of weights."""
    names = {path.relative_to(folder).as_posix() for pattern in asset.result for path in folder.glob(pattern)}
    plain = sorted(name for name in names if (folder / name).is_file()) if asset.role == "model" else []
    kept = {name: _kept(folder / name) for name in plain}
    return AssetLock(id=asset.id, files=files, kept=kept, complete=True, unpacked=True)
