"""Videos whose gaze was published frame by frame: for each numbered frame, where each observer looked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.data import density
from gazenet.data.dataset import LOG, Behaviour
from gazenet.data.density import Points, Size, Weights
from gazenet.data.drawn_truth import PublishedFixations
from gazenet.data.fixations import TICK, Clock, FrameFixations, on_clock
from gazenet.data.reader_options import frame_size
from gazenet.errors import UsageError, listed

SAME_RATE = 0.01
"""Rates that differ by less are equal: 29.97 and 30 frames per second name the same count of frames."""
SHORTAGE = 2
"""A video may have this many frames fewer than its annotation."""


@dataclass(frozen=True)
class FrameTable:
    """N fixations: ``frame`` from 0, ``subject``, ``points`` ``[N, 2]`` in pixels, ``weight``: published amplitude."""

    frame: NDArray[np.int64]
    subject: NDArray[np.int64]
    points: Points
    weight: Weights

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> FrameTable:
        """Return the rows of a mask, or at some positions."""
        return FrameTable(self.frame[kept], self.subject[kept], self.points[kept], self.weight[kept])


def from_grid(grid: NDArray[np.float64]) -> FrameTable:
    """A table from ``[frames, 2 or more, observers]``: x and y, NaN where an observer saw nothing; weights 1."""
    seen = np.isfinite(grid[:, :2]).all(axis=1)
    frame, subject = np.nonzero(seen)
    points = np.moveaxis(grid[:, :2], 1, 2)[seen]
    return FrameTable(frame, subject + 1, np.ascontiguousarray(points), np.ones(len(frame)))


def frames_first(grid: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """``[2 or more, frames, observers]`` as ``[frames, 2 or more, observers]``. Raises UsageError for other shapes."""
    if grid.ndim == 2:  # MATLAB does not keep a last axis of length 1
        grid = grid[..., None]
    if grid.ndim != 3 or grid.shape[0] < 2:
        raise UsageError(f"{where}: must be [x y ..., frames, observers], not {list(grid.shape)}")
    return np.moveaxis(grid, 0, 1)


@dataclass(frozen=True)
class FrameVideo:
    """One video with the gaze of its frames.

    Attributes:
        source: the file that the gaze comes from, for messages.
        read: the looks, given the (height, width) of the frames; points with NaN are left out.
        rate: frames per second that the annotation counts in; None: those of the video.
        clock: what frame 0 of the annotation is: the first picture (``frame_index``; ``first_frame`` by its time), or
            what is on display at the start of the container. The published behaviour counts pictures.
        declared: (height, width) where it is known without opening the file.
        subjects: only these observers; None: all.
    """

    name: str
    path: Path
    source: Path
    read: Callable[[Size], FrameTable]
    rate: float | None = None
    clock: Clock = "frame_index"
    behaviour: Behaviour = "corrected"
    declared: Size | None = None
    subjects: tuple[int, ...] | None = None
    still: bool = False

    @cached_property
    def size(self) -> Size:
        """Height and width in pixels, read from the video once. Raises MediaError where it cannot be decoded."""
        return self.declared or frame_size(self.path)

    @cached_property
    def looks(self) -> FrameTable:
        """The valid fixations. Corrected: those outside the frame are left out, with a line in the log.

        Raises UsageError naming the file where it cannot be read or does not fit the video.
        """
        table = self.read(self.size)
        if self.behaviour == "corrected":
            table = table.where(within(table.points, self.size, f"{self.source}: {self.name}"))
        return table if self.subjects is None else table.where(np.isin(table.subject, self.subjects))

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return the points of the frames shown at ``times`` (seconds, as decoded).

        On the clock ``frame_index`` the first picture is the first one annotated, and where the video is a copy in
        another frame rate than the annotation, the annotated frame is the one that was on display at that time
        (corrected only).
        """
        rows = self._rows(times)
        order = np.argsort(self.looks.frame, kind="stable")
        table = self.looks.where(order)
        first, last = (np.searchsorted(table.frame, rows, side) for side in ("left", "right"))
        spans = [slice(a, b) for a, b in zip(first, last, strict=True)]
        self._check_length(rows)
        observers = np.array([len(np.unique(table.subject[span])) for span in spans], np.int64)
        subjects = [table.subject[span] for span in spans]
        frames = FrameFixations(self.size, [table.points[span] for span in spans], observers, subjects=subjects)
        if self.behaviour == "corrected":
            return frames
        return PublishedFixations(frames.size, frames.points, observers, [table.weight[span] for span in spans])

    def _rows(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the annotated frame, from 0, of each frame shown; -1 before the first."""
        count = len(times)
        if self.behaviour == "published" or count < 2 or times[-1] <= times[0]:
            return np.arange(count)
        own = (count - 1) / float(times[-1] - times[0])
        rate = self.rate or own
        if abs(own / rate - 1) < SAME_RATE:
            if self.clock == "frame_index":
                return np.arange(count)
        else:
            LOG.warning(
                "%s: has %.3f frames per second, its fixations %.3f; they are matched by time", self.path, own, rate
            )
        # Rounding must not cost a frame. By time, uneven frames get the annotation that was on display.
        clock = on_clock(times, "first_frame" if self.clock == "frame_index" else self.clock)
        return np.floor((clock + TICK) * rate).astype(np.int64)

    def _check_length(self, rows: NDArray[np.int64]) -> None:
        last = int(self.looks.frame.max(initial=-1))
        missing = last - int(rows.max(initial=-1))
        if self.behaviour == "corrected" and missing > SHORTAGE:
            LOG.warning(
                "%s: ends %d frames before its fixations (%s): it may be truncated", self.path, missing, self.source
            )


def within(points: Points, size: Size, where: str) -> NDArray[np.bool_]:
    """Return a mask of the points inside a frame of ``size``; the number of the others goes to the log.

    Raises UsageError naming ``where`` if all are outside: then it is another video, or other units.
    """
    kept = density.within(points, size)
    dropped = int((~kept).sum())
    text = f"{where}: {dropped} of {len(points)} fixations are outside the frame of {size[1]} x {size[0]}"
    if dropped and dropped == len(points):
        raise UsageError(f"{text}; the file belongs to another video or uses other units")
    if dropped:
        LOG.warning("%s and are left out", text)
    return kept


def leave_out(names: Sequence[str], reason: str) -> None:
    """Log in one line which videos are not items, and why."""
    if names:
        LOG.warning("%s: %s; left out", listed(names), reason)


def shifted(table: FrameTable, x: float, y: float) -> FrameTable:
    """Return the fixations with moved points."""
    return replace(table, points=table.points + np.array([x, y]))
