"""Intervals of means over frames, by resampling.

Neighbouring frames of one video resemble each other, so resampling single frames understates the spread between
videos; ``groups`` resamples complete videos instead. Say which one a table shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """A mean over ``count`` finite values, its bootstrap percentile interval, and how many values were not finite."""

    mean: float
    low: float
    high: float
    count: int
    invalid: int = 0


def finite_mean(values: NDArray[np.floating]) -> float:
    """Return the mean of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def bootstrap_mean(
    values: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
    samples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Compute the mean of ``values`` ``[N]`` and its interval; values that are not finite are left out and counted.

    ``groups`` ``[N]`` names the video of every frame: then videos are resampled. Deterministic for a seed. Raises
    ValueError for a level outside 0..1 or groups of another length. Without any finite value everything is NaN.
    """
    _check_level(level)
    array = np.asarray(values, np.float64).ravel()
    if groups is not None and len(groups) != len(array):
        raise ValueError(f"{len(array)} values but {len(groups)} groups")
    finite = np.isfinite(array)
    kept = array[finite]
    if not len(kept):
        return Interval(np.nan, np.nan, np.nan, 0, len(array))
    sums, counts = _parts(kept, None if groups is None else [g for g, ok in zip(groups, finite, strict=True) if ok])
    means = _resampled_means(sums, counts, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(kept.mean()), float(low), float(high), len(kept), int((~finite).sum()))


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
    samples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Compute the mean of ``a - b`` over the same frames with its interval.

    A frame that is invalid in either is left out and counted.

    Raises ValueError where ``a`` and ``b`` differ in length.
    """
    first, second = _pair(a, b)
    return bootstrap_mean(first - second, groups=groups, level=level, samples=samples, seed=seed)


def bootstrap_ratio(
    a: ArrayLike, b: ArrayLike, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> Interval:
    """Compute the mean of ``a`` over that of ``b`` ``[N]``, resampled together; pairs not finite are left out.

    Raises ValueError for a level outside 0..1 and for ``a`` and ``b`` of different lengths.
    """
    _check_level(level)
    first, second = _pair(a, b)
    finite = np.isfinite(first) & np.isfinite(second)
    if not finite.any():
        return Interval(np.nan, np.nan, np.nan, 0, len(first))
    ratios = _resampled_means(first[finite], second[finite], samples, np.random.default_rng(seed))
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    ratio = float(first[finite].sum() / second[finite].sum())
    return Interval(ratio, float(low), float(high), int(finite.sum()), int((~finite).sum()))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if len(first) != len(second):
        raise ValueError(f"paired values must be of one length, not {len(first)} and {len(second)}")
    return first, second


def _parts(
    values: NDArray[np.float64], groups: list[object] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and count of each unit of resampling: a value, or all values of a group."""
    if groups is None:
        return values, np.ones(len(values))
    names = {name: k for k, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[name] for name in groups])
    return np.bincount(member, values).astype(np.float64), np.bincount(member).astype(np.float64)


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], samples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    means = np.empty(samples)
    # In slices: 2000 draws of 100000 values at once would fill the memory.
    step = max(1, 4_000_000 // len(sums))
    for start in range(0, samples, step):
        units = rng.integers(len(sums), size=(min(step, samples - start), len(sums)))
        means[start : start + step] = sums[units].sum(1) / counts[units].sum(1)
    return means
