"""``train``: what ``gasp_train`` does, as a function."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.config.training import TrainConfig
from gazenet.errors import UsageError
from gazenet.evaluation.bootstrap import bootstrap_mean
from gazenet.evaluation.score import Scores, score_frames
from gazenet.evaluation.scoring_grid import as_text
from gazenet.files import write_bytes, write_json
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.fusion.integrator_files import save_integrator
from gazenet.recipes.gasp.evaluate_integrator import measure, measure_with
from gazenet.recipes.gasp.evaluate_through_config import check_cues_through
from gazenet.recipes.gasp.extract_cues import Extract, first_stage
from gazenet.recipes.gasp.folds import fold_clips, item_of, seen_by_cues, table_of, warning
from gazenet.recipes.gasp.gasp_fit import checked_network, declaration, fit
from gazenet.recipes.gasp.gasp_samples import Clip
from gazenet.recipes.gasp.gather_clips import TrainingClips, find
from gazenet.recipes.gasp.resume_check import check_fits
from gazenet.recipes.gasp.step_curve import write_curve
from gazenet.redaction import recorded
from gazenet.training.checkpoints import LAST
from gazenet.training.curves import CURVE
from gazenet.training.output_folder import own_output
from gazenet.training.preflight import check_request, remember
from gazenet.training.step_log import LOG, log_folders
from gazenet.training.trainer import first_process

SEEN = "cues_have_seen"
"""Key beside scores: the cues whose weights have learned from what was scored, each with the videos."""
WEIGHTS, SCORES = "integrator.safetensors", "scores.json"
BARE = "last_model.pt"


@dataclass(frozen=True)
class TrainResult:
    """Files of a finished training and its scores, as in the scores file."""

    weights: Path
    scores: Path
    values: dict[str, Any] = field(default_factory=dict)


def train(
    config: TrainConfig,
    resume: bool = False,
    extract: Extract = first_stage,
    compute_metrics: bool = False,
    infer_configs: Sequence[InferConfig] = (),
    set_aside: bool = False,
) -> TrainResult:
    """Train the integrator of a config and export it to ``<output>/integrator.safetensors``.

    Beside it lie ``last_model.pt`` (the bare weights, as published), ``scores.json``, ``train_config.json``,
    checkpoints, logs and, drawn from those of the CSV logger, ``curve.png``. ``resume`` continues the last checkpoint
    of that folder and ends in the same weights as an uninterrupted run; ``set_aside`` keeps a training that is there
    under a numbered name; without either such a folder is refused. ``compute_metrics`` measures the finished
    integrator on the videos of validation and test, with the cues it was trained on or, if given, through each of
    ``infer_configs``. Raises GazenetError, and KeyboardInterrupt where a signal ended it.
    """
    network = checked_network(config)
    declaration(config, network)
    _check_request(config, compute_metrics or bool(infer_configs))
    open_all, folder, _ = find(config), Path(config.output), table_of(config)
    for one in infer_configs:
        check_cues_through(one, config)
    with own_output(folder, resume, set_aside):
        folder.mkdir(parents=True, exist_ok=True)
        if resume and (folder / LAST).exists():
            check_fits(folder / LAST, network)
        remember(config, folder, resume)
        return _trained(config, open_all(extract), resume, compute_metrics, infer_configs, extract)


def _trained(
    config: TrainConfig,
    clips: TrainingClips,
    resume: bool,
    compute_metrics: bool,
    infer_configs: Sequence[InferConfig],
    extract: Extract,
) -> TrainResult:
    """The optimisation, and what is made of its result."""
    folder = Path(config.output)
    values: dict[str, Any] = {}
    if config.folds is not None:
        values["folds"] = _folds(config, clips.train, folder, resume, extract)
    fitted = fit(config, clips.train, clips.validation, folder, resume)
    result = TrainResult(folder / WEIGHTS, folder / SCORES, values)
    if not first_process():
        return result
    values["logged"] = plain(fitted.metrics)
    values["validation"] = summary({clip.name: judge(fitted.integrator, clip, config) for clip in clips.validation})
    seen = _told(seen_by_cues(config, config.data.validation, {}), "data.validation")
    if seen:
        values["validation"][SEEN] = seen
    facts = recorded({"command": sys.argv, "config": config.model_dump(mode="json")}, config=True) | {"scores": values}
    save_integrator(result.weights, fitted.integrator.network, fitted.integrator.spec, facts)
    _save_bare(fitted.integrator, folder / BARE)
    write_json(result.scores, values)
    logs = [path for one in log_folders(folder) if (path := one / LOG).is_file()]
    if config.logger == "csv" and logs:
        write_curve(logs, folder / CURVE)
    if infer_configs:
        measure_with(infer_configs, config, result.weights)
    elif compute_metrics:
        measure(fitted.integrator, config, clips)
    return result


def _save_bare(integrator: GaspIntegrator, path: Path) -> None:
    import torch

    buffer = io.BytesIO()
    torch.save(integrator.network.state_dict(), buffer)
    write_bytes(path, buffer.getvalue())


def judge(integrator: GaspIntegrator, clip: Clip, config: TrainConfig) -> Scores:
    """NSS and CC of the finished integrator on the validation frames of a clip, on the grid of its frames."""
    stride = 1 if clip.still else config.data.frame_stride
    frames = clip.targets(stride, config.data.validation_min_observers)
    return score_frames(integrator.fuse(dict(clip.maps)).saliency, clip.truth, frames, clip.sigma)


def summary(by_clip: Mapping[str, Scores]) -> dict[str, Any]:
    """Mean over all frames with interval, and the mean of each clip; JSON-ready, NaN becomes null."""
    if not by_clip:
        return {}
    values: dict[str, Any] = {}
    for metric in ("nss", "cc"):
        every = [value for scores in by_clip.values() for value in scores.values[metric]]
        values[metric] = plain(asdict(bootstrap_mean(every)))
        values[metric]["clips"] = {
            name: plain({"mean": bootstrap_mean(s.values[metric]).mean})["mean"] for name, s in by_clip.items()
        }
    values["grids"] = sorted({as_text(one.grid) for one in by_clip.values() if one.grid is not None})
    return values


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that JSON knows: NaN becomes None."""
    return {name: None if value != value else value for name, value in values.items()}


