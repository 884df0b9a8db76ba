"""The step-by-step log of a training across its resumes, with every step in it once."""

from __future__ import annotations

import csv
import errno
from pathlib import Path
from typing import Any

from gazenet.files import write_bytes

RESUMED = "resumed-"
"""Loggers would write over the beginning of a run: every resume logs to a folder of its own."""
LOG = Path("log") / "metrics.csv"


def log_folders(folder: Path) -> list[Path]:
    """Return the folders of the logs of a run: first of its beginning, then of every resume."""
    resumed = [path for path in folder.glob(f"{RESUMED}*") if path.name.removeprefix(RESUMED).isdecimal()]
    return [folder, *sorted(resumed, key=lambda path: int(path.name.removeprefix(RESUMED)))]


def logged_rows(folder: Path) -> tuple[str, int]:
    """Return the folder, relative to that of the fit, of the latest CSV log, and the number of its rows."""
    place = log_folders(folder)[-1]
    path = place / LOG
    rows = max(0, path.read_bytes().count(b"\n") - 1) if path.is_file() else 0
    return ("" if place == folder else place.name), rows


def forget_later(folder: Path, log: dict[str, Any], step: int) -> None:
    """Delete the rows of the CSV logs that were written after a checkpoint: the resume does those steps again.

    ``log``: the entry of the checkpoint (:class:`gazenet.training.state_saving.SaveState`); ``step``: its number of
    steps.
    """
    folders = log_folders(folder)
    names = ["" if place == folder else place.name for place in folders]
    at = names.index(log["place"]) if log["place"] in names else len(names)
    for number, place in enumerate(folders):
        path = place / LOG
        if number >= at and path.is_file():
            _shorten(path, log["rows"] if number == at else 0, step if log["epoch_ends"] else None)


def _shorten(path: Path, rows: int, step: int | None) -> None:
    """Keep the first rows and, where ``step`` is given, what was logged at the end of the epoch of that step."""
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    keep = 1 + rows
    column = lines[0].strip().split(",").index("step") if lines and "step" in lines[0] else -1
    while step is not None and column >= 0 and keep < len(lines) and lines[keep].endswith("\n"):
        cell = next(csv.reader([lines[keep]]))[column]
        if not cell.isdecimal() or int(cell) >= step:
            break
        keep += 1
    if keep < len(lines):
        write_bytes(path, "".join(lines[:keep]).encode("utf-8"))


def named(error: OSError, path: Path) -> OSError:
    """Return an error of writing with its file and the remedy."""
    remedy = "make room, then --resume continues at the last checkpoint"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return OSError(error.errno, f"{error.strerror or error}{f': {remedy}' if full else ''}", str(path))
