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

from gazenet.data.density import Size, cells
from gazenet.data.fixations import Fixations, FrameFixations, per_frame, read_table
from gazenet.data.types import Dataset, Item, open_dataset, sigma_of
from gazenet.errors import CacheError, UsageError
from gazenet.metrics import functional
from gazenet.metrics.bootstrap import Interval, bootstrap_mean

METRICS = ("nss", "cc", "sim", "kld", "auc_judd", "auc_uniform", "auc_shuffled")
BY_FIXATIONS = {"nss": functional.nss, "auc_judd": functional.auc_judd, "auc_uniform": functional.auc_uniform}
BY_DENSITY = {"cc": functional.cc, "sim": functional.sim, "kld": functional.kld}
SIGMA_FRACTION = 40 / 1280
"""Ground-truth Gaussian as a share of the frame's width where nothing else is said: 40 pixels of 1280."""


@dataclass(frozen=True)
class Scores:
    """``values[metric]`` float64 ``[n]``, one per judged ``frames`` ``[n]``; NaN where a frame is invalid."""

    frames: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]

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
    others: NDArray[np.bool_] | None = None,
) -> Scores:
    """Score maps ``[T, h, w]`` of frames shown at ``times`` ``[T]`` (seconds) of a video of ``size`` (height, width).

    Every ``stride``-th frame with at least ``min_observers`` fixating people is judged, on the predictions' own grid;
    ``sigma`` is the ground-truth Gaussian in pixels of the video (default: 1/32 of its width). ``auc_shuffled`` needs
    ``others`` ``[h, w]``, the cells fixated elsewhere. Raises ValueError where lengths or names do not fit.
    """
    if len(predictions) != len(times):
        raise ValueError(f"{len(predictions)} maps for {len(times)} frames")
    truth = fixations if isinstance(fixations, FrameFixations) else per_frame(fixations, times, size)
    frames = np.array([k for k in range(0, len(times), stride) if truth.observers[k] >= min_observers], np.int64)
    return score_frames(predictions, truth, frames, sigma or SIGMA_FRACTION * size[1], metrics, others)


