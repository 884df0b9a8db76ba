"""Fixations that cannot be meant: beside the frame, outside the video's time, or in other units than a table has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size, within
from gazenet.data.fixations import Fixations, FrameFixations, no_fixations
from gazenet.errors import UsageError

SECONDS = "in seconds, as it seems; start_ms and duration_ms must be milliseconds: multiply them by 1000"
SHARES = "shares of the frame (0..1), as it seems; x and y must be pixels: multiply them by its width and height"
BESIDE = "outside the frame; x and y must be pixels of the full frame, from its upper left corner"
LATE = "outside the time of the video; start_ms must be milliseconds since its start"
LEAST_S = 1.0
"""Videos of at least so many seconds tell whether times are in seconds."""
SLACK = 1.1
"""By how much tables in seconds may exceed the length of the video."""
NAMED = 8


@dataclass(frozen=True)
class DoubtfulFixations:
    """How many of the ``total`` fixations on a video are doubtful, by what is doubtful about them."""

    counts: Mapping[str, int]
    total: int

    @property
    def all(self) -> bool:
        """Whether not one fixation can be meant."""
        return sum(self.counts.values()) == self.total > 0


def doubtful_fixations(fixations: Fixations, times: NDArray[np.float64], size: Size) -> DoubtfulFixations:
    """What cannot be meant of the fixations on a video with frames at ``times`` (seconds) of ``size``.

    Times may count from the container's start or from the first frame: what lies outside of both is doubtful.
    """
    total = len(fixations)
    lasting = times[-1] - times[-2] if len(times) > 1 else np.inf
    end = max(times[-1], times[-1] - times[0]) + lasting
    stop = fixations.start + fixations.duration
    if total > 1 and np.isfinite(end) and end >= LEAST_S and stop.max() <= SLACK * end / 1000:
        return DoubtfulFixations({SECONDS: total}, total)
    x, y = fixations.points.T
    if total > 1 and min(size) > 2 and fixations.points.min() >= 0 and max(x.max(), y.max()) <= 1:
        return DoubtfulFixations({SHARES: total}, total)
    beside = ~within(fixations.points, size)
    late = ~beside & ((fixations.start >= end) | (stop < 0))
    counts = {BESIDE: int(beside.sum()), LATE: int(late.sum())}
    return DoubtfulFixations({what: count for what, count in counts.items() if count}, total)


def meant(frames: FrameFixations, found: DoubtfulFixations) -> FrameFixations:
    """The fixations of frames that can be meant; nobody is counted as an observer for looking beside the frame."""
    if found.all:
        return no_fixations(len(frames), frames.size)
    if BESIDE not in found.counts or frames.subjects is None:
        return frames
    kept = [within(points, frames.size) for points in frames.points]
    subjects = [who[k] for who, k in zip(frames.subjects, kept, strict=True)]
    return replace(
        frames,
        points=[points[k] for points, k in zip(frames.points, kept, strict=True)],
        subjects=subjects,
        observers=np.array([len(np.unique(who)) for who in subjects], np.int64),
    )


def notes(source: str, found: Mapping[str, DoubtfulFixations]) -> list[str]:
    """One line for each kind of doubt, with the videos it is about.

    Raises UsageError where no fixation on any of the videos can be meant: such a table has other units.
    """
    every = sorted({what for one in found.values() for what in one.counts})
    lines = []
    for what in every:
        videos = {video: one for video, one in found.items() if what in one.counts}
        count, total = (
            sum(numbers) for numbers in zip(*((v.counts[what], v.total) for v in videos.values()), strict=True)
        )
        lines.append(f"{source}: {count} of {total} fixations on {_listed(list(videos))} are {what}")
    if found and all(one.all for one in found.values() if one.total) and any(one.total for one in found.values()):
        raise UsageError("; ".join(lines))
    return [f"{line}; left out" for line in lines]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
