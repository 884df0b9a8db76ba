"""Full disks: detected before the work where sizes are known, else reported in one line with the missing bytes."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gazenet.errors import GazenetError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(GazenetError):
    """The disk is full. Downloaded data is kept; the same command continues once there is space."""

    def __init__(self, folder: Path, needed: int | None, what: str = "") -> None:
        missing = "" if needed is None else f"{needed} more bytes are needed, "
        free = shutil.disk_usage(existing(folder)).free
        super().__init__(
            f"{folder}: disk full{what and f' ({what})'}: {missing}{free} are free; downloaded data is kept: free "
            "some space and run again to continue"
        )


def is_full(error: BaseException | None) -> bool:
    """Return whether an error means that the disk or the user's quota is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return folder if folder.exists() else existing(folder.parent)


def reserve(folder: Path, needed: int, what: str = "") -> None:
    """Raise DiskFull where the disk of a folder has fewer than ``needed`` free bytes."""
    if needed > shutil.disk_usage(existing(folder)).free:
        raise DiskFull(folder, needed, what)


@contextmanager
def translate_full_disk(folder: Path, needed: int | None = None, what: str = "") -> Iterator[None]:
    """Turn the OSError of a full disk within the block into DiskFull."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull(folder, needed, what) from None