def score_frames(
    predictions: NDArray[Any],
    truth: FrameFixations,
    frames: NDArray[np.int64],
    sigma: float,
    metrics: Sequence[str] = ("nss", "cc"),
    others: NDArray[np.bool_] | None = None,
    grid: int | None = None,
) -> Scores:
    """Score the chosen frames of maps ``[T, h, w]``; ``sigma`` in pixels of the video. See :func:`evaluate_maps`.

    ``grid``: longer side to which smaller maps are enlarged (bilinear) first. On a coarse grid several fixations share
    a cell and count once, which hides how concentrated they are.
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ValueError(f"unknown metric {', '.join(unknown)}; known: {', '.join(METRICS)}")
    if "auc_shuffled" in metrics and others is None:
        raise ValueError("auc_shuffled needs the fixations of other videos (others)")
    values: dict[str, list[float]] = {name: [] for name in metrics}
    negatives = None if others is None else torch.from_numpy(others)
    for frame in frames:
        p = _enlarged(torch.from_numpy(np.asarray(predictions[frame], np.float64)), grid)
        h, w = p.shape
        hit = torch.from_numpy(truth.fixation_map(int(frame), h, w))
        smooth = torch.from_numpy(truth.density(int(frame), h, w, sigma))
        for name in metrics:
            values[name].append(_score(name, p, hit, smooth, negatives))
    return Scores(frames, {name: np.array(column) for name, column in values.items()})


def _enlarged(p: torch.Tensor, grid: int | None) -> torch.Tensor:
    h, w = p.shape
    if grid is None or max(h, w) >= grid:
        return p
    size = (round(h * grid / max(h, w)), round(w * grid / max(h, w)))
    return torch.nn.functional.interpolate(p[None, None], size, mode="bilinear", align_corners=False)[0, 0]


def _score(
    name: str, p: torch.Tensor, hit: torch.Tensor, smooth: torch.Tensor, negatives: torch.Tensor | None
) -> float:
    if name in BY_DENSITY:
        return float(BY_DENSITY[name](p, smooth))
    if name in BY_FIXATIONS:
        return float(BY_FIXATIONS[name](p, hit))
    assert negatives is not None
    return float(functional.auc_shuffled(p, hit, negatives))


def fixated_cells(fixations: Sequence[Fixations], size: Size, shape: Size) -> NDArray[np.bool_]:
    """bool ``[h, w]``: cells fixated in any of several videos of one ``size``, the negatives of the shuffled AUC."""
    marked = np.zeros(shape, bool)
    for table in fixations:
        found = cells(table.points, size, shape)
        marked[found[:, 0], found[:, 1]] = True
    return marked


@dataclass(frozen=True)
class Predicted:
    """What an output folder of ``gasp_infer`` says of one video."""

    name: str
    maps: NDArray[Any]
    times: NDArray[np.float64]
    size: Size


def read_predicted(folder: Path, size: Size | None = None) -> Predicted:
    """``saliency.npy`` and the frame times of ``attention.csv`` from an output folder of ``gasp_infer``.

    ``size`` (height, width) of the video's frames; if not given it is found through ``run.json``. Raises
    CacheError where something is missing or does not fit, MediaError where the video itself must be asked and is gone.
    """
    try:
        maps = np.load(folder / "saliency.npy", mmap_mode="r", allow_pickle=False)
        with (folder / "attention.csv").open(newline="", encoding="utf-8") as file:
            by_frame = {int(row["frame"]): float(row["time_s"]) for row in csv.DictReader(file)}
        size = size or _frame_size(json.loads((folder / "run.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise CacheError(f"{folder}: cannot be scored: {error}") from None
    times = np.array([by_frame[frame] for frame in sorted(by_frame)])
    if maps.ndim != 3 or len(maps) != len(times):
        raise CacheError(f"{folder}: {len(maps)} maps, but {len(times)} frame times: they are not of one run")
    return Predicted(folder.name, maps, times, size)


def _frame_size(record: Mapping[str, Any]) -> Size:
    """Height and width as the run recorded them, else as the video itself says."""
    video = record.get("video")
    if isinstance(video, Mapping) and "height" in video and "width" in video:
        return int(video["height"]), int(video["width"])
    from gazenet.media.decode import probe

    info = probe(Path(record["input"]))
    return info.height, info.width


def evaluate_predictions(
    predictions: Path, dataset: str | None = None, root: Path | None = None, fixations: Path | None = None
) -> list[dict[str, object]]:
    """One row per predicted video that has fixations, and their mean: the table of ``gasp_evaluate``.

    ``dataset`` with ``root``, or a ``fixations`` CSV in pixels of the full frame. Every frame that
    anybody fixated is judged. Raises UsageError for a bad table, CacheError for a broken output folder.
    """
    truths, collection = _ground_truth(dataset, root, fixations)
    found = [folder for folder in sorted(predictions.iterdir()) if (folder / "saliency.npy").exists()]
    rows: list[dict[str, object]] = []
    for folder in found:
        if folder.name not in truths:
            continue
        scores = _judge(folder, truths[folder.name], collection)
        row: dict[str, object] = {"video": folder.name, "frames": len(scores.frames)}
        table = scores.table()
        row["invalid"] = max(interval.invalid for interval in table.values())
        rows.append({**row, **{name: interval.mean for name, interval in table.items()}})
    return [*rows, _mean_row(rows)] if rows else []


def _judge(folder: Path, truth: Fixations | Item, collection: Dataset | None) -> Scores:
    if isinstance(truth, Fixations):
        video = read_predicted(folder)
        return evaluate_maps(video.maps, video.times, truth, video.size)
    video = read_predicted(folder, truth.size)
    sigma = None if collection is None else sigma_of(collection, truth)
    return evaluate_maps(video.maps, video.times, truth.fixations(video.times), video.size, sigma=sigma)


def _mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    mean: dict[str, object] = {"video": "mean"}
    for name in list(rows[0])[1:]:
        values = [row[name] for row in rows]
        counted = name in ("frames", "invalid")
        mean[name] = int(sum(values)) if counted else float(np.nanmean(values))
    return mean


def _ground_truth(
    dataset: str | None, root: Path | None, fixations: Path | None
) -> tuple[Mapping[str, Fixations | Item], Dataset | None]:
    """What is known of each video by the stem of its file, and the data set it is from, if it is from one."""
    if fixations is not None:
        return read_table(fixations, key="video", timed=True), None
    if dataset is None or root is None:
        raise UsageError("nothing to score against: name a table of fixations, or a data set and its folder")
    collection = open_dataset(dataset, root)
    items = {Path(item.name).stem: item for item in collection.items()}
    if any(item.still for item in items.values()):
        raise UsageError(f"data set {dataset} holds pictures; score videos, or use the benchmark of stills")
    return items, collection
