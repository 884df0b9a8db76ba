"""Human fixations that predictions are scored against, and what is fixated elsewhere."""

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
"""Ground-truth Gaussian as a share of the frame's width where nothing else is said: 40 pixels of 1280."""


@dataclass(frozen=True)
class VideoTruth:
    """The fixations on one video.

    ``frames``: those of the frames shown at given times, of a video of given size. ``size`` (height, width) is None
    where only the video itself knows it. ``points`` ``[n, 2]``: all of them, where that is known without the video.
    ``frame_names``: of a video that is a folder of frames, what they are called; predictions of it may be pictures.
    ``table``: the fixations of a table that somebody made, ``source``, which nobody has checked yet.
    """

    name: str
    frames: Callable[[NDArray[np.float64], Size], FrameFixations]
    size: Callable[[], Size | None]
    sigma: Callable[[Size], float]
    points: Points | None
    frame_names: tuple[str, ...] = ()
    clock: Clock | None = None
    """What the times of the fixations count from; None where they have none."""
    table: Fixations | None = None
    source: str = ""


def truths(
    dataset: str | None, root: Path | None, table: Path | None, clock: Clock = "container"
) -> dict[str, VideoTruth]:
    """By stem of the video: from an installed data set with its files at ``root``, or from a ``table`` (CSV).

    ``clock``: of the table; a data set declares its own.

    Raises UsageError where neither is given, for a bad table and for data sets of pictures.
    """
    if table is not None:
        found = read_table(table, key="video", timed=True)
        return {
            name: VideoTruth(
                name,
                lambda times, size, looks=looks: per_frame(looks, times, size, clock),  # type: ignore[misc]
                lambda: None,
                lambda size: SIGMA_FRACTION * size[1],
                looks.points,
                clock=clock,
                table=looks,
                source=str(table),
            )
            for name, looks in found.items()
        }
    if dataset is None or root is None:
        raise UsageError("nothing to score against: name a table of fixations, or a data set and its folder")
    collection = open_dataset(dataset, root)
    items = collection.items()
    if any(item.still for item in items):
        raise UsageError(f"data set {dataset} holds pictures; score videos, or use the benchmark of stills")
    return {result_name(item): truth_of(result_name(item), item, sigma_of(collection, item)) for item in items}


def truth_of(name: str, item: Item, sigma: float) -> VideoTruth:
    """The fixations on an item of a data set whose results are called ``name``; ``sigma`` in pixels of its frames."""
    looks = getattr(item, "table", None)
    return VideoTruth(
        name,
        lambda times, size: item.fixations(times),
        lambda: item.size,
        lambda size: sigma,
        None if looks is None else looks.points,
        tuple(getattr(item, "frame_names", ())),
        getattr(item, "clock", None),
    )


@dataclass(frozen=True)
class FixationSet:
    """Points ``[n, 2]`` in pixels of a frame of ``size`` (height, width)."""

    points: Points
    size: Size


@dataclass(frozen=True)
class OtherVideoFixations:
    """What is fixated in other videos: ``others`` ``[h, w]``, how often, and ``prior`` float ``[h, w]``, how likely.

    ``others`` of a picture of the centre bias is bool; ``prior`` is None where nobody asked for it.
    """

    others: NDArray[np.int64] | NDArray[np.bool_]
    prior: NDArray[np.float64] | None


def _likely(looks: FixationSet, shape: Size) -> NDArray[np.float64]:
    return density(looks.points, looks.size, shape, SIGMA_FRACTION * looks.size[1]).astype(np.float64)


class OtherVideos:
    """What is fixated in all videos but one, for each of many videos: maps are made once per video and grid."""

    def __init__(self, looks: Mapping[str, FixationSet]) -> None:
        self._looks = {name: one for name, one in looks.items() if len(inside(one.points, one.size))}
        self._counts: dict[tuple[str, Size], NDArray[np.int64]] = {}
        self._prior: dict[tuple[str, Size], NDArray[np.float64]] = {}

    def known(self, video: str) -> bool:
        """Whether any other video than ``video`` has fixations."""
        return bool(self._looks.keys() - {video})

    def of(self, video: str, shape: Size, prior: bool = True) -> OtherVideoFixations | None:
        """What is fixated in all videos but ``video``, on a grid of ``shape``; None where nothing is."""
        others = [(name, one) for name, one in self._looks.items() if name != video]
        if not others:
            return None
        counts, likely = np.zeros(shape, np.int64), np.zeros(shape)
        for name, one in others:
            if (name, shape) not in self._counts:
                self._counts[name, shape] = fixation_counts(one.points, one.size, shape)
            counts += self._counts[name, shape]
            if prior and (name, shape) not in self._prior:
                self._prior[name, shape] = _likely(one, shape)
            likely += self._prior[name, shape] if prior else 0
        return OtherVideoFixations(counts, likely if prior else None)


def from_picture(path: Path, shape: Size) -> OtherVideoFixations:
    """From a picture of the centre bias, stretched to the maps: what is brighter than half its range is fixated.

    Raises UsageError for a file that is no picture, and for one that is of one colour.
    """
    import cv2

    picture = cv2.imdecode(np.frombuffer(_content(path), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise UsageError(f"--baseline {path}: is not a readable picture")
    prior = cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)
    if np.ptp(prior) == 0:
        raise UsageError(f"--baseline {path}: is the same everywhere; it should be bright where people tend to look")
    return OtherVideoFixations(prior > (prior.min() + prior.max()) / 2, prior)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() or b"\0"
    except OSError as error:
        raise UsageError(f"--baseline {path}: {error.strerror}") from None


def all_points(frames: FrameFixations) -> FixationSet:
    """The points of all frames of a video."""
    return FixationSet(np.concatenate([np.empty((0, 2)), *frames.points]), frames.size)


def fixation_set(truth: VideoTruth, judged: Mapping[str, FrameFixations]) -> FixationSet | None:
    """All fixations on a video, if they can be known: it was predicted, or its size and points are on record."""
    if truth.points is None:
        return all_points(judged[truth.name]) if truth.name in judged else None
    size: Any = judged[truth.name].size if truth.name in judged else truth.size()
    return None if size is None else FixationSet(truth.points, size)
