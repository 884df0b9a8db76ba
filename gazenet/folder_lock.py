"""One run at a time per folder of results, whatever kind of run it is."""

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
    """The folder, made if need be, is ours alone within the block; what a killed run began to write is removed.

    ``key`` is what the user would change to write elsewhere. Yields notes, in plain lines. Raises GazenetError naming
    the run that is at work there, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Results are written from several threads, and the lock belongs to all of them.
    lock = FileLock(str(folder / LOCK), timeout=0, thread_local=False)
    notes: list[str] = []
    try:
        lock.acquire()
    except Timeout:
        raise GazenetError(
            f"{folder}: another run is writing here ({_owner(folder)}); wait for it, or choose another {key}"
        ) from None
    except NotImplementedError:
        notes.append(f"{folder}: no locks on its file system; runs at the same time may disturb each other")
    try:
        (folder / OWNER).write_text(f"process {os.getpid()} on {platform.node()} since {time.ctime()}", "utf-8")
        remove_unfinished(folder)
        yield notes
    finally:
        with contextlib.suppress(OSError):
            (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed run began to write in a folder and never published."""
    for left in folder.glob(".*.tmp*"):
        left.unlink(missing_ok=True)


def _owner(folder: Path) -> str:
    try:
        return (folder / OWNER).read_text("utf-8").strip() or "it has not said its name"
    except (OSError, ValueError):
        return "it has not said its name"
