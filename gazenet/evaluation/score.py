"""Score predicted maps of videos against fixations, frame by frame; tables with counts of what could not be judged."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.data.density import Size
from gazenet.data.fixations import Fixations, FrameFixations, per_frame
from gazenet.errors import CacheError
from gazenet.evaluation.bootstrap import Interval, bootstrap_mean
from gazenet.evaluation.ground_truth import SIGMA_FRACTION
from gazenet.evaluation.predictions import PictureMaps
from gazenet.evaluation.scoring_grid import on_grid, scoring_grid
from gazenet.metrics import saliency_metrics
from gazenet.metrics.saliency_metrics import Mode
from gazenet.npy import open_npy
from gazenet.redaction import original

METRICS = ("nss", "cc", "sim", "kld", "auc_judd", "auc_uniform", "auc_shuffled")
Maps = NDArray[Any] | PictureMaps
BATCH = 16
"""Frames that are judged at once."""


@dataclass(frozen=True)
class Scores:
    """``values[metric]`` float64 ``[n]``, one per judged ``frames`` ``[n]``; NaN where a frame is invalid.

    ``grid``: height and width at which they were judged; None where none was.
    """

    frames: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    grid: Size | None = None

    def table(self, seed: int = 0) -> dict[str, Interval]:
        """Mean, 95 % bootstrap interval, count and number of invalid frames of each metric."""
        return {name: bootstrap_mean(values, seed=seed) for name, values in self.values.items()}


def evaluate_maps(
    predictions: NDArray[Any],
    times: NDArray[np.float64],
    fixations: Fixations | FrameFixations,
    size: Size,
    *,
    sigma: float | None = None,
    stride: int = 1,
    min_observers: int = 1,
    metrics: Sequence[str] = METRICS[:-1],
    others: NDArray[np.integer] | NDArray[np.bool_] | None = None,
    grid: int | None = None,
) -> Scores:
    """Score maps ``[T, h, w]`` of frames shown at ``times`` ``[T]`` (seconds) of a video of ``size`` (height, width).

    Every ``stride``-th frame with at least ``min_observers`` fixating people is judged, on the scoring grid (``grid``:
    its longer side, see :mod:`gazenet.evaluation.scoring_grid`); ``sigma`` is the ground-truth Gaussian in pixels of
    the video (default: 1/32 of its width). ``auc_shuffled`` needs ``others`` on that grid, the numbers of fixations
    elsewhere. Raises ValueError where lengths or names do not fit.
    """
    if len(predictions) != len(times):
        raise ValueError(f"{len(predictions)} maps for {len(times)} frames")
    truth = fixations if isinstance(fixations, FrameFixations) else per_frame(fixations, times, size)
    frames = np.array([k for k in range(0, len(times), stride) if truth.observers[k] >= min_observers], np.int64)
    return score_frames(predictions, truth, frames, sigma or SIGMA_FRACTION * size[1], metrics, others, grid)


def score_frames(
    predictions: Maps | Mapping[int, NDArray[Any]],
    truth: FrameFixations,
    frames: NDArray[np.int64],
    sigma: float,
    metrics: Sequence[str] = ("nss", "cc"),
    others: NDArray[np.integer] | NDArray[np.bool_] | None = None,
    grid: int | None = None,
    prior: NDArray[np.floating] | None = None,
    mode: Mode = "standard",
) -> Scores:
    """Score the chosen frames of maps ``[T, h, w]`` (or by frame); ``sigma`` in pixels of the video.

    Maps and ground truth are brought to the scoring grid of the frames (bilinear,
    :func:`gazenet.evaluation.scoring_grid.on_grid`), whose longer side is at most ``grid`` (None: 480); there every
    fixation counts, several in a cell too. ``others`` and ``prior`` are of the shape of that grid: how often each cell
    was fixated in other videos, and what information gain is measured against.

    ``mode`` ``original``: the definitions of the published evaluation, on the maps' own cells, each of which is
    fixated or not; maps whose longer side is below ``grid`` are enlarged to it first.
    """
    unknown = [name for name in metrics if name not in saliency_metrics.METRICS]
    if unknown:
        raise ValueError(f"unknown metric {', '.join(unknown)}; known: {', '.join(torchmetrics_objects.METRICS)}")
    counted = mode == "standard"
    scorers = {name: saliency_metrics.METRICS[name](mode=mode, counted=counted) for name in metrics}
    fixed = {"others": others, "prior": prior}
    for name, scorer in scorers.items():
        if any(part in fixed and fixed[part] is None for part in scorer.truth):
            raise ValueError(f"{name} needs the fixations of other videos (others, prior)")
    constant = {name: torch.from_numpy(np.asarray(value)) for name, value in fixed.items() if value is not None}
    values: dict[str, list[NDArray[np.float64]]] = {name: [np.empty(0)] for name in metrics}
    shape = scoring_grid(truth.size, grid) if counted else None
    for start in range(0, len(frames), BATCH):
        chosen = frames[start : start + BATCH]
        p = torch.from_numpy(np.stack([np.asarray(predictions[int(k)], np.float64) for k in chosen]))
        shape = shape or enlarged_shape((p.shape[1], p.shape[2]), grid)
        p, known = on_grid(p, shape), _truth(truth, chosen, sigma, shape, counted)
        known.update({name: value.expand_as(p) for name, value in constant.items()})
        for name, scorer in scorers.items():
            values[name].append(scorer.scores(p, *(known[part] for part in scorer.truth)).numpy())
    return Scores(frames, {name: np.concatenate(column) for name, column in values.items()}, shape)


def enlarged_shape(shape: Size, grid: int | None) -> Size:
    """Height and width at which the published definitions judge maps of ``shape``: ``grid`` the longer side at least.

    None: their own.
    """
    longer = max(shape)
    if grid is None or longer >= grid:
        return shape
    return round(shape[0] * grid / longer), round(shape[1] * grid / longer)


def judged_shape(truth: FrameFixations, maps: Size, grid: int | None, mode: Mode) -> Size:
    """Height and width at which :func:`score_frames` judges ``maps`` of this height and width."""
    return scoring_grid(truth.size, grid) if mode == "standard" else enlarged_shape(maps, grid)


def _truth(
    truth: FrameFixations, frames: NDArray[np.int64], sigma: float, shape: Size, counted: bool
) -> dict[str, torch.Tensor]:
    """Fixations (their numbers, or fixated cells) and densities of some frames, ``[n, *shape]`` each."""
    hit = np.stack([(truth.fixation_counts if counted else truth.fixation_map)(int(k), *shape) for k in frames])
    smooth = np.stack([truth.density(int(k), *shape, sigma) for k in frames])
    return {"fixations": torch.from_numpy(hit), "density": torch.from_numpy(smooth)}


@dataclass(frozen=True)
class Predicted:
    """What an output folder of ``gasp_infer`` says of one video.

    ``maps`` ``[T, h, w]``: an array, or what is indexed like one by frame and has its ``shape``.
    """

    name: str
    maps: Maps
    times: NDArray[np.float64]
    size: Size
    media: Path | None = None
    """The video, as the run recorded it."""


def read_predicted(folder: Path, size: Size | None = None) -> Predicted:
    """``saliency.npy`` and the frame times of ``attention.csv`` from an output folder of ``gasp_infer``.

    ``size`` (height, width) of the video's frames; if not given it is found through ``run.json``. Raises
    CacheError where something is missing or does not fit, MediaError where the video itself must be asked and is gone.
    """
    try:
        maps = _saliency(folder / "saliency.npy")
        with (folder / "attention.csv").open(newline="", encoding="utf-8") as file:
            by_frame = {int(row["frame"]): float(row["time_s"]) for row in csv.DictReader(file)}
        record = _record(folder, optional=size is not None)
        size = size or _frame_size(record)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise CacheError(f"{folder}: cannot be scored: {error}") from None
    times = np.array([by_frame[frame] for frame in sorted(by_frame)])
    if maps.ndim != 3 or len(maps) != len(times):
        raise CacheError(f"{folder}: {len(maps)} maps, but {len(times)} frame times: they are not of one run")
    return Predicted(folder.name, maps, times, size, Path(original(record["input"])) if "input" in record else None)


def _saliency(path: Path) -> NDArray[np.generic]:
    try:
        return open_npy(path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}; run gasp_infer again") from None


def _record(folder: Path, optional: bool) -> dict[str, Any]:
    if optional and not (folder / "run.json").exists():
        return {}
    return dict(json.loads((folder / "run.json").read_text(encoding="utf-8")))


def _frame_size(record: Mapping[str, Any]) -> Size:
    """Height and width as the run recorded them, else as the video itself says."""
    video = record.get("video")
    if isinstance(video, Mapping) and "height" in video and "width" in video:
        return int(video["height"]), int(video["width"])
    from gazenet.media.decode import probe

    info = probe(Path(original(record["input"])))
    return info.height, info.width
