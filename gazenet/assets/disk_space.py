"""A full disk: told before work where that can be known, and in one line with what is needed where it cannot."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gazenet.errors import GazenetError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(GazenetError):
    """The disk is full. What was fetched stays; with room the same command continues."""

    def __init__(self, folder: Path, needed: int | None, what: str = "") -> None:
        more = "" if needed is None else f"{needed} bytes more are needed, "
        free = shutil.disk_usage(existing(folder)).free
        super().__init__(
            f"{folder}: disk full{what and f' ({what})'}: {more}{free} are free; what came is kept: make room and run "
            "again to continue"
        )


def is_full(error: BaseException | None) -> bool:
    """Whether an error says that the disk, or what this user may have of it, is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return folder if folder.exists() else existing(folder.parent)


def reserve(folder: Path, needed: int, what: str = "") -> None:
    """Raises NoRoom where a folder's disk has no room for so many bytes."""
    if needed > shutil.disk_usage(existing(folder)).free:
        raise DiskFull(folder, needed, what)


@contextmanager
def translate_full_disk(folder: Path, needed: int | None = None, what: str = "") -> Iterator[None]:
    """Turns the OSError of a full disk within the block into NoRoom."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull(folder, needed, what) from None
