"""The folder of a training: one run at a time, and nothing of an earlier one goes away unless the user says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gazenet.errors import UsageError
from gazenet.folder_lock import LOCK, OWNER, lock_folder
from gazenet.training.checkpoints import LAST
from gazenet.training.preflight import CONFIG, RESULT
from gazenet.training.stop_signals import stopping
from gazenet.training.trainer import first_process

FINISHED = (RESULT, "scores.json")
"""The second one is what integrators left before they had a result."""
BEGUN = (LAST, f"*/{LAST}", f"folds/*/{LAST}", "steps/*.json")


@contextmanager
def own_output(folder: Path, resume: bool, set_aside: bool = False, adds: bool = False) -> Iterator[None]:
    """Reserve the folder for this run within the block, and let signals end it in order.

    ``resume``: it continues an earlier training; ``set_aside``: that is kept under a numbered name beside it;
    ``adds``: the run is meant to work on what others left. Raises UsageError where the folder holds a training and
    none of these is set, GazenetError where another run is at work.
    """
    if resume and set_aside:
        raise UsageError("--set_aside starts anew and --resume continues: leave out one of them")
    with stopping():
        if not first_process():
            yield
            return
        if set_aside and held(folder):
            _put_aside(folder)
        with lock_folder(folder, "output") as notes:
            for note in notes:
                print(note, file=sys.stderr)
            if not (resume or adds):
                refuse_training(folder)
            yield


def refuse_training(folder: Path) -> None:
    """Raise UsageError with the remedies where a folder holds a training."""
    state = held(folder)
    if state:
        raise UsageError(
            f"{folder}: holds {state} training: --resume continues it, --set output=OTHER leaves it alone, "
            f"--set_aside keeps it as {_numbered(folder).name} and starts anew"
        )


def held(folder: Path) -> str:
    """Return ``a finished`` or ``an unfinished`` where the folder holds a training, else an empty text.

    A run that ended before its first checkpoint left nothing that could be lost.
    """
    if not ((folder / CONFIG).exists() or (folder / LAST).exists()):
        return ""
    if any((folder / name).exists() for name in FINISHED):
        return "a finished"
    return "an unfinished" if any(next(folder.glob(name), None) for name in BEGUN) else ""


def _put_aside(folder: Path) -> None:
    with lock_folder(folder, "output"):
        target = _numbered(folder)
        folder.rename(target)
        for name in (LOCK, OWNER):
            (target / name).unlink(missing_ok=True)
    print(f"{folder}: what was there is now {target}", file=sys.stderr)


def _numbered(folder: Path) -> Path:
    """Return the first free name made of the folder's and a number."""
    place, number = folder.absolute(), 1
    while (target := place.with_name(f"{place.name}.{number}")).exists():
        number += 1
    return folder.with_name(target.name) if folder.name else target
