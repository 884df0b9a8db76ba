"""What was fetched and is kept, recorded beside the folder of an asset: ``<folder>.lock.json``.

A hash that nobody published is recorded the first time a file is seen. From then on another file under the same name
is refused, and a kept file that changes counts as damaged.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterable
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
"""What names of PyTorch checkpoints end in."""


class FetchedFile(ConfigModel):
    """A fetched file: what it was and where it came from."""

    sha256: str
    size: int
    address: str = ""


class KeptFile(ConfigModel):
    """A file in place; ``mtime_ns`` saves hashing it again until it changes."""

    sha256: str
    size: int
    mtime_ns: int


class AssetLock(ConfigModel):
    """The record of one asset. ``kept`` is filled for weights; of data sets the results are looked for.

    ``unpacked``: every file has proved to be what it should be, so that its hash counts from then on.
    """

    id: str
    files: dict[str, FetchedFile] = {}
    kept: dict[str, KeptFile] = {}
    complete: bool = False
    unpacked: bool = False


def lock_path(folder: Path) -> Path:
    """Where the record of an asset's folder is."""
    return folder.with_name(folder.name + ".lock.json")


def read_lock(folder: Path) -> AssetLock | None:
    """The record of a folder; None where there is none that can be read."""
    try:
        return AssetLock.model_validate_json(lock_path(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None


def write_lock(folder: Path, lock: AssetLock) -> None:
    """Write the record of a folder. Raises OSError."""
    write_text(lock_path(folder), lock.model_dump_json(indent=2) + "\n")


def examine(path: Path, file: PublishedFile, folder: Path, address: str = "") -> FetchedFile:
    """What a fetched file is. Raises GazenetError when it is not the published one, as far as that is known."""
    with path.open("rb") as opened:
        if looks_like_page(opened.read(SNIFF_BYTES)):
            raise GazenetError(f"{file.save_as}: is a web page instead of the file")
    seen = FetchedFile(sha256=sha256_file(path), size=path.stat().st_size, address=without_secrets(address))
    if (file.size or seen.size) != seen.size or (file.sha256 or seen.sha256) != seen.sha256:
        raise GazenetError(
            f"not the published file: {seen.size} bytes, sha256 {seen.sha256[:16]}..., the catalogue says "
            f"{file.size or 'any number of'} bytes, {(file.sha256 or 'unknown')[:16]}...; nothing was kept"
        )
    lock = read_lock(folder)
    proved = lock is not None and (lock.complete or lock.unpacked)
    known = lock.files.get(file.save_as) if lock and proved and not file.sha256 else None
    if known is not None and known.sha256 != seen.sha256:
        raise GazenetError(
            f"{file.save_as}: is another file than the one first seen (sha256 {known.sha256[:16]}...): if its authors "
            f"replaced it, delete {lock_path(folder)} and run again"
        )
    if not file.sha256:
        _check_form(path, file.save_as)
    return seen


def _check_form(path: Path, name: str) -> None:
    """Raises GazenetError for a file that cannot be what its name says, as far as that shows without reading it."""
    _check_zip(path, name)
    if name.endswith(CHECKPOINTS):
        other = other_format(path)
        if other is not None:
            raise GazenetError(f"{name}: {other[0]}; {other[1]}")


def _check_zip(path: Path, name: str) -> None:
    """A checkpoint or archive in zip form knows its own end and checksums."""
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


def kept_files(folder: Path, names: Iterable[str]) -> dict[str, KeptFile]:
    """Records of files below a folder."""
    found = {}
    for name in names:
        status = (folder / name).stat()
        digest = sha256_file(folder / name)
        found[name] = KeptFile(sha256=digest, size=status.st_size, mtime_ns=status.st_mtime_ns)
    return found


def absent_results(asset: PublishedAsset, folder: Path) -> list[str]:
    """Patterns of the asset's results that find nothing in a folder."""
    return [pattern for pattern in asset.result if next(folder.glob(pattern), None) is None]


def is_complete(asset: PublishedAsset, folder: Path) -> bool:
    """Whether an asset is in place and unchanged; files that were put there by hand are examined and recorded."""
    if not folder.is_dir() or absent_results(asset, folder):
        return False
    lock = read_lock(folder)
    if lock is None:
        return _adopt(asset, folder)
    if not lock.complete:  # The last run ended before everything was in place.
        return False
    if any(file.sha256 and seen.sha256 != file.sha256 for file, seen in _known(asset, lock)):
        return False
    return all(_unchanged(folder / name, kept) for name, kept in lock.kept.items())


def _known(asset: PublishedAsset, lock: AssetLock) -> list[tuple[PublishedFile, FetchedFile]]:
    return [(file, lock.files[file.save_as]) for file in asset.files if file.save_as in lock.files]


def _unchanged(path: Path, kept: KeptFile) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_size != kept.size:
        return False
    return status.st_mtime_ns == kept.mtime_ns or sha256_file(path) == kept.sha256


def _adopt(asset: PublishedAsset, folder: Path) -> bool:
    """Take what a person or the published scripts put in place; nothing where any of it is not right."""
    plain = [file for file in asset.files if file.save_as not in asset.archives]
    try:
        seen = {file.save_as: examine(folder / file.save_as, file, folder) for file in plain}
    except (OSError, GazenetError):
        return False
    with contextlib.suppress(OSError):  # A read-only folder is examined every time, and works.
        write_lock(folder, completed(asset, folder, seen))
    return True


def completed(asset: PublishedAsset, folder: Path, files: dict[str, FetchedFile]) -> AssetLock:
    """The record of an asset that is in place; of weights, every file that the results name is hashed."""
    names = {path.relative_to(folder).as_posix() for pattern in asset.result for path in folder.glob(pattern)}
    plain = sorted(name for name in names if (folder / name).is_file()) if asset.role == "model" else []
    return AssetLock(id=asset.id, files=files, kept=kept_files(folder, plain), complete=True, unpacked=True)
