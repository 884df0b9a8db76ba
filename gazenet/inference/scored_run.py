"""A run over a data set, and its scores: what the published metrics configurations do."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.config.inference import InferConfig
from gazenet.config.inference_data import MetricsConfig
from gazenet.config.inference_experiments import METRICS
from gazenet.data.density import Size
from gazenet.data.fixations import FrameFixations
from gazenet.errors import CacheError, GazenetError, UsageError
from gazenet.evaluation.ground_truth import OtherVideoFixations, OtherVideos, all_points, from_picture
from gazenet.evaluation.score import Predicted, judged_shape, read_predicted, score_frames
from gazenet.evaluation.scoring_grid import as_text
from gazenet.files import write_text
from gazenet.inference.cache.recall import recall
from gazenet.inference.engine.engine_protocol import Engine
from gazenet.inference.engine.failures import at_work, failure
from gazenet.inference.engine.pipeline import prepare, run_graph, writable
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.engine.video_pass import default_store
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.inputs.sources import identity
from gazenet.inference.results import RunResult, VideoSummary
from gazenet.metrics import torchmetrics_objects

SHORT = {ours: published for published, ours in METRICS.items()}
GRID = "grid"
"""Column that says on which grid the standard definitions judged a video, width x height."""
Row = dict[str, object]


@dataclass(frozen=True)
class Table:
    """A row per video (``video_id``, ``dataset``, ``frames_len``, a column per metric), and the mean gate of each cue.

    With the original definitions columns have their published names; the others end with the scoring ``grid``.
    ``notes``: what was left out, and why.
    """

    rows: list[Row]
    gates: list[Row]
    file: Path
    notes: tuple[str, ...] = ()

    def mean(self) -> Row:
        """The mean of the videos; frames summed."""
        columns = [name for name in list(self.rows[0])[3:] if name != GRID]
        means: Row = {name: _mean(np.array([row[name] for row in self.rows], np.float64)) for name in columns}
        return (
            {
                "video_id": "mean",
                "dataset": "",
                "frames_len": sum(int(str(r["frames_len"])) for r in self.rows),
            }
            | means
            | ({GRID: _common(self.rows)} if GRID in self.rows[0] else {})
        )


def run_collection(
    config: InferConfig,
    chosen: Sequence[DatasetVideo],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    engine: Engine | None = None,
) -> tuple[RunResult, Table | None]:
    """Runs a config over videos of a data set, then scores what was finished, if the config asks for scores.

    The table is written to ``metrics.file``, the mean gates beside it (``..._gate_scores.csv``). Raises UsageError
    and PluginError before any work where the request is wrong; a failing video is reported and the others go on.
    """
    known = {one.path: one for one in chosen}
    if config.metrics is not None:
        writable(_file(config.metrics, output_dir).parent)
    with at_work(config, output_dir):
        graph = prepare(config, output_dir, progress_log_file)
        result = run_graph(graph, chosen, output_dir, resume, progress_log_file, engine)
    if config.metrics is None or not result.finished:
        return result, None
    root = default_store(config.resolved_cache_dir).root

    def failed(one: VideoSummary, error: GazenetError) -> None:
        result.failures.append(failure(one.path, error, root))
        print(f"error: {result.failures[-1].reason}; it is not scored", file=sys.stderr, flush=True)

    finished = [(known[one.path], one) for one in result.finished]
    table = measure(graph, config.metrics, finished, output_dir, failed)
    if not table.rows:
        return result, None
    write(table)
    return result, table


def measure(
    graph: StageGraph,
    metrics: MetricsConfig,
    finished: Sequence[tuple[DatasetVideo, VideoSummary]],
    output_dir: Path,
    failed: Callable[[VideoSummary, GazenetError], None] | None = None,
) -> Table:
    """The scores of finished videos. Raises CacheError for results that are gone, UsageError for a bad baseline.

    ``failed`` is told of a video whose results or fixations cannot be read, which is left out; without it the error
    is raised.
    """
    finished, predicted, truths = _judged(graph, metrics, finished, failed)
    names, notes = usable(metrics, len(truths))
    original = metrics.definitions == "original"
    # Two data sets may have a video of the same name: they are told apart by their place.
    others = OtherVideos({str(k): all_points(one) for k, one in enumerate(truths)})
    rows: list[Row] = []
    for k, ((known, _), found) in enumerate(zip(finished, predicted, strict=True)):
        shape = judged_shape(truths[k], (found.maps.shape[1], found.maps.shape[2]), metrics.grid, metrics.definitions)
        values = _scores(found, truths[k], known, metrics, names, _others(metrics, others, str(k), shape))
        count = max((int(np.isfinite(column).sum()) for column in values.values()), default=0)
        means = {SHORT[name] if original else name: _mean(column) for name, column in values.items()}
        row: Row = {"video_id": known.item.name, "dataset": known.dataset, "frames_len": count, **means}
        rows.append(row if original else row | {GRID: as_text(shape)})
    return Table(rows, _gates(graph, finished, rows), _file(metrics, output_dir), notes)


def _judged(
    graph: StageGraph,
    metrics: MetricsConfig,
    finished: Sequence[tuple[DatasetVideo, VideoSummary]],
    failed: Callable[[VideoSummary, GazenetError], None] | None,
) -> tuple[list[tuple[DatasetVideo, VideoSummary]], list[Predicted], list[FrameFixations]]:
    """The videos that can be judged, their maps and their fixations."""
    kept, predicted, truths = [], [], []
    for known, one in finished:
        try:
            found = _predicted(graph, metrics, known, one)
            truth = known.item.fixations(found.times)
        except GazenetError as error:
            if failed is None:
                raise
            failed(one, error)
            continue
        kept.append((known, one))
        predicted.append(found)
        truths.append(truth)
    return kept, predicted, truths


def _file(metrics: MetricsConfig, output_dir: Path) -> Path:
    return Path(metrics.file) if metrics.file else output_dir / "metrics.csv"


def usable(metrics: MetricsConfig, videos: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The metrics that can be computed, and notes: some need a baseline or other videos."""
    names: tuple[str, ...] = metrics.names
    needing = [name for name in names if {"others", "prior"} & set(torchmetrics_objects.METRICS[name].truth)]
    if not needing or (metrics.baseline is not None and Path(metrics.baseline).is_file()):
        return names, ()
    absent = "there is no metrics.baseline"
    if metrics.baseline is not None:
        absent = f"metrics.baseline {metrics.baseline} is not there"
    if videos > 1:
        return names, (f"{absent}: fixations of the other videos take its place",) if metrics.baseline else ()
    kept = tuple(name for name in names if name not in needing)
    return kept, (f"{', '.join(needing)} left out: {absent}, and no other video",)


