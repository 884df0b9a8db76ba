"""Find Who to Look At (Liu, Zhang, Xu, He, CVPR 2017): videos of several people talking, 39 observers.

Expected files below ``root``: ``raw_videos/NNN.mp4``, ``fixations.csv`` or ``video_database.mat``, and for training
speech cues ``annotations/mouthMotionI.mat``. The published behaviour needs ``video_database.mat``: its rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.drawn_truth import PublishedFixations
from gazenet.data.fixations import Clock, Fixations, FrameFixations, per_frame, read_table
from gazenet.data.framewise import within
from gazenet.data.matlab_files import load_mat, lookup, numbers, texts
from gazenet.data.reader_options import DatasetReader
from gazenet.errors import UsageError
from gazenet.files import natural_order

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
    """One video; fixations are pixels of ``size``, 1280 x 720 for all published ones, their times on ``clock``.

    ``table_rate``: the whole-number frame rate of the published table, by which the published behaviour counts; None:
    corrected.
    """

    name: str
    path: Path
    table: Fixations
    still: bool = False
    size: Size = SIZE
    clock: Clock = "container"
    table_rate: float | None = None

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return the fixated points of the frames shown at ``times`` (seconds, as decoded).

        Published: frame k, counted from 1, is taken to be at ``k / table_rate`` whatever its own time, and points
        count by their duration.
        """
        if self.table_rate is None:
            return per_frame(self.table, times, self.size, self.clock)
        clock = np.arange(1, len(times) + 1) / self.table_rate
        start, end = self.table.start, self.table.start + self.table.duration
        members = [np.flatnonzero((start <= now) & (now <= end)) for now in clock]
        observers = np.array([len(np.unique(self.table.subject[who])) for who in members], np.int64)
        weights = [1000 * self.table.duration[who] for who in members]
        return PublishedFixations(self.size, [self.table.points[who] for who in members], observers, weights)


