"""Score the maps of one video against its fixations, frame by frame, on the scoring grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.data.density import Size
from gazenet.data.fixations import FrameFixations
from gazenet.evaluation.bootstrap import Interval, bootstrap_mean
from gazenet.evaluation.ground_truth import OtherFixations
from gazenet.evaluation.predictions import Maps
from gazenet.evaluation.scoring_grid import on_grid, scoring_grid
from gazenet.metrics.saliency_metrics import METRICS, Mode

METRICS_OF_ONE_VIDEO = ("nss", "cc", "sim", "kld", "auc_judd", "auc_uniform")
"""Usual metrics that need nothing but the video itself."""
USUAL_METRICS = (*METRICS_OF_ONE_VIDEO, "auc_shuffled")
BATCH = 16
"""Frames that are scored at once."""


@dataclass(frozen=True)
class ScoringOptions:
    """The choice of metrics and frames, and the definitions of scoring.

    Args:
        metrics: names of :data:`gazenet.metrics.saliency_metrics.METRICS`, in the order of the tables.
        stride: every ``stride``-th frame is scored.
        min_observers: frames that fewer people fixate are left out.
        definitions: ``standard``, or ``original`` for those of the published evaluation, on the maps' own cells.
        grid: longer side at most of the scoring grid (None: 480). With the original definitions smaller maps are
            enlarged to it (None: they keep their own cells).
        baseline: picture of the centre bias, in the place of the fixations of other videos.
    """

    metrics: tuple[str, ...] = USUAL_METRICS
    stride: int = 1
    min_observers: int = 1
    definitions: Mode = "standard"
    grid: int | None = None
    baseline: Path | None = None

    def frames(self, truth: FrameFixations) -> NDArray[np.int64]:
        """Return the numbers of the frames of a video that are scored, ascending."""
        chosen = [k for k in range(0, len(truth), self.stride) if truth.observers[k] >= self.min_observers]
        return np.array(chosen, np.int64)

    def shape(self, truth: FrameFixations, maps: Size) -> Size:
        """Return the (height, width) at which maps of height and width ``maps`` are scored."""
        if self.definitions == "standard":
            return scoring_grid(truth.size, self.grid)
        return enlarged_shape(maps, self.grid)

    @property
    def need_other_videos(self) -> tuple[str, ...]:
        """The metrics that compare with the fixations of other videos."""
        return tuple(name for name in self.metrics if {"others", "prior"} & set(METRICS[name].truth))

    @property
    def needs_prior(self) -> bool:
        """True where a metric asks how likely people look at each place in other videos."""
        return any("prior" in METRICS[name].truth for name in self.metrics)


USUAL = ScoringOptions()
NSS_AND_CC = ScoringOptions(metrics=("nss", "cc"))


@dataclass(frozen=True)
class Scores:
    """``values[metric]`` float64 ``[n]``, one per scored frame of ``frames`` ``[n]``; NaN where a frame is invalid.

    ``grid``: (height, width) of the grid of scoring; None where no frame was scored.
    """

    frames: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    grid: Size | None = None

    @property
    def invalid(self) -> int:
        """Number of frames for which some metric has no value."""
        if not self.values:
            return 0
        return int(np.any([~np.isfinite(column) for column in self.values.values()], axis=0).sum())

    def intervals(self) -> dict[str, Interval]:
        """Return mean, 95 % bootstrap interval over frames, count and number of invalid frames of each metric."""
        return {name: bootstrap_mean(values) for name, values in self.values.items()}

    def at(self, frames: NDArray[np.int64]) -> Scores:
        """Return the scores of those of its frames that are in ``frames``."""
        kept = np.isin(self.frames, frames)
        return Scores(self.frames[kept], {name: values[kept] for name, values in self.values.items()}, self.grid)


def score_frames(
    predictions: Maps | Mapping[int, NDArray[Any]],
    truth: FrameFixations,
    frames: NDArray[np.int64],
    sigma: float,
    options: ScoringOptions = NSS_AND_CC,
    others: OtherFixations | None = None,
) -> Scores:
    """Score some frames of maps ``[T, h, w]`` (or maps by frame number); stride and observers are not applied.

    Maps and ground truth are brought to the scoring grid of the frames (bilinear,
    :func:`gazenet.evaluation.scoring_grid.on_grid`). There every fixation counts, also several in a cell. With the
    original definitions maps keep their own cells, each of which is fixated or not.

    Args:
        sigma: standard deviation of the ground-truth Gaussian in pixels of the video.
        others: the fixations of other videos on that grid (``options.shape``), for metrics that need them.

    Raises:
        ValueError: an unknown metric, or one that needs ``others`` without them.
    """
    scorers = _scorers(options, others)
    counted = options.definitions == "standard"
    constant = {} if others is None else {name: torch.from_numpy(value) for name, value in others.parts().items()}
    values: dict[str, list[NDArray[np.float64]]] = {name: [np.empty(0)] for name in scorers}
    shape = scoring_grid(truth.size, options.grid) if counted else None
    for start in range(0, len(frames), BATCH):
        batch = frames[start : start + BATCH]
        maps = torch.from_numpy(np.stack([np.asarray(predictions[int(k)], np.float64) for k in batch]))
        shape = shape or enlarged_shape((maps.shape[1], maps.shape[2]), options.grid)
        maps, parts = on_grid(maps, shape), _truth(truth, batch, sigma, shape, counted)
        parts.update({name: value.expand_as(maps) for name, value in constant.items()})
        for name, scorer in scorers.items():
            values[name].append(scorer.scores(maps, *(parts[part] for part in scorer.truth)).numpy())
    return Scores(frames, {name: np.concatenate(column) for name, column in values.items()}, shape)


def _scorers(options: ScoringOptions, others: OtherFixations | None) -> dict[str, Any]:
    """Return the metric objects by name. Raises ValueError."""
    unknown = [name for name in options.metrics if name not in METRICS]
    if unknown:
        raise ValueError(f"unknown metric {', '.join(unknown)}; there are {', '.join(METRICS)}")
    present = set() if others is None else set(others.parts())
    for name in options.need_other_videos:
        if not {"others", "prior"} & set(METRICS[name].truth) <= present:
            raise ValueError(f"{name} needs the fixations of other videos (others)")
    counted = options.definitions == "standard"
    return {name: METRICS[name](mode=options.definitions, counted=counted) for name in options.metrics}


def enlarged_shape(shape: Size, grid: int | None) -> Size:
    """Return the (height, width) at which the original definitions score maps of ``shape``.

    The longer side is at least ``grid``; None: the maps keep their own size.
    """
    longer = max(shape)
    if grid is None or longer >= grid:
        return shape
    return round(shape[0] * grid / longer), round(shape[1] * grid / longer)


def _truth(
    truth: FrameFixations, frames: NDArray[np.int64], sigma: float, shape: Size, counted: bool
) -> dict[str, torch.Tensor]:
    """Return fixations (their numbers, or fixated cells) and densities of some frames, ``[n, *shape]`` each."""
    fixated = np.stack([(truth.fixation_counts if counted else truth.fixation_map)(int(k), *shape) for k in frames])
    density = np.stack([truth.density(int(k), *shape, sigma) for k in frames])
    return {"fixations": torch.from_numpy(fixated), "density": torch.from_numpy(density)}
