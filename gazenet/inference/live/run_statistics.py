"""Statistics of a live run: counts, delays and ages of cues, of the whole run and per minute."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gazenet.inference.live.latency_histogram import LatencyHistogram
from gazenet.inference.live.rate_controller import RateController

ROW_S = 60.0
"""Seconds of a row. A row takes a kilobyte, a day of them a megabyte and a half."""


@dataclass
class FrameCounts:
    """Numbers of frames; ``captured`` = ``shown`` + ``dropped``.

    Dropped frames are those ``replaced`` by newer ones, those too ``early`` for the target rate, and those
    ``unfinished`` when the run ended (while it runs: the one that waits).
    """

    captured: int = 0
    shown: int = 0
    replaced: int = 0
    early: int = 0
    unfinished: int = 0
    seconds: float = 0.0

    @property
    def dropped(self) -> int:
        """Number of frames that were captured and not shown."""
        return self.replaced + self.early + self.unfinished

    def summary(self) -> dict[str, Any]:
        """For ``live.json``."""
        return {**vars(self), "dropped": self.dropped, "seconds": round(self.seconds, 2)}


class Durations:
    """Delays and the ages of every cue's map; ``latency`` is from a frame's arrival to the output of its results."""

    def __init__(self, cues: Iterable[str]) -> None:
        self.latency = LatencyHistogram()
        self.ages = {cue: LatencyHistogram() for cue in cues}

    def summary(self) -> dict[str, Any]:
        """Milliseconds, for ``live.json``."""
        return {
            "latency_ms": self.latency.summary(),
            "cue_age_ms": {name: age.summary() for name, age in self.ages.items()},
        }


@dataclass
class RunStatistics:
    """Figures and notes of a live run; ``rows`` are in time order, see :class:`MinuteRows`."""

    whole: Durations
    counts: FrameCounts = field(default_factory=FrameCounts)
    runs: dict[str, LatencyHistogram] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    highest_factor: float = 1.0

    def summary(self) -> dict[str, Any]:
        """For ``live.json``; times in milliseconds."""
        counts = self.counts
        return {
            "frames": counts.summary(),
            "frames_per_s": round(counts.shown / counts.seconds, 2) if counts.seconds else 0.0,
            **self.whole.summary(),
            "stage_ms": {name: run.summary() for name, run in self.runs.items()},
            "highest_pace_factor": round(self.highest_factor, 2),
            "rows": self.rows,
            "notes": self.notes,
        }


class MinuteRows:
    """Sums a run up in rows, which show whether its last minute is like its first.

    A row has the counts of its time (captured = shown + dropped, except for the frame that waits at either end), its
    own percentiles, the most that was held anywhere, the steps of the rate controller, and the resident memory at its
    end.

    Args:
        stats: receives the rows, and every duration.
        controller: its factor and steps stand in the rows.
        seconds: length of a row.
    """

    def __init__(self, stats: RunStatistics, controller: RateController, seconds: float = ROW_S) -> None:
        self._stats, self._controller, self._seconds = stats, controller, seconds
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        self._since, self._before = now, FrameCounts(**vars(self._stats.counts))
        self._recent = Durations(self._stats.whole.ages)
        self._held: dict[str, int] = {}
        self._steps = self._controller.slower, self._controller.faster

    def shown(self, delay: float) -> None:
        """Count a frame whose results were put out ``delay`` seconds after it came."""
        self._stats.counts.shown += 1
        for durations in (self._stats.whole, self._recent):
            durations.latency.add(delay)

    def age(self, cue: str, seconds: float) -> None:
        """Count the age of a cue's map that was shown."""
        for durations in (self._stats.whole, self._recent):
            durations.ages[cue].add(seconds)

    def observe(self, now: float, held: Mapping[str, int], last: bool = False) -> None:
        """Note, once a second and at the end, how many things are held where; close the row when its time is over."""
        for name, number in {**held, "threads": threading.active_count()}.items():
            self._held[name] = max(number, self._held.get(name, 0))
        self._stats.highest_factor = max(self._stats.highest_factor, self._controller.factor)
        if last or now - self._since >= self._seconds:
            self._stats.rows.append(self._row(now))
            self._begin(now)

    def _row(self, now: float) -> dict[str, Any]:
        counts = self._stats.counts
        names = ("captured", "shown", "replaced", "early", "unfinished")
        return {
            "from_s": round(self._since, 2),
            "until_s": round(now, 2),
            **{name: getattr(counts, name) - getattr(self._before, name) for name in names},
            "dropped": counts.dropped - self._before.dropped,
            **self._recent.summary(),
            "most_held": self._held,
            "pace_factor": round(self._controller.factor, 2),
            "slower_steps": self._controller.slower - self._steps[0],
            "faster_steps": self._controller.faster - self._steps[1],
            "resident_mb": resident_mb(),
        }


def resident_mb() -> float | None:
    """Resident memory of this process in megabytes; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
