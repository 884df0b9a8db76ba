"""The lock of a folder of results: one run at a time."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from gazenet.errors import GazenetError

LOCK, OWNER = ".lock", ".owner"


@contextlib.contextmanager
def lock_folder(folder: Path, key: str = "output_dir") -> Iterator[list[str]]:
    """Lock a folder within the block; create it if necessary and remove unfinished files of a killed run.

    Args:
        folder: the folder.
        key: the config key or option that names it, for the error.

    Yields lines for the user. Raises GazenetError naming the run that holds the lock, and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The lock is shared by all threads that write results.
    lock = FileLock(str(folder / LOCK), timeout=0, thread_local=False)
    notes: list[str] = []
    try:
        lock.acquire()
    except Timeout:
        raise GazenetError(
            f"{folder}: another run is writing here ({_owner(folder)}); wait for it or choose another {key}"
        ) from None
    except NotImplementedError:
        notes.append(f"{folder}: its file system has no locks; do not start two runs that write here")
    try:
        (folder / OWNER).write_text(f"process {os.getpid()} on {platform.node()} since {time.ctime()}", "utf-8")
        remove_unfinished(folder)
        yield notes
    finally:
        with contextlib.suppress(OSError):
            (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of a killed run from a folder."""
    for path in folder.glob(".*.tmp*"):
        path.unlink(missing_ok=True)


def _owner(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return (folder / OWNER).read_text("utf-8").strip() or "unknown process"
    return "unknown process"