def _predicted(graph: StageGraph, metrics: MetricsConfig, known: DatasetVideo, one: VideoSummary) -> Predicted:
    """The maps that are judged: those of the integrator, or of an extractor from the cache."""
    if not metrics.prediction:
        assert one.folder is not None
        return read_predicted(one.folder, known.item.size)
    store = default_store(graph.config.resolved_cache_dir)
    recalled = recall(graph, identity(known.path), store)
    if recalled is None:
        raise CacheError(
            f"{known.path}: the maps of {metrics.prediction} are not in {graph.config.resolved_cache_dir}: run again "
            "with --no_resume"
        )
    return Predicted(known.name, recalled.maps[metrics.prediction], recalled.times, known.item.size)


def _scores(
    found: Predicted,
    truth: FrameFixations,
    known: DatasetVideo,
    metrics: MetricsConfig,
    names: tuple[str, ...],
    others: OtherVideoFixations | None,
) -> Mapping[str, NDArray[np.float64]]:
    frames = [k for k in range(0, len(truth), metrics.stride) if truth.observers[k] >= metrics.min_observers]
    scores = score_frames(
        found.maps,
        truth,
        np.array(frames, np.int64),
        known.sigma,
        names,
        None if others is None else others.others,
        metrics.grid,
        None if others is None else others.prior,
        metrics.definitions,
    )
    return scores.values


def _others(metrics: MetricsConfig, others: OtherVideos, video: str, shape: Size) -> OtherVideoFixations | None:
    """What people look at elsewhere: by the picture of the baseline if it is there, else in the other videos."""
    if metrics.baseline is None or not Path(metrics.baseline).is_file():
        return others.of(video, shape, "information_gain" in metrics.names)
    found = from_picture(Path(metrics.baseline), shape)
    # The published evaluation draws from every pixel of the baseline that is not black.
    if metrics.definitions == "original" and found.prior is not None:
        return OtherVideoFixations(found.prior > 0, found.prior)
    return found


def _common(rows: Sequence[Row]) -> str:
    """The grids of all rows."""
    return " ".join(sorted({str(row[GRID]) for row in rows}))


def _mean(column: NDArray[np.float64]) -> float:
    """The mean of the finite values; NaN without any."""
    finite = column[np.isfinite(column)]
    return float(finite.mean()) if len(finite) else float("nan")


def _gates(graph: StageGraph, finished: Sequence[tuple[DatasetVideo, VideoSummary]], rows: Sequence[Row]) -> list[Row]:
    """The mean gate of every cue in every video; nothing where no integrator has gates."""
    if graph.integrator is None:
        return []
    found: list[Row] = []
    for (_, one), row in zip(finished, rows, strict=True):
        assert one.folder is not None
        with (one.folder / "attention.csv").open(newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        means = {
            cue: _mean(np.array([float(line[f"gate_{cue}"]) for line in table]))
            for cue in graph.integrator.spec.cues
            if table and table[0].get(f"gate_{cue}")
        }
        found.append({key: row[key] for key in ("video_id", "dataset", "frames_len")} | means)
    return found if any(len(row) > 3 for row in found) else []


def write(table: Table) -> None:
    """The CSV files. Raises UsageError where they cannot be written."""
    parts = [(table.file, table.rows)]
    if table.gates:
        parts.append((table.file.with_name(f"{table.file.stem}_gate_scores.csv"), table.gates))
    for file, rows in parts:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text.getvalue())
        except OSError as error:
            raise UsageError(f"metrics.file {file}: cannot be written ({error.strerror}); choose another") from None
    for note in table.notes:
        print(f"note: {note}", file=sys.stderr)
