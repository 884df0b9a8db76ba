"""Files that appear whole or not at all: unique temporary name in the same folder, fsync, rename, fsync of the folder.

Every change on disk that users rely on passes through the ``_os_*`` functions, so that tests can let any of them fail.
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

_NAME_BYTES = 60  # of the final name inside the temporary one: file systems end a name at 255 bytes
_SUFFIX_BYTES = 16
_NUMBER = re.compile("([0-9]+)")


def _os_write(descriptor: int, data: bytes | memoryview) -> int:
    return os.write(descriptor, data)


def _os_fsync(descriptor: int) -> None:
    os.fsync(descriptor)


def _os_replace(source: Path, target: Path) -> None:
    os.replace(source, target)


def _os_fallocate(descriptor: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):  # absent on macOS, where the write that follows takes the space
        os.posix_fallocate(descriptor, offset, length)


def _os_unlink(path: Path) -> None:
    os.unlink(path)


class _Writer(io.RawIOBase):
    """A new binary file, written unbuffered through :func:`write_all`; seekable."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        write_all(self._descriptor, view)
        return len(view)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def fileno(self) -> int:
        return self._descriptor

    def sync(self) -> None:
        _os_fsync(self._descriptor)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes every byte, however the system splits them. Raises OSError, for example on a full disk."""
    view = memoryview(data).cast("B")
    while view:
        written = _os_write(descriptor, view)
        if written <= 0:
            raise OSError(errno.EIO, "nothing could be written")
        view = view[written:]


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder durable, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _os_fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems do not sync folders
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Makes what other code wrote to a file durable."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        _os_fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, target: Path) -> None:
    """Renames a finished file onto its final name, durably."""
    _os_replace(temporary, target)
    sync_folder(target.parent)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file that takes its name only when the block ends without an error.

    It is unbuffered and seekable. Its folder is made if need be. Raises OSError.
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
            raise OSError(error.errno, error.strerror, str(target)) from None  # a descriptor does not know its name
        raise


@contextlib.contextmanager
def atomic_path(path: str | Path, suffix: str | None = None) -> Iterator[Path]:
    """A temporary path for code that opens files by name; it is synced and renamed when the block succeeds.

    Args:
        suffix: ending of the temporary name where a library looks at it; that of ``path`` by default.
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
    with contextlib.suppress(OSError):  # the error that brought us here is the one worth reporting
        _os_unlink(path)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes a whole file atomically."""
    with atomic_write(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Writes a UTF-8 text file atomically; what is not text in names is escaped (:mod:`gazenet.redaction`)."""
    write_bytes(path, text.encode("utf-8", ESCAPING))


def write_json(path: str | Path, value: Any) -> None:
    """Writes JSON atomically, indented, with a final newline. NaN is refused: it is not JSON.

    Names that are not UTF-8 are escaped (:mod:`gazenet.redaction`).
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
    """A key that sorts paths as people count: ``2.png`` before ``10.png``.

    Runs of digits count as numbers, everything else as text, folder by folder. Names that only differ in leading zeros
    follow each other, the one with more zeros first.
    """
    parts = Path(path).parts
    numbers = tuple(
        tuple(int(piece) if piece.isdecimal() else piece for piece in _NUMBER.split(part)) for part in parts
    )
    return numbers, parts


def sha256_file(path: str | Path) -> str:
    """The SHA-256 of a file's content in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
