"""The human limit beside the predictors: scores on the same frames, and the share of the limit that each reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazenet.evaluation.bootstrap import Interval, bootstrap_mean, bootstrap_ratio
from gazenet.evaluation.evaluation import GRID, Comparison, Row
from gazenet.evaluation.human_limit import HALF, ITSELF, LIMIT, ONE
from gazenet.evaluation.score import Scores
from gazenet.evaluation.scoring_grid import as_text

CHANCE = {"auc_judd": 0.5}
"""Score of a map that says nothing, where that is not 0: shares are of what lies above it."""
LIMITS = tuple(LIMIT)
"""The metrics that have a human limit."""


@dataclass(frozen=True)
class Standing:
    """A limit or a predictor on the frames where people set a limit.

    ``frames``: how many of each video. ``by_video[video]`` and ``overall``: means of the metrics it has, the latter
    over videos. ``shares``: of the limit, with intervals over videos (of one: its frames); empty for the limits.
    """

    name: str
    frames: Mapping[str, int]
    by_video: Mapping[str, Mapping[str, float]]
    overall: Mapping[str, Interval]
    shares: Mapping[str, Interval]
    grids: Mapping[str, str]


def standings(found: Comparison) -> list[Standing]:
    """The three limits, then every predictor in order of place; empty where no limit is known."""
    if not found.human:
        return []
    kept = {video: _known(limits) for video, limits in found.human.items()}
    rows = []
    for limit in (ONE, HALF, ITSELF):
        scores = {video: _at(limits[limit], kept[video]) for video, limits in found.human.items()}
        rows.append(_standing(limit, scores, {}))
    limits = {
        metric: {video: _at(one[LIMIT[metric]], kept[video]) for video, one in found.human.items()}
        for metric in found.metrics
        if metric in LIMIT
    }
    for row in found.overall():
        name = str(row["predictions"])
        scores = {video: _at(found.judged[name][video].scores, kept[video]) for video in found.human}
        rows.append(_standing(name, scores, limits))
    return rows


def human_table(found: Comparison) -> Iterator[Row]:
    """A row for each limit and predictor and each video, then over videos: means, intervals and shares."""
    for row in standings(found):
        for video, means in row.by_video.items():
            base = {"predictions": row.name, "video": video, "frames": row.frames[video]}
            yield (
                base
                | _columns(found.metrics, {m: _point(means.get(m)) for m in found.metrics}, {})
                | {GRID: row.grids[video]}
            )
        base = {"predictions": row.name, "video": "mean", "frames": sum(row.frames.values())}
        grids = " ".join(sorted(set(row.grids.values())))
        yield base | _columns(found.metrics, row.overall, row.shares) | {GRID: grids}


def _known(limits: Mapping[str, Scores]) -> NDArray[np.int64]:
    """The frames in which people set a limit."""
    columns = [*limits[ONE].values.values(), *limits[HALF].values.values()]
    known = np.any([np.isfinite(column) for column in columns], axis=0)
    return np.asarray(limits[ONE].frames[known])


def _at(scores: Scores, frames: NDArray[np.int64]) -> Scores:
    """The scores of some frames."""
    kept = np.isin(scores.frames, frames)
    values = {metric: column[kept] for metric, column in scores.values.items()}
    return Scores(scores.frames[kept], values, scores.grid)


def _standing(name: str, scores: Mapping[str, Scores], limits: Mapping[str, Mapping[str, Scores]]) -> Standing:
    metrics = next(iter(scores.values())).values
    columns = {m: {video: one.values[m] for video, one in scores.items()} for m in metrics}
    known = {m: by for m, by in columns.items() if any(np.isfinite(column).any() for column in by.values())}
    return Standing(
        name,
        {video: len(one.frames) for video, one in scores.items()},
        {video: {m: bootstrap_mean(by[video], samples=1).mean for m, by in known.items()} for video in scores},
        {m: bootstrap_mean(_units(list(by.values()))) for m, by in known.items()},
        {m: _share(m, known[m], by) for m, by in limits.items() if m in known},
        {video: "" if one.grid is None else as_text(one.grid) for video, one in scores.items()},
    )


def _units(columns: Sequence[NDArray[np.float64]]) -> list[float]:
    """What is drawn: the means of videos, or the frames of the only one."""
    if len(columns) == 1:
        return columns[0].tolist()
    return [bootstrap_mean(column, samples=1).mean for column in columns]


def _share(
    metric: str,
    own: Mapping[str, NDArray[np.float64]],
    limits: Mapping[str, Scores],
) -> Interval:
    """What lies above chance as a share of the limit's, over the frames that have both."""
    pairs = []
    for video, column in own.items():
        limit = limits[video].values[metric]
        both = np.isfinite(column) & np.isfinite(limit)
        pairs.append((column[both] - CHANCE.get(metric, 0.0), limit[both] - CHANCE.get(metric, 0.0)))
    return bootstrap_ratio(_units([a for a, _ in pairs]), _units([b for _, b in pairs]))


def _point(value: float | None) -> Interval | None:
    return None if value is None else Interval(value, np.nan, np.nan, 1)


def _columns(
    metrics: Sequence[str], scores: Mapping[str, Interval | None], shares: Mapping[str, Interval]
) -> dict[str, object]:
    """``metric``, ``metric_low``, ``metric_high`` and, where people set one, the share of it; empty: unknown."""
    row: dict[str, object] = {}
    for metric in metrics:
        row |= _three(metric, scores.get(metric))
        if metric in LIMIT:
            row |= _three(f"{metric}_share", shares.get(metric))
    return row


def _three(name: str, one: Interval | None) -> dict[str, object]:
    values = ("", "", "") if one is None else tuple("" if v != v else v for v in (one.mean, one.low, one.high))
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