class FindWho(DatasetReader[FindWhoVideo]):
    """The data set; its items are the videos whose file exists.

    Fixation times count on the container's clock: in several files the picture begins one to two seconds after the
    sound. The published behaviour counts frames from the first picture.

    ``source``: where fixations are read from: ``csv`` (flat table), ``mat`` (the published file), or ``auto``: the
    table if it exists. Other arguments as of ``DatasetReader``.
    """

    name = "findwho"
    usual_clock = "container"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(40.0, reference_width=1280),
        "published": GaussianWidth(66.0),
    }

    def __init__(
        self,
        root: Path | str,
        source: Literal["auto", "csv", "mat"] = "auto",
        behaviour: Behaviour = "corrected",
        subjects: Sequence[int] | None = None,
        spread: GaussianWidth | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(root, behaviour, subjects, spread, clock)
        self._source = source

    @cached_property
    def _items(self) -> list[FindWhoVideo]:
        """The videos by name. Raises UsageError where files are missing or unreadable."""
        folder = require(self.root / "raw_videos", "the folder of FindWho videos")
        paths = sorted(folder.glob("*.mp4"), key=natural_order)
        if not paths:
            raise UsageError(f"{folder}: holds no .mp4 file")
        tables, rates, sizes = self._tables(), self._rates(paths), self._sizes()
        nobody = Fixations(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty((0, 2)))
        return [
            FindWhoVideo(
                path.stem,
                path,
                self._kept(tables.get(path.stem, nobody), path.stem, sizes.get(path.stem, SIZE)),
                size=sizes.get(path.stem, SIZE),
                clock=self.clock,
                table_rate=rates.get(path.stem),
            )
            for path in paths
        ]

    @property
    def _database(self) -> Path:
        return require(self.root / "video_database.mat", "the published annotation file")

    @property
    def _flat(self) -> bool:
        """True where the flat table is read, whose coordinates are those of 1280 x 720."""
        return self._source == "csv" or (self._source == "auto" and (self.root / "fixations.csv").exists())

    def _tables(self) -> dict[str, Fixations]:
        if self._flat:
            return read_table(require(self.root / "fixations.csv", "the table of fixations"), key="video", timed=True)
        return read_database(self._database)

    def _sizes(self) -> dict[str, Size]:
        return {} if self._flat else read_sizes(self._database)

    def _rates(self, paths: Sequence[Path]) -> dict[str, float]:
        if self.behaviour == "corrected":
            return {}
        rates = read_rates(self._database)
        unknown = [path.stem for path in paths if path.stem not in rates]
        if unknown:
            raise UsageError(f"{self._database}: has no framerate_fps of {', '.join(unknown)}")
        return rates

    def _kept(self, table: Fixations, video: str, size: Size) -> Fixations:
        if self.behaviour == "corrected":
            table = table.where(within(table.points, size, f"{self.root}: {video}"))
        return table if self.subjects is None else table.where(np.isin(table.subject, self.subjects))

    def mouth_motion(self, video: str) -> list[NDArray[np.uint8]]:
        """Return for each annotated face of a video uint8 ``[T]``, 1 while it speaks. Raises UsageError."""
        if not video.isdecimal():
            raise UsageError(f"FindWho video {video!r}: names are numbers such as 011")
        path = require(self.root / "annotations" / f"mouthMotion{int(video)}.mat", "the annotation of speech")
        tables = lookup(load_mat(path), "mouthMotion", path)
        faces = tables if isinstance(tables, list) else [tables]
        return [numbers(face, "face", path).ravel().astype(np.uint8) for face in faces]


def read_database(path: Path) -> dict[str, Fixations]:
    """Read the fixations by video name from the published ``video_database.mat``.

    ``VideoIndex`` counts from 1 into the list of 75 names, whichever files are present. Raises UsageError.
    """
    tree = load_mat(path)
    try:
        names = _names(tree, path)
        fields = texts(tree, "video_database.fixdata_fields", path)
        rows = numbers(tree, "video_database.fixdata", path)
    except UsageError as error:
        raise UsageError(f"{error}; it is not the published FindWho database") from None
    columns = [_column(path, fields, wanted) for wanted in _FIELDS]
    if rows.ndim != 2 or rows.shape[1] != len(fields):
        raise UsageError(f"{path}: fixdata is {list(rows.shape)}, but there are {len(fields)} fixdata_fields")
    subject, video, start, duration, x, y = rows[:, columns].T
    if len(video) and not (video.min() >= 1 and video.max() <= len(names)):
        raise UsageError(f"{path}: VideoIndex reaches {int(video.max())}, but there are {len(names)} names")
    tables = {}
    for index in np.unique(video):
        of = video == index
        tables[names[int(index) - 1]] = Fixations(
            subject[of].astype(np.int64), start[of] / 1000, duration[of] / 1000, np.stack([x[of], y[of]], 1)
        )
    return tables


def read_rates(path: Path) -> dict[str, float]:
    """Read the whole-number frame rate of every video by name, as the published table has it. Raises UsageError."""
    tree = load_mat(path)
    names = _names(tree, path)
    rates = numbers(tree, "video_database.videos_info.framerate_fps", path).ravel()
    if len(rates) != len(names) or not (rates > 0).all():
        raise UsageError(f"{path}: framerate_fps holds {len(rates)} rates for {len(names)} videos, or rates of 0")
    return dict(zip(names, rates.tolist(), strict=True))


def read_sizes(path: Path) -> dict[str, Size]:
    """Read (height, width) of every video by name, as far as the published table has them. Raises UsageError."""
    tree = load_mat(path)
    info = lookup(tree, "video_database", path).get("videos_info")
    if not isinstance(info, Mapping) or "size" not in info:
        return {}
    names, sizes = _names(tree, path), numbers(tree, "video_database.videos_info.size", path)
    if sizes.shape != (len(names), 2) or not (sizes > 0).all():
        raise UsageError(f"{path}: videos_info.size must be [{len(names)}, 2], width and height of every video")
    return {name: (int(height), int(width)) for name, (width, height) in zip(names, sizes, strict=True)}


def _names(tree: Mapping[str, Any], path: Path) -> list[str]:
    """Return the names that ``VideoIndex`` counts; the published file has them twice."""
    database = lookup(tree, "video_database", path)
    twin = isinstance(database, Mapping) and "video_names_list" not in database and "videos_info" in database
    return texts(tree, f"video_database.{'videos_info.name_list' if twin else 'video_names_list'}", path)


def _column(path: Path, fields: list[str], wanted: str) -> int:
    """Return the position of a field; a unit may follow its published name."""
    for position, field in enumerate(fields):
        if field.lower().startswith(wanted.lower()):
            return position
    raise UsageError(f"{path}: fixdata_fields lacks {wanted}; it has {', '.join(fields)}")
