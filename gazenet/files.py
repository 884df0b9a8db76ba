"""Atomic files: unique temporary name in the same folder, fsync, rename, fsync of the folder.

Every change on disk that users rely on passes through the ``_os_*`` functions, so that tests can make each of them
fail.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from gazenet.redaction import ESCAPING, redact

_NAME_BYTES = 60  # of the final name inside the temporary one: file systems limit names to 255 bytes
_SUFFIX_BYTES = 16
_NUMBER = re.compile("([0-9]+)")


def _os_write(descriptor: int, data: bytes | memoryview) -> int:
    return os.write(descriptor, data)


def _os_fsync(descriptor: int) -> None:
    os.fsync(descriptor)


def _os_replace(source: Path, target: Path) -> None:
    os.replace(source, target)


def _os_fallocate(descriptor: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):  # absent on macOS, where the write itself allocates the space
        os.posix_fallocate(descriptor, offset, length)


def _os_unlink(path: Path) -> None:
    os.unlink(path)


class _Writer(io.RawIOBase):
    """A new binary file, unbuffered and seekable, written with :func:`write_all`."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def write(self, data: Any) -> int:
        """Write all bytes and return their number."""
        view = memoryview(data).cast("B")
        write_all(self._descriptor, view)
        return len(view)

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it."""
        return os.lseek(self._descriptor, offset, whence)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def sync(self) -> None:
        """Make written bytes durable."""
        _os_fsync(self._descriptor)

    def close(self) -> None:
        """Close the descriptor; repeated calls do nothing."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte, also where the system splits the data. Raises OSError, for example on a full disk."""
    view = memoryview(data).cast("B")
    while view:
        written = _os_write(descriptor, view)
        if written <= 0:
            raise OSError(errno.EIO, "nothing could be written")
        view = view[written:]


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable, where its file system supports it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _os_fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems do not sync folders
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of a file that other code wrote durable."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        _os_fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, target: Path) -> None:
    """Rename a finished file to its final name, durably."""
    _os_replace(temporary, target)
    sync_folder(target.parent)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a binary file that gets its name only when the block ends without an error.

    The file is unbuffered and seekable; its folder is created if necessary. Raises OSError.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _unique(target)
    writer = _Writer(temporary)
    try:
        yield cast(BinaryIO, writer)
        writer.sync()
        writer.close()
        publish(temporary, target)
    except BaseException as error:
        writer.close()
        _remove(temporary)
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from None  # errors of descriptors lack the name
        raise


@contextlib.contextmanager
def atomic_path(path: str | Path, suffix: str | None = None) -> Iterator[Path]:
    """Yield a temporary path for code that opens files by name; sync and rename it when the block succeeds.

    Args:
        path: the final name.
        suffix: ending of the temporary name, for libraries that depend on it; that of ``path`` by default.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _unique(target, target.suffix if suffix is None else suffix)
    try:
        yield temporary
        sync_file(temporary)
        publish(temporary, target)
    except BaseException:
        _remove(temporary)
        raise


def _unique(target: Path, suffix: str = "") -> Path:
    stem = target.name.encode("utf-8", "surrogateescape")[:_NAME_BYTES].decode("utf-8", "ignore")
    return target.with_name(f".{stem}.{uuid.uuid4().hex[:12]}.tmp{suffix if len(suffix) <= _SUFFIX_BYTES else ''}")


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # the first error is the one to report
        _os_unlink(path)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_write(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically; undecodable bytes in names are escaped (:mod:`gazenet.redaction`)."""
    write_bytes(path, text.encode("utf-8", ESCAPING))


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, indented, with a final newline.

    Names that are not UTF-8 are escaped (:mod:`gazenet.redaction`). Raises ValueError for NaN, which is not JSON.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if not _is_text(text):
        text = json.dumps(redact(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def natural_order(path: str | Path) -> tuple[object, ...]:
    """Return a sort key for the natural order of paths: ``2.png`` before ``10.png``.

    Runs of digits count as numbers, everything else as text, folder by folder. Names that only differ in leading zeros
    follow each other, the one with more zeros first.
    """
    parts = Path(path).parts
    numbers = tuple(
        tuple(int(piece) if piece.isdecimal() else piece for piece in _NUMBER.split(part)) for part in parts
    )
    return numbers, parts


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
