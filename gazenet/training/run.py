"""``train``: what ``gasp_train`` does, as a function."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gazenet.config.train import TrainConfig
from gazenet.data.clips import CueClip
from gazenet.errors import UsageError
from gazenet.files import write_json
from gazenet.fusion.checkpoints import save_integrator
from gazenet.fusion.integrator import Integrator
from gazenet.metrics.bootstrap import bootstrap_mean
from gazenet.metrics.evaluate import Scores, score_frames
from gazenet.training.fit import checked_network, declaration, fit
from gazenet.training.prepare import Extract, choose_items, first_stage, open_clips

CONFIG, WEIGHTS, SCORES = "train_config.json", "integrator.safetensors", "scores.json"
_FREE_TO_CHANGE = ("device", "logger", "project", "output", "summary")


@dataclass(frozen=True)
class TrainResult:
    """Files of a finished training and its scores, as in the scores file."""

    weights: Path
    scores: Path
    values: dict[str, Any] = field(default_factory=dict)


def train(config: TrainConfig, resume: bool = False, extract: Extract = first_stage) -> TrainResult:
    """Train the integrator of a config and export it to ``<output>/integrator.safetensors``.

    Beside it lie ``scores.json``, ``train_config.json``, checkpoints and logs. ``resume`` continues the last
    checkpoint of that folder and ends in the same weights as an uninterrupted run. Raises GazenetError.
    """
    _check_device(config.device)
    declaration(config, checked_network(config))
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    _remember(config, folder, resume)
    chosen = choose_items(config, config.data.train)
    validation = choose_items(config, config.data.validation)
    clips = open_clips(config, [*chosen, *validation], extract)
    training, held = clips[: len(chosen)], clips[len(chosen) :]
    values: dict[str, Any] = {}
    if config.folds == "video":
        values["folds"] = _folds(config, training, folder, resume)
    fitted = fit(config, training, held, folder, resume)
    values["logged"] = plain(fitted.metrics)
    values["validation"] = summary({clip.name: judge(fitted.integrator, clip, config) for clip in held})
    facts = {"command": sys.argv, "config": config.model_dump(mode="json"), "scores": values}
    save_integrator(folder / WEIGHTS, fitted.integrator.network, fitted.integrator.spec, facts)
    write_json(folder / SCORES, values)
    return TrainResult(folder / WEIGHTS, folder / SCORES, values)


def judge(integrator: Integrator, clip: CueClip, config: TrainConfig) -> Scores:
    """NSS and CC of the finished integrator on the validation frames of a clip, on the integrator's grid."""
    stride = 1 if clip.item.still else config.data.frame_stride
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
    return values


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that JSON knows: NaN becomes None."""
    return {name: None if value != value else value for name, value in values.items()}


def _folds(config: TrainConfig, clips: Sequence[CueClip], folder: Path, resume: bool) -> dict[str, Any]:
    """Leave one video out: train without it, score on it."""
    videos = [clip for clip in clips if not clip.item.still]
    if len(videos) < 2:
        raise UsageError("folds: video needs at least two training videos")
    scores = {}
    for left in videos:
        others = [clip for clip in clips if clip is not left]
        where = folder / "folds" / left.name.replace("/", "-")
        where.mkdir(parents=True, exist_ok=True)
        fitted = fit(config, others, [], where, resume, quiet=True)
        scores[left.name] = judge(fitted.integrator, left, config)
    return summary(scores)


def _remember(config: TrainConfig, folder: Path, resume: bool) -> None:
    """Keeps the config; a resume under another one is refused, since it could not end in the same network."""
    path = folder / CONFIG
    now = config.model_dump(mode="json")
    if resume and path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in now if key not in _FREE_TO_CHANGE and before.get(key) != now[key]]
        if differing:
            raise UsageError(
                f"--resume: {', '.join(differing)} differs from {path}: use the same values or another output"
            )
    write_json(path, now)


def _check_device(device: str) -> None:
    import torch

    if device != "cpu" and int(device.partition(":")[2]) >= torch.cuda.device_count():
        raise UsageError(f"device {device}: this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
