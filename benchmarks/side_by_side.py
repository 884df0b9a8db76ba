"""Two ways to the same result, measured in turns in one run: what every benchmark here shares.

Repetitions alternate between the two, so a machine that is busy for a while slows both down; medians are compared.
Processor time stands beside the wall clock because it depends less on what else runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Median seconds of one run: by the clock, and of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One comparison: a plain way, ours, what ``units`` results were made of, the largest difference between them."""

    name: str
    plain: Timing
    ours: Timing
    units: int
    difference: str

    @property
    def ratios(self) -> tuple[float, float]:
        """How many times faster ours is, by the clock and in processor time."""
        return self.plain.wall / self.ours.wall, self.plain.cpu / self.ours.cpu


def compare(plain: Work, ours: Work, repetitions: int = 5) -> tuple[Timing, Timing]:
    """Times of both after one run of each that is not counted. Raises ValueError for less than one repetition."""
    if repetitions < 1:
        raise ValueError(f"repetitions must be at least 1, not {repetitions}")
    plain(), ours()
    runs = [(_once(plain), _once(ours)) for _ in range(repetitions)]
    return _median([a for a, _ in runs]), _median([b for _, b in runs])


def _once(work: Work) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def _median(runs: Sequence[Timing]) -> Timing:
    return Timing(median(run.wall for run in runs), median(run.cpu for run in runs))


def show(rows: Sequence[Row], unit: str) -> str:
    """The table as text: milliseconds per ``unit`` of processor time, and both ratios."""
    head = ("what", f"plain ms/{unit}", f"ours ms/{unit}", "ratio cpu", "ratio wall", "difference")
    cells = [head]
    for row in rows:
        wall, cpu = row.ratios
        each = (1e3 * timing.cpu / row.units for timing in (row.plain, row.ours))
        cells.append((row.name, *(f"{ms:.2f}" for ms in each), f"{cpu:.1f}", f"{wall:.1f}", row.difference))
    widths = [max(len(line[k]) for line in cells) for k in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )
