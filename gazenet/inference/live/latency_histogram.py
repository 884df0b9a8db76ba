"""Durations in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

LOWEST = 1e-4
PER_DECADE = 40
PERCENTILES = (50, 90, 95, 99)


class LatencyHistogram:
    """Counts durations in bins 6 % wide, which is the accuracy of the percentiles however many there are."""

    def __init__(self) -> None:
        self._bins = [0] * (6 * PER_DECADE)
        self.count, self.longest, self._sum = 0, 0.0, 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        index = math.floor(math.log10(max(seconds, LOWEST) / LOWEST) * PER_DECADE)
        self._bins[min(index, len(self._bins) - 1)] += 1
        self.count += 1
        self._sum += seconds
        self.longest = max(self.longest, seconds)

    def percentile(self, percent: float) -> float:
        """Seconds that ``percent`` of the durations do not exceed; 0 without any."""
        wanted, seen = math.ceil(self.count * percent / 100), 0
        for index, number in enumerate(self._bins):
            seen += number
            if seen >= wanted and number:
                return min(LOWEST * 10 ** ((index + 1) / PER_DECADE), self.longest)
        return 0.0

    @property
    def mean(self) -> float:
        """Mean in seconds; 0 without any."""
        return self._sum / self.count if self.count else 0.0

    def summary(self) -> dict[str, float]:
        """Milliseconds: mean, percentiles, the longest."""
        percentiles = {f"p{percent}": self.percentile(percent) for percent in PERCENTILES}
        values = {"mean": self.mean, **percentiles, "max": self.longest}
        return {name: round(1000 * value, 1) for name, value in values.items()}


def table(rows: dict[str, LatencyHistogram]) -> list[Sequence[str]]:
    """A heading, and a row of milliseconds per name."""
    heading = ["ms", "count", "mean", *(f"p{percent}" for percent in PERCENTILES), "max"]
    lines: list[Sequence[str]] = [heading]
    for name, latency in rows.items():
        lines.append([name, str(latency.count), *(f"{value:.0f}" for value in latency.summary().values())])
    return lines
