"""Find Who to Look At (Liu, Zhang, Xu, He, CVPR 2017): videos of several people talking, 39 observers.

Expected files below ``root``: ``raw_videos/NNN.mp4``, ``fixations.csv`` or ``video_database.mat``, and for training
speech cues ``annotations/mouthMotionI.mat``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size
from gazenet.data.fixations import Fixations, FrameFixations, per_frame, read_table
from gazenet.data.types import require
from gazenet.errors import UsageError

SIZE: Size = (720, 1280)
_FIELDS = (
    "SubjectIndex",
    "VideoIndex",
    "Timestamp",
    "GazeDuration",
    "FixationPointX",
    "FixationPointY",
)


@dataclass(frozen=True)
class FindWhoVideo:
    """One video; fixations are pixels of 1280 x 720."""

    name: str
    path: Path
    table: Fixations
    still: bool = False
    size: Size = SIZE

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """The fixated points of the frames shown at ``times`` (seconds, as decoded)."""
        return per_frame(self.table, times, self.size)


class FindWho:
    """The data set; only videos whose file is there are items.

    ``source`` says where fixations are read from: ``csv`` (flat table), ``mat`` (the published file), or ``auto``: the
    table if it exists.
    """

    name = "findwho"
    sigma = 40.0
    reference_width = 1280

    def __init__(self, root: Path | str, source: Literal["auto", "csv", "mat"] = "auto") -> None:
        self.root = Path(root)
        self._source = source

    def items(self) -> Sequence[FindWhoVideo]:
        """The videos by name. Raises UsageError where files are missing or unreadable."""
        return self._items

    @cached_property
    def _items(self) -> list[FindWhoVideo]:
        folder = require(self.root / "raw_videos", "the folder of FindWho videos")
        paths = sorted(folder.glob("*.mp4"))
        if not paths:
            raise UsageError(f"{folder}: holds no .mp4 file")
        tables = self._tables()
        nobody = Fixations(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty((0, 2)))
        return [FindWhoVideo(path.stem, path, tables.get(path.stem, nobody)) for path in paths]

    def _tables(self) -> dict[str, Fixations]:
        table = self.root / "fixations.csv"
        if self._source == "csv" or (self._source == "auto" and table.exists()):
            return read_table(require(table, "the table of fixations"), key="video", timed=True)
        return read_database(require(self.root / "video_database.mat", "the published annotation file"))

    def mouth_motion(self, video: str) -> list[NDArray[np.uint8]]:
        """For each annotated face of a video: uint8 ``[T]``, 1 while it speaks. Raises UsageError."""
        if not video.isdecimal():
            raise UsageError(f"FindWho video {video!r}: names are numbers such as 011")
        path = require(self.root / "annotations" / f"mouthMotion{int(video)}.mat", "the annotation of speech")
        faces = _load(path).get("mouthMotion")
        if faces is None or faces.dtype.names is None or "face" not in faces.dtype.names:
            raise UsageError(f"{path}: holds no mouthMotion.face")
        return [np.asarray(face).ravel().astype(np.uint8) for face in faces["face"].ravel()]


def read_database(path: Path) -> dict[str, Fixations]:
    """Fixations by video name from the published ``video_database.mat``.

    ``VideoIndex`` counts from 1 into the list of 75 names, whichever files are present. Raises UsageError.
    """
    database = _load(path).get("video_database")
    try:
        record = database[0, 0]  # type: ignore[index]
        names = [str(cell.item()) for cell in record["video_names_list"].ravel()]
        fields = [str(cell.item()) for cell in record["fixdata_fields"].ravel()]
        rows = np.asarray(record["fixdata"], np.float64)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise UsageError(f"{path}: is not the published FindWho database: {error}") from None
    columns = [_column(path, fields, wanted) for wanted in _FIELDS]
    subject, video, start, duration, x, y = rows[:, columns].T
    if len(video) and not (video.min() >= 1 and video.max() <= len(names)):
        raise UsageError(f"{path}: VideoIndex reaches {int(video.max())}, but there are {len(names)} names")
    found = {}
    for index in np.unique(video):
        of = video == index
        found[names[int(index) - 1]] = Fixations(
            subject[of].astype(np.int64), start[of] / 1000, duration[of] / 1000, np.stack([x[of], y[of]], 1)
        )
    return found


def _column(path: Path, fields: list[str], wanted: str) -> int:
    """Position of a field; the published names may carry a unit behind."""
    for position, field in enumerate(fields):
        if field.lower().startswith(wanted.lower()):
            return position
    raise UsageError(f"{path}: fixdata_fields lacks {wanted}; found {', '.join(fields)}")


def _load(path: Path) -> dict[str, Any]:
    import scipy.io

    try:
        return dict(scipy.io.loadmat(path))
    except Exception as error:
        raise UsageError(f"{path}: cannot be read as a MATLAB file: {error}") from None
