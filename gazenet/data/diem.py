"""DIEM, Dynamic Images and Eye Movements (Mital, Smith, Hill, Henderson, Cognitive Computation 3(1), 2011).

Expected below ``root``, for each video ``ID``: ``ID/video/ID.mp4`` and ``ID/event_data/<observer>_ID.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.fixations import Clock
from gazenet.data.framewise import FrameTable, FrameVideo, leave_out, shifted
from gazenet.data.reader_options import DatasetReader
from gazenet.errors import UsageError
from gazenet.files import natural_order

Eye = Literal["left", "right"]

DISPLAY: Size = (960, 1280)
"""Coordinates are pixels of this display (height, width); videos were shown pixel by pixel in its centre."""
RATE = 30.0
FIXATION = 1
COLUMNS = 9
_OF_EYE = {"left": slice(1, 5), "right": slice(5, 9)}
_SIZE = re.compile(r"_(\d+)x(\d+)$")


class Diem(DatasetReader[FrameVideo]):
    """Per observer a table of frame, then x, y, pupil dilation and event of the left and of the right eye.

    Args:
        eye: whose fixations (event 1) count.
        others: as of ``DatasetReader``.

    Corrected: points are moved by the margins of the video on the display and count alike. Published: y is lowered by
    100, x kept, and points count by pupil dilation.
    """

    name = "diem"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(40.0),
        "published": GaussianWidth(60.0),
    }

    def __init__(
        self,
        root: Path | str,
        behaviour: Behaviour = "corrected",
        subjects: Sequence[int] | None = None,
        spread: GaussianWidth | None = None,
        eye: Eye = "left",
        clock: Clock | None = None,
    ) -> None:
        super().__init__(root, behaviour, subjects, spread, clock)
        if eye not in get_args(Eye):
            raise UsageError(f"data set diem: eye must be left or right, not {eye!r}")
        self.eye: Eye = eye

    @cached_property
    def _items(self) -> list[FrameVideo]:
        """The videos by name; one without observers is left out. Raises UsageError."""
        root = require(self.root, "the folder of DIEM")
        entries = sorted(root.iterdir(), key=natural_order)
        folders = [folder for folder in entries if (folder / "video" / f"{folder.name}.mp4").is_file()]
        if not folders:
            raise UsageError(f"{root}: has no ID/video/ID.mp4; the data set's README says which files are expected")
        tables = {
            folder: sorted((folder / "event_data").glob(f"*{folder.name}.txt"), key=natural_order)
            for folder in folders
        }
        leave_out([folder.name for folder in folders if not tables[folder]], "no event_data/*.txt")
        return [self._item(folder, observers) for folder, observers in tables.items() if observers]

    def _item(self, folder: Path, observers: Sequence[Path]) -> FrameVideo:
        declared = _declared(folder.name)
        return FrameVideo(
            name=folder.name,
            path=folder / "video" / f"{folder.name}.mp4",
            source=folder / "event_data",
            read=partial(_looks, observers, self.eye, self.behaviour),
            rate=RATE,
            clock=self.clock,
            behaviour=self.behaviour,
            declared=declared if self.behaviour == "corrected" else None,
            subjects=self.subjects,
        )


def _declared(name: str) -> Size | None:
    """Return (height, width) at the end of a name such as ``news_tony_blair_720x576``: the size that was shown."""
    match = _SIZE.search(name)
    return None if match is None else (int(match[2]), int(match[1]))


def _looks(observers: Sequence[Path], eye: Eye, behaviour: Behaviour, size: Size) -> FrameTable:
    parts = []
    for subject, path in enumerate(observers, 1):
        rows = read_events(path)
        x, y, dilation, event = rows[:, _OF_EYE[eye]].T
        kept = (event == FIXATION) & np.isfinite(x) & np.isfinite(y)
        parts.append(np.stack([rows[:, 0] - 1, np.full(len(rows), subject), x, y, dilation], axis=1)[kept])
    values = np.concatenate(parts)
    table = FrameTable(values[:, 0].astype(np.int64), values[:, 1].astype(np.int64), values[:, 2:4], values[:, 4])
    if behaviour == "published":
        return shifted(table, 0, -100)
    return shifted(table, -(DISPLAY[1] - size[1]) / 2, -(DISPLAY[0] - size[0]) / 2)


def read_events(path: Path) -> NDArray[np.float64]:
    """Read one observer's table, ``[frames, 9]``. Raises UsageError naming file and line."""
    rows = []
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as a table of eye movements: {error}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            rows.append(_row(path, number, line.split()))
    if not rows:
        raise UsageError(f"{path}: is empty; download the data set again, or remove this observer")
    return np.array(rows)


def _row(path: Path, number: int, cells: Sequence[str]) -> list[float]:
    if len(cells) != COLUMNS:
        raise UsageError(
            f"{path}: line {number}: has {len(cells)} columns, not {COLUMNS}; it may be cut off: download it again"
        )
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        raise UsageError(f"{path}: line {number}: holds a value that is not a number") from None
    if not values[0] >= 1 or not values[0].is_integer():
        raise UsageError(f"{path}: line {number}: frames are counted from 1, not {cells[0]}")
    return values
