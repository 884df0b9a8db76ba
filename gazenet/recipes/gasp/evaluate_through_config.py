"""Evaluate a trained integrator through an inference config that the training completes, as the released ones do."""

from __future__ import annotations

from pathlib import Path

from gazenet.config.inference import TRAINED, InferConfig, IntegratorConfig, OutputsConfig
from gazenet.config.inference_data import EVALUATION, DataInputsConfig, MetricsConfig
from gazenet.config.training import TrainConfig
from gazenet.data.split_selection import result_name
from gazenet.errors import GazenetError, UsageError
from gazenet.evaluation.evaluation import Evaluation
from gazenet.fusion.integrator_files import open_integrator, save_integrator
from gazenet.inference.engine import stage_graph
from gazenet.inference.inputs.dataset_inputs import DatasetVideo, choose
from gazenet.inference.scored_run import run_collection
from gazenet.recipes.gasp.extract_cues import choose_items, cue_config, shown_cues, truth_sigma
from gazenet.recipes.gasp.picture_clips import open_pictures


def evaluate_through_config(infer: InferConfig, config: TrainConfig, weights: Path, folder: Path) -> list[Evaluation]:
    """Run an inference config over the test videos (without any, those of validation) and score the maps.

    Leaves maps and ``evaluation.csv`` in ``folder``. Raises GazenetError for a video that fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = completed(infer, config, _for_test(config, weights, folder), folder)
    videos = choose(ready.data) if ready.data is not None else _videos(config)
    result, evaluation = run_collection(ready, videos, folder)
    if result.failures:
        raise GazenetError(f"--infer_configs: {result.failures[0].reason}")
    return [] if evaluation is None else [evaluation]


def completed(infer: InferConfig, config: TrainConfig, weights: Path, folder: Path) -> InferConfig:
    """Complete a config by what the training decides.

    The integrator is the trained one. After a training on pictures in the published layout, inputs and cue maps are
    the pictures of its test videos; after one on videos, a config that names no integrator of its own takes the
    training's extractors. Raises UsageError where the training's inference config lacks a cue.
    """
    base = cue_config(config) if _takes_training_cues(infer) and config.data.frames_root is None else infer
    metrics = infer.metrics or MetricsConfig()
    update = {
        "inputs": (),
        "data": _pictures(infer, config),
        "integrator": IntegratorConfig(name=str(weights.absolute())),
        "outputs": OutputsConfig(maps=True, attention=True, overlay=False, report=False),
        "metrics": metrics.model_copy(update={"prediction": "", "file": str(folder / EVALUATION)}),
        "output_dir": str(folder),
        "cache_dir": config.cache_dir,
        "device": config.device,
    }
    return base.model_copy(update=update)


def check_cues_through(infer: InferConfig, config: TrainConfig) -> None:
    """Raise UsageError where an inference config lacks a cue that the test of a training on videos takes."""
    if config.data.frames_root is not None or (infer.metrics is not None and _takes_training_cues(infer)):
        return
    try:
        stage_graph.completed(infer, shown_cues(config.model_copy(update={"cues": config.test_cues or config.cues})))
    except UsageError as error:
        raise UsageError(f"--infer_configs: {error}") from None


def _takes_training_cues(infer: InferConfig) -> bool:
    return infer.integrator is not None and infer.integrator.name == TRAINED


def _pictures(infer: InferConfig, config: TrainConfig) -> DataInputsConfig | None:
    """The test videos of a training on pictures."""
    if config.data.frames_root is None:
        return None
    sources = config.data.test or config.data.validation
    clips = open_pictures(config.data, sources, config.test_cues or config.cues, config.input_size)
    roots = {source.root for source in sources if source.root} or {config.data.frames_root}
    return DataInputsConfig(
        reader="processed",
        root=roots.pop(),
        options=infer.data.options if infer.data is not None and infer.data.reader == "processed" else {},
        items=tuple(clip.name for clip in clips),
        maps="stored",
    )


def _videos(config: TrainConfig) -> list[DatasetVideo]:
    """The test videos of a training on videos."""
    return [
        DatasetVideo(result_name(chosen.item), chosen.collection.name, chosen.item, truth_sigma(config, chosen))
        for chosen in choose_items(config, config.data.test or config.data.validation)
        if not chosen.item.still
    ]


def _for_test(config: TrainConfig, weights: Path, folder: Path) -> Path:
    """The weights; where the test takes other cues than the training, a copy that declares those."""
    if not config.test_cues or config.test_cues == config.cues:
        return weights
    network, spec, facts = open_integrator(weights)
    target = folder / "integrator.safetensors"
    save_integrator(target, network, spec.model_copy(update={"cues": config.test_cues}), facts)
    return target
