"""Fixations that cannot be meant: beside the frame, outside the video's time, or in other units than a table has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size, within
from gazenet.data.fixations import Fixations, FrameFixations, no_fixations
from gazenet.errors import UsageError, listed

SECONDS = "in seconds, as it seems; start_ms and duration_ms must be milliseconds: multiply them by 1000"
SHARES = "shares of the frame (0..1), as it seems; x and y must be pixels: multiply them by its width and height"
BESIDE = "outside the frame; x and y must be pixels of the full frame, from its upper left corner"
LATE = "outside the time of the video; start_ms must be milliseconds since its start"
LEAST_S = 1.0
"""Videos of at least so many seconds tell whether times are in seconds."""
SLACK = 1.1
"""By how much tables in seconds may exceed the length of the video."""


@dataclass(frozen=True)
class DoubtfulFixations:
    """The number of doubtful fixations among the ``total`` ones on a video, by the kind of doubt."""

    counts: Mapping[str, int]
    total: int

    @property
    def all(self) -> bool:
        """True where no fixation can be meant."""
        return sum(self.counts.values()) == self.total > 0


def doubtful_fixations(fixations: Fixations, times: NDArray[np.float64], size: Size) -> DoubtfulFixations:
    """Count the doubtful fixations on a video with frames at ``times`` (seconds) of ``size``.

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


def meant(frames: FrameFixations, doubtful: DoubtfulFixations) -> FrameFixations:
    """Return the plausible fixations of frames; people who only looked beside the frame are not observers."""
    if doubtful.all:
        return no_fixations(len(frames), frames.size)
    if BESIDE not in doubtful.counts or frames.subjects is None:
        return frames
    kept = [within(points, frames.size) for points in frames.points]
    subjects = [who[k] for who, k in zip(frames.subjects, kept, strict=True)]
    return replace(
        frames,
        points=[points[k] for points, k in zip(frames.points, kept, strict=True)],
        subjects=subjects,
        observers=np.array([len(np.unique(who)) for who in subjects], np.int64),
    )


def notes(source: str, doubtful: Mapping[str, DoubtfulFixations]) -> list[str]:
    """Return one line for each kind of doubt, with its videos.

    Raises UsageError where no fixation on any video is plausible: the table has other units.
    """
    every = sorted({what for entry in doubtful.values() for what in entry.counts})
    lines = []
    for what in every:
        videos = {video: entry for video, entry in doubtful.items() if what in entry.counts}
        count, total = (
            sum(numbers) for numbers in zip(*((v.counts[what], v.total) for v in videos.values()), strict=True)
        )
        lines.append(f"{source}: {count} of {total} fixations on {listed(list(videos))} are {what}")
    tables = [entry for entry in doubtful.values() if entry.total]
    if tables and all(entry.all for entry in tables):
        raise UsageError("; ".join(lines))
    return [f"{line}; left out" for line in lines]
