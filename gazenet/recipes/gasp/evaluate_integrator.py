"""Tables of a finished integrator: every metric on the videos of validation and test, and what its gates say."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gazenet.config.inference import InferConfig, IntegratorConfig, OutputsConfig
from gazenet.config.training import SourceConfig, TrainConfig
from gazenet.errors import GazenetError
from gazenet.evaluation.score import METRICS, Scores, read_predicted, score_frames
from gazenet.evaluation.scoring_grid import as_text
from gazenet.files import write_text
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.recipes.gasp.extract_cues import ChosenItem, choose_items, truth_sigma
from gazenet.recipes.gasp.folds import marked
from gazenet.recipes.gasp.gasp_samples import Clip
from gazenet.recipes.gasp.gather_clips import TrainingClips

MEASURED = METRICS[:-1]
"""All metrics that need nothing but the video itself."""
TABLE, GATES = "metrics.csv", "metrics_gate_scores.csv"
Row = dict[str, object]


def measure(integrator: GaspIntegrator, config: TrainConfig, clips: TrainingClips) -> list[Row]:
    """Scores of the integrator on the cached cues of all validation and test clips.

    Writes ``metrics.csv`` (a row per clip and the mean of each part) and ``metrics_gate_scores.csv`` (mean gate of
    every cue) into the output folder.
    """
    rows: list[Row] = []
    gates: list[Row] = []
    cues = integrator.spec.cues
    for part, found in (("validation", clips.validation), ("test", clips.test)):
        scored = []
        for clip in found:
            # A test may show other cues than the training: they take the places of those.
            fused = integrator.fuse(dict(zip(cues, clip.maps.values(), strict=True)))
            scored.append(_row(part, clip.name, _judged(fused.saliency, clip, config)))
            means = fused.gates.mean(0) if fused.gates.size else []
            gates.append({"part": part, "video": clip.name, **dict(zip(cues, map(float, means), strict=False))})
        rows += [*scored, *_mean(part, scored)]
    rows, folder = marked(rows, config), Path(config.output)
    write_text(folder / TABLE, as_csv(rows))
    write_text(folder / GATES, as_csv(gates))
    return rows


def _judged(saliency: np.ndarray, clip: Clip, config: TrainConfig) -> Scores:
    frames = clip.targets(1 if clip.still else config.data.frame_stride, config.data.validation_min_observers)
    return score_frames(saliency, clip.truth, frames, clip.sigma, MEASURED)


def measure_with(infer_configs: Sequence[InferConfig], config: TrainConfig, weights: Path) -> dict[str, list[Row]]:
    """Runs inference configs with the trained integrator over the videos of validation and test, and scores the maps.

    Configs with metrics of their own, and all after a training on pictures, are completed by the training and run over
    its test alone. Leaves ``<output>/infer/<number>/`` with the maps and ``metrics.csv`` for each config. Raises
    GazenetError for a video that fails.
    """
    from gazenet.recipes.gasp.evaluate_through_config import measure_through

    tables = {}
    for number, infer in enumerate(infer_configs):
        folder = Path(config.output) / "infer" / str(number)
        if infer.metrics is not None or config.data.frames_root is not None:
            tables[str(number)] = measure_through(infer, config, weights, folder)
            continue
        tables[str(number)] = _measure_videos(infer, config, weights, folder)
    return tables


def _measure_videos(infer: InferConfig, config: TrainConfig, weights: Path, folder: Path) -> list[Row]:
    """A config without metrics over the videos of validation and test."""
    from gazenet.inference.engine.pipeline import run

    parts = {"validation": config.data.validation, "test": config.data.test}
    outputs = OutputsConfig(maps=True, attention=True, overlay=False, report=False)
    integrator = IntegratorConfig(name=str(weights.absolute()))
    update = {"integrator": integrator, "outputs": outputs, "cache_dir": config.cache_dir, "device": config.device}
    rows: list[Row] = []
    for part, sources in parts.items():
        videos = _videos(config, sources)
        if not videos:
            continue
        result = run(infer.model_copy(update=update), [one.item.path for one in videos], folder / part)
        if result.failures:
            raise GazenetError(f"--infer_configs: {result.failures[0].reason}")
        scored = [_row(part, _name(one), _predicted(folder / part, one, config)) for one in videos]
        rows += [*scored, *_mean(part, scored)]
    write_text(folder / TABLE, as_csv(rows))
    return rows


def _videos(config: TrainConfig, sources: Sequence[SourceConfig]) -> list[ChosenItem]:
    return [one for one in choose_items(config, sources) if not one.item.still]


def _name(one: ChosenItem) -> str:
    return f"{one.collection.name}/{one.item.name}"


def _predicted(folder: Path, one: ChosenItem, config: TrainConfig) -> Scores:
    """Scores of what the pipeline left for one video."""
    found = read_predicted(folder / one.item.path.stem, one.item.size)
    truth = one.item.fixations(found.times)
    least = config.data.validation_min_observers
    frames = [k for k in range(0, len(found.times), config.data.frame_stride) if truth.observers[k] >= least]
    return score_frames(found.maps, truth, np.array(frames, np.int64), truth_sigma(config, one), MEASURED)


def _row(part: str, name: str, scores: Scores) -> Row:
    table = scores.table()
    invalid = max(one.invalid for one in table.values())
    means = {metric: float(one.mean) for metric, one in table.items()}
    grid = "" if scores.grid is None else as_text(scores.grid)
    return {"part": part, "video": name, "frames": len(scores.frames), "invalid": invalid, **means, "grid": grid}


def _mean(part: str, rows: Sequence[Row]) -> list[Row]:
    """The mean over the videos of a part, counts summed; nothing without videos."""
    if not rows:
        return []
    mean: Row = {"part": part, "video": "mean"}
    for key in ("frames", "invalid"):
        mean[key] = sum(int(str(row[key])) for row in rows)
    mean["grid"] = " ".join(sorted({str(row["grid"]) for row in rows}))
    for metric in MEASURED:
        values = np.array([row[metric] for row in rows], np.float64)
        mean[metric] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
    return [mean]


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as CSV text; columns are those of the first, an empty table is an empty text."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
