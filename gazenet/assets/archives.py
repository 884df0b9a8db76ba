"""Read one named file from a package archive, within limits and without unpacking anything else.

The bytes are read into memory and nothing is written under a name from the archive, so a hostile path, link or device
inside an archive has no effect.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from gazenet.errors import GazenetError

MAX_BYTES = 512 * 1024 * 1024
MAX_MEMBERS = 50_000


def read_member(archive: Path, member: str, nested: str | None = None) -> bytes:
    """Return the bytes of ``member`` of a zip (wheel) or tar archive, or of the file ``nested`` if it is a zip itself.

    Raises GazenetError where the file is not an archive, the member is absent or a limit is exceeded.
    """
    try:
        with archive.open("rb") as file:
            data = _read_zip(file, member) if zipfile.is_zipfile(archive) else _read_tar(file, member)
        return data if nested is None else _read_zip(io.BytesIO(data), nested)
    except KeyError as error:
        raise GazenetError(f"{archive.name}: {error.args[0]}") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise GazenetError(f"{archive.name}: damaged archive: {error}") from None


def _read_zip(file: IO[bytes], member: str) -> bytes:
    with zipfile.ZipFile(file) as archive:
        _check(member, archive.getinfo(member).file_size, len(archive.infolist()))
        with archive.open(member) as content:
            return _bounded(content, member)


def _read_tar(file: IO[bytes], member: str) -> bytes:
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for count, info in enumerate(archive, start=1):
            _check(member, 0, count)
            if info.name == member and info.isreg():
                _check(member, info.size, count)
                content = archive.extractfile(info)
                assert content is not None  # it is a regular file
                return _bounded(content, member)
    raise KeyError(f"there is no file {member} in it")


def _check(member: str, size: int, count: int) -> None:
    if size > MAX_BYTES:
        raise GazenetError(f"{member}: {size} bytes unpacked, more than the limit of {MAX_BYTES}")
    if count > MAX_MEMBERS:
        raise GazenetError(f"{member}: its archive holds more than {MAX_MEMBERS} files")


def _bounded(content: IO[bytes], member: str) -> bytes:
    data = content.read(MAX_BYTES + 1)  # The declared size may lie.
    _check(member, len(data), 0)
    return data
