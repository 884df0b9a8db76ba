"""Tables of fixations and the frames they belong to.

A fixation lasts from ``start`` to ``start + duration`` and counts for every frame whose presentation time lies in that
span; a fixation that falls between two frames counts for the frame on display. The frames' own times decide,
never a rounded rate; the :data:`Clock` of a table defines its time 0.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gazenet.data import density as maps
from gazenet.data.density import Points, Size, Weights
from gazenet.errors import UsageError

Clock = Literal["container", "first_frame", "frame_index"]
"""The meaning of time 0 in a table of fixations.

- ``container``: the start of the file, its earliest stream: the clock that players show. Where the picture begins
  after the sound, the first frame's time is later than 0.
- ``first_frame``: the first picture, whenever the container presents it.
- ``frame_index``: the first picture, and frame k is at k divided by the mean rate, whatever its own time: tables that
  were made by counting frames.
"""
CLOCKS: tuple[Clock, ...] = ("container", "first_frame", "frame_index")

TICK = 1e-4
"""Times that differ by less, in seconds, are the same moment: tables of frame times are rounded to this."""


@dataclass(frozen=True)
class Fixations:
    """N fixations on one video or picture: who, when (seconds on its clock), where (pixels, see ``density``)."""

    subject: NDArray[np.int64]
    start: NDArray[np.float64]
    duration: NDArray[np.float64]
    points: Points

    def __post_init__(self) -> None:
        lengths = {len(self.subject), len(self.start), len(self.duration), len(self.points)}
        if len(lengths) != 1 or self.points.ndim != 2 or self.points.shape[1] != 2:
            raise ValueError("subject, start, duration [N] and points [N, 2] must be of one length")

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, kept: NDArray[np.bool_]) -> Fixations:
        """Return the rows of a mask."""
        return Fixations(self.subject[kept], self.start[kept], self.duration[kept], self.points[kept])


@dataclass(frozen=True)
class FrameFixations:
    """The fixations of each of T frames of a video or picture of ``size`` (height, width).

    ``weights``: the weight of each point in the density, for example its duration; None: equal weights. ``subjects``:
    whose fixation each point is, int64 ``[n]`` for each frame; None: not known.
    """

    size: Size
    points: Sequence[Points]
    observers: NDArray[np.int64]
    weights: Sequence[Weights] | None = None
    subjects: Sequence[NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, frame: int) -> Points:
        return self.points[frame]

    def __iter__(self) -> Iterator[Points]:
        return iter(self.points)

    def density(self, frame: int, h: int, w: int, sigma: float) -> NDArray[np.float32]:
        """Return float32 ``[h, w]``, Gaussians of ``sigma`` pixels of the full frame, largest value 1, or all 0."""
        weights = None if self.weights is None else self.weights[frame]
        return maps.peak_one(maps.density(self.points[frame], self.size, (h, w), sigma, weights=weights))

    def fixation_map(self, frame: int, h: int, w: int) -> NDArray[np.uint8]:
        """Return uint8 ``[h, w]``, 1 in fixated cells."""
        return maps.fixation_map(self.points[frame], self.size, (h, w))

    def fixation_counts(self, frame: int, h: int, w: int) -> NDArray[np.int64]:
        """Return int64 ``[h, w]``: the number of fixations in each cell."""
        return maps.fixation_counts(self.points[frame], self.size, (h, w))


def on_clock(times: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
    """Convert times ``[T]`` of frames (seconds, as decoded, ascending) to the clock of a table of fixations."""
    if clock == "container" or not len(times):
        return times
    since_first = times - times[0]
    if clock == "first_frame" or since_first[-1] <= 0:
        return since_first
    return np.linspace(0.0, since_first[-1], len(times))


def clock_note(video: str, times: NDArray[np.float64], clock: Clock) -> str | None:
    """A line on the clock that was taken and its distance from the others; None where all agree within half a frame.

    ``times`` ``[T]`` of the frames in seconds, as decoded.
    """
    if len(times) < 2:
        return None
    taken = on_clock(times, clock)
    apart = {name: on_clock(times, name) - taken for name in CLOCKS if name != clock}
    largest = {name: float(shift[np.abs(shift).argmax()]) for name, shift in apart.items()}
    if max(map(abs, largest.values())) < (times[-1] - times[0]) / (len(times) - 1) / 2:
        return None
    # A frame that a clock calls earlier meets fixations of an earlier time: the fixations move to later frames.
    others = ", ".join(
        f"{name} would move them by {'up to ' if np.ptp(apart[name]) > TICK else ''}{-shift:+.3f} s"
        for name, shift in largest.items()
    )
    return (
        f"{video}: the first picture is shown at {times[0]:.3f} s of the container; fixation times were taken on the "
        f"clock {clock}; {others}"
    )


def per_frame(
    fixations: Fixations, times: NDArray[np.float64], size: Size, clock: Clock = "container"
) -> FrameFixations:
    """Sort fixations into the frames shown at ``times`` ``[T]`` (seconds, as decoded, ascending).

    ``clock``: what the times of the fixations count from. Before the first frame and after the last one has been shown
    as long as its predecessor, fixations belong to no frame. Raises ValueError without a frame.
    """
    if not len(times):
        raise ValueError("a video without frames has no fixated frames")
    shown = on_clock(np.asarray(times, np.float64), clock)
    start, end = fixations.start, fixations.start + fixations.duration
    first, stop = np.searchsorted(shown + TICK, start), np.searchsorted(shown + TICK, end)
    closing = shown[-1] + (shown[-1] - shown[-2] if len(shown) > 1 else np.inf)
    on_display = np.searchsorted(shown - TICK, start, side="right") - 1
    between = (first == stop) & (on_display >= 0) & (start < closing)
    first, stop = np.where(between, on_display, first), np.where(between, on_display + 1, stop)
    members: list[list[int]] = [[] for _ in times]
    for k, (a, b) in enumerate(zip(first, stop, strict=True)):
        for frame in range(a, b):
            members[frame].append(k)
    subjects = [fixations.subject[who] for who in members]
    observers = np.array([len(np.unique(ids)) for ids in subjects], np.int64)
    return FrameFixations(size, [fixations.points[who] for who in members], observers, subjects=subjects)


def constant(fixations: Fixations, frames: int, size: Size) -> FrameFixations:
    """Return frames of a still picture, each with all its fixations."""
    observers = len(np.unique(fixations.subject))
    counts = np.full(frames, observers, np.int64)
    return FrameFixations(size, [fixations.points] * frames, counts, subjects=[fixations.subject] * frames)


def no_fixations(frames: int, size: Size) -> FrameFixations:
    """Return frames without recorded gaze: no points, no observers."""
    return FrameFixations(size, [np.empty((0, 2))] * frames, np.zeros(frames, np.int64))


REQUIRED = ("subject", "x", "y")
TIMING = ("start_ms", "duration_ms")


def read_table(path: Path, key: str, timed: bool) -> dict[str, Fixations]:
    """Read a CSV of fixations, grouped by its column ``key`` (``video`` or ``image``; ids stay text).

    Columns: the key, subject, x, y in pixels and, if ``timed``, start_ms and duration_ms. Subjects may be text: where
    one of them is not a whole number, all are numbered from 0 in the order of the table. Raises UsageError naming
    file, line and column.
    """
    wanted = (*REQUIRED, *TIMING) if timed else REQUIRED
    groups: dict[str, list[tuple[float, ...]]] = {}
    people: dict[str, list[str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames, (key, *wanted))
            for row in reader:
                groups.setdefault(row[key], []).append(_numbers(path, reader.line_num, row, wanted[1:]))
                people.setdefault(row[key], []).append(_subject(path, reader.line_num, row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as a table of fixations: {error}") from None
    number = _numbered(name for names in people.values() for name in names)
    return {
        name: _as_fixations(np.array([number[person] for person in people[name]], np.int64), np.array(rows), timed)
        for name, rows in groups.items()
    }


def _subject(path: Path, line: int, row: dict[str, str]) -> str:
    name = (row["subject"] or "").strip()
    if name.lower() in ("", "nan"):
        raise UsageError(f"{path}: line {line}: column subject must name a person, not {row['subject']!r}")
    return name


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Return each name's number: its own where all are whole numbers, else its place."""
    order = list(dict.fromkeys(names))
    try:
        values = [float(name) for name in order]
        if all(value.is_integer() for value in values):
            return {name: int(value) for name, value in zip(order, values, strict=True)}
    except ValueError:
        pass
    return {name: k for k, name in enumerate(order)}


def _check_columns(path: Path, names: Sequence[str] | None, wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in (names or ())]
    if missing:
        raise UsageError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(names or ['nothing'])}")


def _numbers(path: Path, line: int, row: dict[str, str], wanted: Sequence[str]) -> tuple[float, ...]:
    values = []
    for name in wanted:
        try:
            value = float(row[name])
        except (TypeError, ValueError):
            value = float("nan")
        if not np.isfinite(value):
            raise UsageError(f"{path}: line {line}: column {name} must be a number, not {row[name]!r}")
        values.append(value)
    return tuple(values)


def _as_fixations(subject: NDArray[np.int64], rows: NDArray[np.float64], timed: bool) -> Fixations:
    start, duration = (rows[:, 2] / 1000, rows[:, 3] / 1000) if timed else (np.zeros(len(rows)), np.zeros(len(rows)))
    return Fixations(subject, start, duration, np.ascontiguousarray(rows[:, :2]))
