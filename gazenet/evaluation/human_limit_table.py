"""The human limit beside the predictors: scores on the same frames, and the share of the limit that each reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gazenet.evaluation.bootstrap import Interval, bootstrap_ratio, finite_mean
from gazenet.evaluation.human_limit import HALF, ITSELF, LIMIT, ONE_BY_OTHERS
from gazenet.evaluation.score import Scores
from gazenet.evaluation.tables import MEAN, Row, interval_cells, score_row

CHANCE = {"auc_judd": 0.5}
"""Score of a map that says nothing, where that is not 0: shares are of what lies above it."""
OF_LIMIT = "_of_limit"
"""End of the columns with the share of the human limit."""
ByVideo = Mapping[str, Scores]


def human_limit_rows(
    limits: Mapping[str, Mapping[str, Scores]], predictors: Mapping[str, ByVideo], videos: Mapping[str, Row]
) -> Iterator[Row]:
    """Yield a row for each limit, then each predictor, and each video, then the mean over videos.

    All are scored on the frames in which people set a limit; each metric with a limit is followed by the share of it.

    Args:
        limits: the scores of the limits, by video and name of the limit.
        predictors: the scores of each predictor by video.
        videos: cells that say which video a row is about, by video.
    """
    kept = {video: _limited_frames(by_name) for video, by_name in limits.items()}
    scores: dict[str, ByVideo] = {
        name: _defined({video: by_name[name].at(kept[video]) for video, by_name in limits.items()})
        for name in (ONE_BY_OTHERS, HALF, ITSELF)
    }
    reference = {
        metric: scores[limit] for metric, limit in LIMIT.items() if metric in next(iter(scores[limit].values())).values
    }
    for name, by_video in predictors.items():
        scores[name] = {video: by_video[video].at(kept[video]) for video in limits}
    for name, by_video in scores.items():
        share_of = reference if name in predictors else {}
        for video in by_video:
            yield _row({"predictor": name} | videos[video], {video: by_video[video]}, share_of)
        yield _row({"predictor": name, "video": MEAN}, by_video, share_of)


def _row(labels: Row, scores: ByVideo, reference: Mapping[str, ByVideo]) -> Row:
    row = score_row(labels, list(scores.values()), "standard")
    for metric, limit in reference.items():
        own = [one.values[metric] for one in scores.values()]
        row |= interval_cells(
            metric + OF_LIMIT, _share(metric, own, [limit[video].values[metric] for video in scores])
        )
    return row


def _limited_frames(limits: Mapping[str, Scores]) -> NDArray[np.int64]:
    """Return the frames in which people set a limit."""
    columns = [*limits[ONE_BY_OTHERS].values.values(), *limits[HALF].values.values()]
    limited = np.any([np.isfinite(column) for column in columns], axis=0)
    return np.asarray(limits[ONE_BY_OTHERS].frames[limited])


def _defined(scores: ByVideo) -> ByVideo:
    """Return the scores by those metrics that a limit has."""
    metrics = next(iter(scores.values())).values
    defined = [m for m in metrics if any(np.isfinite(one.values[m]).any() for one in scores.values())]
    return {
        video: Scores(one.frames, {metric: one.values[metric] for metric in defined}, one.grid)
        for video, one in scores.items()
    }


def _share(metric: str, own: Sequence[NDArray[np.float64]], limit: Sequence[NDArray[np.float64]]) -> Interval:
    """Return the part above chance as a share of the limit's, over the frames that have both."""
    chance = CHANCE.get(metric, 0.0)
    both = [np.isfinite(a) & np.isfinite(b) for a, b in zip(own, limit, strict=True)]
    pairs = [(a[k] - chance, b[k] - chance) for a, b, k in zip(own, limit, both, strict=True)]
    if len(pairs) == 1:
        return bootstrap_ratio(*pairs[0])
    return bootstrap_ratio(*([finite_mean(column) for column in side] for side in zip(*pairs, strict=True)))
