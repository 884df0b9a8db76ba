"""How long things took, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

LOWEST = 1e-4
PER_DECADE = 40
PERCENTILES = (50, 90, 95, 99)


class LatencyHistogram:
    """Counts durations in bins as wide as 6 % of their value: percentiles are that exact, however many there are."""

    def __init__(self) -> None:
        self._bins = [0] * (6 * PER_DECADE)
        self.count, self.longest, self._sum = 0, 0.0, 0.0

    def add(self, seconds: float) -> None:
        place = math.floor(math.log10(max(seconds, LOWEST) / LOWEST) * PER_DECADE)
        self._bins[min(place, len(self._bins) - 1)] += 1
        self.count += 1
        self._sum += seconds
        self.longest = max(self.longest, seconds)

    def percentile(self, percent: float) -> float:
        """Seconds that ``percent`` of the durations stay within; 0 without any."""
        wanted, seen = math.ceil(self.count * percent / 100), 0
        for place, number in enumerate(self._bins):
            seen += number
            if seen >= wanted and number:
                return min(LOWEST * 10 ** ((place + 1) / PER_DECADE), self.longest)
        return 0.0

    @property
    def mean(self) -> float:
        return self._sum / self.count if self.count else 0.0

    def summary(self) -> dict[str, float]:
        """Milliseconds: mean, percentiles, the longest."""
        told = {f"p{percent}": self.percentile(percent) for percent in PERCENTILES}
        return {
            name: round(1000 * value, 1) for name, value in {"mean": self.mean, **told, "max": self.longest}.items()
        }


def table(rows: dict[str, LatencyHistogram]) -> list[Sequence[str]]:
    """A row of milliseconds per name, with a heading."""
    heading = ["ms", "count", "mean", *(f"p{percent}" for percent in PERCENTILES), "max"]
    lines: list[Sequence[str]] = [heading]
    for name, latency in rows.items():
        lines.append([name, str(latency.count), *(f"{value:.0f}" for value in latency.summary().values())])
    return lines
