"""Run a config over the videos of a data set, then score the maps, as the published metrics configurations do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gazenet.config.inference import InferConfig
from gazenet.config.inference_data import MetricsConfig
from gazenet.errors import CacheError, GazenetError, UsageError
from gazenet.evaluation.evaluation import Evaluation, evaluate, write_scores
from gazenet.evaluation.ground_truth import VideoTruth, item_truth
from gazenet.evaluation.predictions import PredictedVideo, read_gates, read_prediction
from gazenet.evaluation.score import ScoringOptions
from gazenet.inference.cache.recall import recall
from gazenet.inference.engine.engine_protocol import Engine
from gazenet.inference.engine.failures import at_work, failure
from gazenet.inference.engine.pipeline import prepare, run_graph, writable
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.engine.video_pass import default_store
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.inputs.sources import identity
from gazenet.inference.results import RunResult, VideoSummary

SALIENCY = "saliency"
"""What the predictor is called where the integrator has no name."""
Finished = Sequence[tuple[DatasetVideo, VideoSummary]]
OnFailure = Callable[[VideoSummary, GazenetError], None]


def run_collection(
    config: InferConfig,
    videos: Sequence[DatasetVideo],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    engine: Engine | None = None,
) -> tuple[RunResult, Evaluation | None]:
    """Run a config over videos of a data set, then score what was finished, if the config asks for scores.

    The table is written to ``metrics.file``, that of the gates beside it (``..._gate_scores.csv``). A video that fails
    is reported and the others go on. Raises UsageError and PluginError before any work where the request is wrong.
    """
    by_path = {video.path: video for video in videos}
    if config.metrics is not None:
        writable(config.metrics.table(output_dir).parent)
    with at_work(config, output_dir):
        graph = prepare(config, output_dir, progress_log_file)
        result = run_graph(graph, list(by_path.values()), output_dir, resume, progress_log_file, engine)
    if config.metrics is None or not result.finished:
        return result, None
    root = default_store(config.resolved_cache_dir).root

    def failed(summary: VideoSummary, error: GazenetError) -> None:
        """Report a video that cannot be scored."""
        result.failures.append(failure(summary.path, error, root))
        print(f"error: {result.failures[-1].reason}; it is not scored", file=sys.stderr, flush=True)

    finished = [(by_path[summary.path], summary) for summary in result.finished]
    evaluation = evaluate_run(graph, config.metrics, finished, failed)
    if not evaluation.videos:
        return result, None
    write(evaluation, config.metrics.table(output_dir))
    return result, evaluation


def evaluate_run(
    graph: StageGraph, metrics: MetricsConfig, finished: Finished, failed: OnFailure | None = None
) -> Evaluation:
    """Score finished videos. Raises CacheError for results that are gone, UsageError for a bad baseline.

    ``failed`` is called for a video whose results or fixations cannot be read, which is left out; without it the
    error is raised.
    """
    predictions: dict[str, PredictedVideo] = {}
    truths: dict[str, VideoTruth] = {}
    for video, summary in finished:
        try:
            prediction = _prediction(graph, metrics, video, summary)
            truths[prediction.name] = _truth(video, prediction, metrics)
            predictions[prediction.name] = prediction
        except GazenetError as error:
            if failed is None:
                raise
            failed(summary, error)
    evaluation = evaluate({_predictor(graph, metrics): predictions}, truths, scoring_options(metrics))
    return replace(evaluation, notes=(*_notes(metrics, evaluation), *evaluation.notes))


def scoring_options(metrics: MetricsConfig) -> ScoringOptions:
    """The options of a config; a baseline that is not there is left out."""
    baseline = Path(metrics.baseline) if metrics.baseline is not None and Path(metrics.baseline).is_file() else None
    return ScoringOptions(
        metrics.names, metrics.stride, metrics.min_observers, metrics.definitions, metrics.grid, baseline
    )


def _notes(metrics: MetricsConfig, evaluation: Evaluation) -> tuple[str, ...]:
    """Say what a missing baseline means for the metrics that need one or other videos."""
    if evaluation.options.baseline is not None:
        return ()
    absent = "there is no metrics.baseline"
    if metrics.baseline is not None:
        absent = f"metrics.baseline {metrics.baseline} is not there"
    if evaluation.unavailable:
        return (f"{', '.join(evaluation.unavailable)} left out: {absent}, and no other video",)
    replaced = metrics.baseline is not None and evaluation.options.need_other_videos
    return (f"{absent}: fixations of the other videos take its place",) if replaced else ()


def write(evaluation: Evaluation, file: Path) -> None:
    """Write the tables of scores and of gates, and print the notes. Raises UsageError where that is impossible."""
    try:
        write_scores([evaluation], file)
    except OSError as error:
        raise UsageError(f"metrics.file {file}: cannot be written ({error.strerror}); choose another") from None
    for note in evaluation.notes:
        print(f"note: {note}", file=sys.stderr)


def _predictor(graph: StageGraph, metrics: MetricsConfig) -> str:
    """The extractor or the integrator whose maps are scored."""
    if metrics.prediction or graph.integrator is None:
        return metrics.prediction or SALIENCY
    return graph.integrator.spec.name


def _prediction(
    graph: StageGraph, metrics: MetricsConfig, video: DatasetVideo, summary: VideoSummary
) -> PredictedVideo:
    """The maps that are scored: those of the integrator, or of an extractor from the cache. Gates are always its."""
    if not metrics.prediction:
        assert summary.folder is not None
        return read_prediction(summary.folder, video.item.size)
    recalled = recall(graph, identity(video.path), default_store(graph.config.resolved_cache_dir))
    if recalled is None:
        raise CacheError(
            f"{video.path}: the maps of {metrics.prediction} are not in {graph.config.resolved_cache_dir}: run again "
            "with --no_resume"
        )
    name = video.name if summary.folder is None else summary.folder.name
    maps = recalled.maps[metrics.prediction]
    gates = {} if summary.folder is None else read_gates(summary.folder)
    return PredictedVideo(name, maps, recalled.times, video.item.size, gates=gates)


def _truth(video: DatasetVideo, prediction: PredictedVideo, metrics: MetricsConfig) -> VideoTruth:
    """The fixations on a video, read now, so that a failing reader ends this video only."""
    frames = video.item.fixations(prediction.times)
    truth = item_truth(prediction.name, video.item, video.sigma, video.dataset)
    # The released evaluation takes the fixations of frames for those of other videos.
    points = None if metrics.definitions == "original" else truth.points
    return replace(truth, frames=lambda times, size: frames, points=points)
