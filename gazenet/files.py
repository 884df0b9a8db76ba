"""Files that appear whole or not at all: unique temporary name in the same folder, fsync, rename, fsync of the folder.

Every write that users rely on passes through the four ``_os_*`` functions, so that tests can let any of them fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


def _os_write(descriptor: int, data: bytes | memoryview) -> int:
    return os.write(descriptor, data)


def _os_fsync(descriptor: int) -> None:
    os.fsync(descriptor)


def _os_replace(source: Path, target: Path) -> None:
    os.replace(source, target)


def _os_fallocate(descriptor: int, offset: int, length: int) -> None:
    os.posix_fallocate(descriptor, offset, length)


class _Writer:
    """A binary file whose writes go through :func:`_os_write` until everything is written."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def write(self, data: bytes | memoryview) -> int:
        write_all(self._descriptor, data)
        return len(data)

    def sync(self) -> None:
        _os_fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes every byte, however the system splits them. Raises OSError, for example on a full disk."""
    view = memoryview(data).cast("B")
    while view:
        view = view[_os_write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _os_fsync(descriptor)
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
    """A binary file that takes its name only when the block ends without an error."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _unique(target)
    writer = _Writer(temporary)
    try:
        yield writer  # type: ignore[misc]
        writer.sync()
        writer.close()
        publish(temporary, target)
    except BaseException:
        writer.close()
        temporary.unlink(missing_ok=True)
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
        temporary.unlink(missing_ok=True)
        raise


def _unique(target: Path, suffix: str = "") -> Path:
    return target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.tmp{suffix}")


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes a whole file atomically."""
    with atomic_write(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Writes a UTF-8 text file atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Writes JSON atomically, indented, with a final newline. NaN is refused: it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_file(path: str | Path) -> str:
    """The SHA-256 of a file's content in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
