"""Tables of a finished integrator: every metric on the videos of validation and test, and its mean gates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gazenet.config.inference import InferConfig, IntegratorConfig, OutputsConfig
from gazenet.config.inference_data import EVALUATION
from gazenet.config.training import TrainConfig
from gazenet.errors import GazenetError
from gazenet.evaluation.evaluation import Evaluation, VideoScores, evaluate, write_scores
from gazenet.evaluation.ground_truth import item_truth
from gazenet.evaluation.predictions import PredictedVideo, read_prediction
from gazenet.evaluation.score import METRICS_OF_ONE_VIDEO, ScoringOptions, score_frames
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.recipes.gasp.extract_cues import choose_items, truth_sigma
from gazenet.recipes.gasp.folds import seen_by
from gazenet.recipes.gasp.gasp_samples import Clip
from gazenet.recipes.gasp.gather_clips import TrainingClips


def evaluate_integrator(integrator: GaspIntegrator, config: TrainConfig, clips: TrainingClips) -> list[Evaluation]:
    """Score the integrator on the cached cues of all validation and test clips.

    Writes ``evaluation.csv`` (a row per clip and the mean of each part) and ``evaluation_gate_scores.csv`` (mean gate
    of every cue) into the output folder. Returns an evaluation for each part that has clips.
    """
    seen = seen_by(config)
    evaluations = []
    for part, of_part in (("validation", clips.validation), ("test", clips.test)):
        scores = {clip.name: _scored(integrator, clip, config, seen.get(clip.name, "")) for clip in of_part}
        if scores:
            evaluations.append(Evaluation({config.name: scores}, _options(config), part))
    if evaluations:
        write_scores(evaluations, Path(config.output) / EVALUATION)
    return evaluations


def _options(config: TrainConfig) -> ScoringOptions:
    return ScoringOptions(METRICS_OF_ONE_VIDEO, config.data.frame_stride, config.data.validation_min_observers)


def _scored(integrator: GaspIntegrator, clip: Clip, config: TrainConfig, seen: str) -> VideoScores:
    # A test may show other cues than the training: they take the places of those.
    fused = integrator.fuse(dict(zip(integrator.spec.cues, clip.maps.values(), strict=True)))
    gates = dict(zip(integrator.spec.cues, fused.gates.T, strict=True)) if fused.gates.size else {}
    frames = clip.targets(1 if clip.still else config.data.frame_stride, config.data.validation_min_observers)
    scores = score_frames(fused.saliency, clip.truth, frames, clip.sigma, _options(config))
    name = clip.name.removeprefix(f"{clip.dataset}/")
    prediction = PredictedVideo(
        name, fused.saliency, np.arange(len(clip), dtype=np.float64), clip.truth.size, gates=gates
    )
    return VideoScores(prediction, clip.truth, clip.sigma, scores, clip.dataset, seen)


def evaluate_infer_configs(
    infer_configs: Sequence[InferConfig], config: TrainConfig, weights: Path
) -> dict[str, list[Evaluation]]:
    """Run inference configs with the trained integrator over the videos of validation and test, and score the maps.

    Configs with metrics of their own, and all after a training on pictures, are completed by the training and run over
    its test alone. Leaves ``<output>/infer/<number>/`` with the maps and ``evaluation.csv`` for each config. Returns
    the evaluations by number. Raises GazenetError for a video that fails.
    """
    from gazenet.recipes.gasp.evaluate_through_config import evaluate_through_config

    evaluations = {}
    for number, infer in enumerate(infer_configs):
        folder = Path(config.output) / "infer" / str(number)
        if infer.metrics is not None or config.data.frames_root is not None:
            evaluations[str(number)] = evaluate_through_config(infer, config, weights, folder)
        else:
            evaluations[str(number)] = _evaluate_videos(infer, config, weights, folder)
    return evaluations


def _evaluate_videos(infer: InferConfig, config: TrainConfig, weights: Path, folder: Path) -> list[Evaluation]:
    """Run a config without metrics over the videos of validation and test."""
    from gazenet.inference.engine.pipeline import run

    outputs = OutputsConfig(maps=True, attention=True, overlay=False, report=False)
    integrator = IntegratorConfig(name=str(weights.absolute()))
    update = {"integrator": integrator, "outputs": outputs, "cache_dir": config.cache_dir, "device": config.device}
    evaluations = []
    for part, sources in (("validation", config.data.validation), ("test", config.data.test)):
        videos = [chosen for chosen in choose_items(config, sources) if not chosen.item.still]
        if not videos:
            continue
        result = run(infer.model_copy(update=update), [video.item.path for video in videos], folder / part)
        if result.failures:
            raise GazenetError(f"--infer_configs: {result.failures[0].reason}")
        truths = {
            name: item_truth(name, video.item, truth_sigma(config, video), video.collection.name)
            for video in videos
            if (name := video.item.path.stem)
        }
        predictions = {name: read_prediction(folder / part / name, truth.size()) for name, truth in truths.items()}
        evaluations.append(evaluate({config.name: predictions}, truths, _options(config), part))
    if evaluations:
        write_scores(evaluations, folder / EVALUATION)
    return evaluations