def _folds(config: TrainConfig, clips: Sequence[Clip], folder: Path, resume: bool, extract: Extract) -> dict[str, Any]:
    """Leave one video out: train without it, score on it, with cues that have not seen it as far as a table says."""
    videos = [number for number, clip in enumerate(clips) if not clip.still]
    if len(videos) < 2:
        raise UsageError("folds: video needs at least two training videos")
    table = table_of(config)
    remedy = "" if table else "; a table of folds has weights that have not (benchmarks/training/folds.py makes it)"
    seen = _told(seen_by_cues(config, config.data.train, table, stills=False), "folds", remedy)
    scores = {}
    for number in videos:
        name = clips[number].name
        opened = fold_clips(config, clips, table.get(item_of(clips[number]), {}), extract)
        others = [clip for other, clip in enumerate(opened) if other != number]
        where = folder / "folds" / name.replace("/", "-")
        where.mkdir(parents=True, exist_ok=True)
        fitted = fit(config, others, [], where, resume, quiet=True)
        scores[name] = judge(fitted.integrator, opened[number], config)
    return summary(scores) | ({SEEN: seen} if seen else {})


def _told(seen: dict[str, list[str]], what: str, remedy: str = "") -> dict[str, list[str]]:
    """Warns of cues that have seen what they are judged on; the result is kept beside the scores."""
    if seen and first_process():
        print(warning(seen, what, remedy), file=sys.stderr, flush=True)
    return seen


def _check_request(config: TrainConfig, measured: bool) -> None:
    """Raises UsageError for what would fail only after hours."""
    check_request(config)
    if measured and not (config.data.validation or config.data.test):
        raise UsageError("--compute_metrics: data.validation and data.test are empty: name a source of videos")
