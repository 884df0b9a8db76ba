"""Human fixations that predictions are scored against, and the fixations of other videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Item, open_dataset, sigma_of
from gazenet.data.density import Points, Size, density, fixation_counts, inside
from gazenet.data.fixations import Clock, Fixations, FrameFixations, per_frame, read_table
from gazenet.data.split_selection import result_name
from gazenet.errors import UsageError

SIGMA_FRACTION = 40 / 1280
"""Default ground-truth Gaussian as a share of the frame's width: 40 pixels of 1280."""


@dataclass(frozen=True)
class VideoTruth:
    """The fixations on one video.

    Args:
        name: the name of the video's results.
        frames: fixations of the frames shown at times ``[T]`` (seconds) of a video of (height, width).
        size: (height, width) in pixels; None where only the video itself says it.
        sigma: standard deviation of the Gaussian in pixels, for a video of (height, width).
        points: ``[n, 2]``, all fixations; None where they follow from the frames' times only.
        frame_names: names of the frames of a video that is a folder of pictures; predictions may be pictures too.
        clock: what the times of the fixations count from; None where they have none.
        table: the fixations of a table that a user made, ``source``, which nobody has checked yet.
        dataset: the data set that the video is of.
    """

    name: str
    frames: Callable[[NDArray[np.float64], Size], FrameFixations]
    size: Callable[[], Size | None]
    sigma: Callable[[Size], float]
    points: Points | None
    frame_names: tuple[str, ...] = ()
    clock: Clock | None = None
    table: Fixations | None = None
    source: str = ""
    dataset: str = ""


def table_truths(path: Path, clock: Clock = "container") -> dict[str, VideoTruth]:
    """Read the fixations on videos, by stem of the video, from a table (CSV) whose times count from ``clock``.

    Raises UsageError for a table that cannot be read.
    """
    return {
        name: VideoTruth(
            name,
            lambda times, size, table=table: per_frame(table, times, size, clock),  # type: ignore[misc]
            lambda: None,
            lambda size: SIGMA_FRACTION * size[1],
            table.points,
            clock=clock,
            table=table,
            source=str(path),
        )
        for name, table in read_table(path, key="video", timed=True).items()
    }


def dataset_truths(dataset: str, root: Path) -> dict[str, VideoTruth]:
    """Open the fixations on all videos of an installed data set with its files at ``root``, by name of their results.

    Raises UsageError for data sets of pictures and for what the reader refuses.
    """
    collection = open_dataset(dataset, root)
    items = collection.items()
    if any(item.still for item in items):
        raise UsageError(f"data set {dataset} holds pictures; score videos, or use the benchmark of stills")
    return {
        truth.name: truth
        for item in items
        if (truth := item_truth(result_name(item), item, sigma_of(collection, item), dataset))
    }


def item_truth(name: str, item: Item, sigma: float, dataset: str = "") -> VideoTruth:
    """The fixations on an item of a data set whose results are called ``name``; ``sigma`` in pixels of its frames."""
    table = getattr(item, "table", None)
    return VideoTruth(
        name,
        lambda times, size: item.fixations(times),
        lambda: item.size,
        lambda size: sigma,
        None if table is None else table.points,
        tuple(getattr(item, "frame_names", ())),
        getattr(item, "clock", None),
        dataset=dataset,
    )


@dataclass(frozen=True)
class FixationSet:
    """Points ``[n, 2]`` in pixels of a frame of ``size`` (height, width)."""

    points: Points
    size: Size


@dataclass(frozen=True)
class OtherFixations:
    """The fixations of other videos: ``others`` ``[h, w]``, how often, and ``prior`` float ``[h, w]``, how likely.

    ``others`` of a picture of the centre bias is bool; ``prior`` is None where no metric asks for it.
    """

    others: NDArray[np.int64] | NDArray[np.bool_]
    prior: NDArray[np.float64] | None = None

    def parts(self) -> dict[str, NDArray[Any]]:
        """Return the maps by the names that metrics use."""
        return {"others": self.others} | ({} if self.prior is None else {"prior": self.prior})


class OtherVideos:
    """The fixations of all videos but one, for each of many videos; maps are computed once per video and grid."""

    def __init__(self, fixations: Mapping[str, FixationSet]) -> None:
        self._fixations = {name: one for name, one in fixations.items() if len(inside(one.points, one.size))}
        self._counts: dict[tuple[str, Size], NDArray[np.int64]] = {}
        self._prior: dict[tuple[str, Size], NDArray[np.float64]] = {}

    def exist_for(self, video: str) -> bool:
        """Return whether any other video than ``video`` has fixations."""
        return bool(self._fixations.keys() - {video})

    def of(self, video: str, shape: Size, prior: bool = True) -> OtherFixations | None:
        """The fixations of all videos but ``video`` on a grid of ``shape`` (height, width); None without any."""
        names = [name for name in self._fixations if name != video]
        if not names:
            return None
        counts, likely = np.zeros(shape, np.int64), np.zeros(shape)
        for name in names:
            counts += self._counts_of(name, shape)
            likely += self._prior_of(name, shape) if prior else 0
        return OtherFixations(counts, likely if prior else None)

    def _counts_of(self, name: str, shape: Size) -> NDArray[np.int64]:
        if (name, shape) not in self._counts:
            fixations = self._fixations[name]
            self._counts[name, shape] = fixation_counts(fixations.points, fixations.size, shape)
        return self._counts[name, shape]

    def _prior_of(self, name: str, shape: Size) -> NDArray[np.float64]:
        if (name, shape) not in self._prior:
            fixations = self._fixations[name]
            sigma = SIGMA_FRACTION * fixations.size[1]
            self._prior[name, shape] = density(fixations.points, fixations.size, shape, sigma).astype(np.float64)
        return self._prior[name, shape]


def from_picture(path: Path, shape: Size, definitions: str = "standard") -> OtherFixations:
    """Read a picture of the centre bias, stretched to ``shape`` (height, width).

    What is brighter than half its range counts as fixated; with the original definitions every pixel that is not
    black does. Raises UsageError for a file that is not a picture, and for a picture of one colour.
    """
    import cv2

    picture = cv2.imdecode(np.frombuffer(_content(path), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise UsageError(f"--baseline {path}: is not a readable picture")
    prior = cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)
    if np.ptp(prior) == 0:
        raise UsageError(f"--baseline {path}: is the same everywhere; it should be bright where people tend to look")
    threshold = 0 if definitions == "original" else (prior.min() + prior.max()) / 2
    return OtherFixations(prior > threshold, prior)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() or b"\0"
    except OSError as error:
        raise UsageError(f"--baseline {path}: {error.strerror}") from None


def fixation_set(truth: VideoTruth, frames: Mapping[str, FrameFixations]) -> FixationSet | None:
    """All fixations on a video; None where they are not known: it was not predicted, and its size is not on record.

    ``frames``: the fixations of the frames of the videos that were predicted, by name.
    """
    shown = frames.get(truth.name)
    if truth.points is None:
        return None if shown is None else FixationSet(np.concatenate([np.empty((0, 2)), *shown.points]), shown.size)
    size = truth.size() if shown is None else shown.size
    return None if size is None else FixationSet(truth.points, size)
