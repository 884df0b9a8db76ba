"""Score predictions of the same videos against human fixations, and compare them: one call, one schema of tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gazenet.config.inference_data import gates_path
from gazenet.data.density import Size
from gazenet.data.fixation_checks import DoubtfulFixations, doubtful_fixations, meant, notes
from gazenet.data.fixations import FrameFixations, clock_note
from gazenet.evaluation import tables
from gazenet.evaluation.bootstrap import Interval, bootstrap_mean, finite_mean, paired_difference
from gazenet.evaluation.ground_truth import OtherFixations, OtherVideos, VideoTruth, fixation_set, from_picture
from gazenet.evaluation.human_limit import LIMIT, human_scores
from gazenet.evaluation.human_limit_table import OF_LIMIT, human_limit_rows
from gazenet.evaluation.predictions import GATE, PredictedVideo, is_result, read_pictures, read_prediction
from gazenet.evaluation.score import USUAL, Scores, ScoringOptions, score_frames
from gazenet.evaluation.tables import COUNTS, HOW, MEAN, VIDEO, Row, interval_cells, interval_columns, score_row
from gazenet.metrics.saliency_metrics import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

RANKED = ("nss", "sim", "cc")
"""The metrics that decide over ranks, where they were computed."""
NO_DOUBT = DoubtfulFixations({}, 0)
Source = Path | Mapping[str, PredictedVideo]
"""Predictions of several videos: a folder with one folder for each, or by name."""


@dataclass(frozen=True)
class VideoScores:
    """One prediction of one video with its ground truth and scores.

    Args:
        sigma: standard deviation of the ground-truth Gaussian in pixels of the video.
        dataset: the data set that the video is of.
        seen_by: the cues whose weights have learned from the video, with spaces between.
    """

    prediction: PredictedVideo
    truth: FrameFixations
    sigma: float
    scores: Scores
    dataset: str = ""
    seen_by: str = ""

    @property
    def labels(self) -> Row:
        """The cells that say which video it is."""
        return {"dataset": self.dataset, "video": self.prediction.name}


@dataclass(frozen=True)
class Evaluation:
    """Scores of predictors on the same videos, as tables.

    Args:
        scores: by predictor, then by video; every predictor has the same videos in the same order.
        options: how they were computed; its metrics are those that could be.
        part: the part of the data that the videos are: ``validation``, ``test`` or empty.
        limits: how well people predict people (:mod:`gazenet.evaluation.human_limit`), by video and name of the
            limit, on the frames that all predictors were scored on; without the videos that have no limit.
        left_out: the videos that only some predictors have.
        unavailable: metrics that needed the fixations of other videos where there are none.
        notes: plain lines about fixations that were left out and about clocks.
    """

    scores: Mapping[str, Mapping[str, VideoScores]]
    options: ScoringOptions
    part: str = ""
    limits: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def videos(self) -> list[str]:
        """Names of the videos, in order."""
        return list(next(iter(self.scores.values())))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that were computed."""
        return self.options.metrics

    @property
    def grids(self) -> str:
        """The grids of scoring, width x height."""
        return tables.grids(one.scores for by_video in self.scores.values() for one in by_video.values())

    @property
    def ranked(self) -> list[str]:
        """The metrics that decide over ranks."""
        return [metric for metric in RANKED if metric in self.metrics] or list(self.metrics)

    @cached_property
    def per_frame(self) -> DataFrame:
        """A row for each frame that was scored."""
        rows: list[Row] = []
        for name, by_video in self.scores.items():
            for scored in by_video.values():
                labels = {"predictor": name, "part": self.part} | scored.labels
                how = {"grid": tables.grids([scored.scores]), "definitions": self.options.definitions}
                columns = {metric: values.tolist() for metric, values in scored.scores.values.items()}
                for k, frame in enumerate(scored.scores.frames.tolist()):
                    rows.append(labels | {"frame": frame} | {m: values[k] for m, values in columns.items()} | how)
        return tables.table(rows, [*VIDEO, "frame", *self.metrics, *HOW])

    @cached_property
    def per_video(self) -> DataFrame:
        """A row for each predictor and video: frames, invalid frames, mean and 95 % interval of each metric."""
        return self._video_table(
            self._row({"predictor": name} | one.labels, [one]) | {"seen_by": one.seen_by}
            for name, by_video in self.scores.items()
            for one in by_video.values()
        )

    @cached_property
    def with_means(self) -> DataFrame:
        """The rows of :attr:`per_video`, with a row ``mean`` below the videos of each predictor."""
        means = self._video_table(
            self._row({"predictor": name, "video": MEAN}, list(by_video.values())) | {"seen_by": ""}
            for name, by_video in self.scores.items()
            if by_video
        )
        own = self.per_video
        parts = [part[part.predictor == name] for name in self.scores for part in (own, means)]
        return tables.concatenated(parts)

    @cached_property
    def summary(self) -> DataFrame:
        """A row for each predictor, best rank first: ranks, counts, mean over videos and interval of each metric."""
        by_metric = {metric: self.ranks(metric) for metric in self.ranked}
        rows = []
        for name, rank in sorted(self.mean_ranks().items(), key=lambda pair: pair[1]):
            ranks = {"mean_rank": rank} | {f"rank_{metric}": own[name] for metric, own in by_metric.items()}
            every = list(self.scores[name].values())
            rows.append(self._row({"predictor": name, "videos": len(every)}, every) | ranks)
        ranked = ["mean_rank", *(f"rank_{metric}" for metric in self.ranked)]
        columns = ["predictor", "part", *ranked, "videos", *COUNTS, *interval_columns(self.metrics), *HOW]
        return tables.table(rows, columns)

    @cached_property
    def differences(self) -> DataFrame:
        """Best predictor minus each other one, on the frames that both have: mean over videos and its interval."""
        best, *others = self.summary.predictor
        rows: list[Row] = []
        for name in others:
            pair = [one.scores for who in (best, name) for one in self.scores[who].values()]
            row: Row = {"predictor": best, "minus": name, "part": self.part, "videos": len(self.videos)}
            for metric in self.metrics:
                row |= interval_cells(metric, self._difference(best, name, metric))
            rows.append(row | {"grid": tables.grids(pair), "definitions": self.options.definitions})
        columns = ["predictor", "minus", "part", "videos", *interval_columns(self.metrics), *HOW]
        return tables.table(rows, columns)

    @cached_property
    def human_limit(self) -> DataFrame:
        """Limits and predictors on the frames where people set a limit, and shares of it; empty without a limit."""
        names: list[str] = []
        for metric in self.metrics:
            names += [metric, metric + OF_LIMIT] if metric in LIMIT else [metric]
        columns = [*VIDEO, *COUNTS, *interval_columns(names), *HOW]
        if not self.limits:
            return tables.table([], columns)
        ordered = {
            name: {video: one.scores for video, one in self.scores[name].items()} for name in self.summary.predictor
        }
        labels = {video: one.labels for video, one in next(iter(self.scores.values())).items()}
        rows = human_limit_rows(self.limits, ordered, labels)
        return tables.table(({"part": self.part, "dataset": ""} | row for row in rows), columns)

    @cached_property
    def gates(self) -> DataFrame:
        """The mean gate of each cue in each video; empty where no integrator has gates."""
        rows = [
            {"predictor": name, "part": self.part, "frames": len(one.scores.frames)}
            | one.labels
            | {GATE + cue: finite_mean(values) for cue, values in one.prediction.gates.items()}
            for name, by_video in self.scores.items()
            for one in by_video.values()
            if one.prediction.gates
        ]
        cues = dict.fromkeys(column for row in rows for column in row if column.startswith(GATE))
        return tables.table(rows, [*VIDEO, "frames", *cues])

    def ranks(self, metric: str) -> dict[str, float]:
        """The rank of each predictor by one metric, 1 is best. Predictors of equal score share the mean of theirs."""
        means = np.array([self.interval(name, metric).mean for name in self.scores])
        means = np.nan_to_num(means if METRICS[metric].higher_is_better else -means, nan=-np.inf)
        ranks = [1 + (means > mean).sum() + ((means == mean).sum() - 1) / 2 for mean in means]
        return dict(zip(self.scores, map(float, ranks), strict=True))

    def mean_ranks(self) -> dict[str, float]:
        """Return the mean rank of each predictor over :attr:`ranked`."""
        each = [self.ranks(metric) for metric in self.ranked]
        return {name: sum(ranks[name] for ranks in each) / len(each) for name in self.scores}

    def interval(self, name: str, metric: str) -> Interval:
        """Mean over videos of a predictor's scores and its 95 % interval by resampling videos (of one: its frames)."""
        return tables.mean_interval([one.scores.values[metric] for one in self.scores[name].values()])

    def write(self, folder: Path) -> None:
        """Write ``videos``, ``overall``, ``frames``, ``differences`` and ``human`` (.csv); empty ones are left out."""
        named = {
            "videos": self.with_means,
            "overall": self.summary,
            "frames": self.per_frame,
            "differences": self.differences,
            "human": self.human_limit,
        }
        for name, table in named.items():
            if len(table):
                tables.write_table(table, folder / f"{name}.csv")

    def _row(self, labels: Row, videos: Sequence[VideoScores]) -> Row:
        base: Row = {"part": self.part, "dataset": ""}
        return score_row(base | labels, [one.scores for one in videos], self.options.definitions)

    def _video_table(self, rows: Iterable[Row]) -> DataFrame:
        return tables.table(rows, [*VIDEO, *COUNTS, *interval_columns(self.metrics), *HOW, "seen_by"])

    def _difference(self, first: str, second: str, metric: str) -> Interval:
        """Compare two predictors over videos, as the means of :attr:`summary` do; on one video over its frames."""
        pairs = []
        for video in self.videos:
            a, b = self.scores[first][video].scores, self.scores[second][video].scores
            _, in_a, in_b = np.intersect1d(a.frames, b.frames, return_indices=True)
            pairs.append((a.values[metric][in_a], b.values[metric][in_b]))
        if len(pairs) == 1:
            return paired_difference(*pairs[0])
        return bootstrap_mean([paired_difference(*pair, samples=1).mean for pair in pairs])


def write_scores(evaluations: Sequence[Evaluation], file: Path) -> None:
    """Write the rows of :attr:`Evaluation.with_means` of several evaluations, and those of gates beside it, as CSV.

    Raises OSError.
    """
    tables.write_table(tables.concatenated([one.with_means for one in evaluations]), file)
    gates = [one.gates for one in evaluations if not one.gates.empty]
    if gates:
        tables.write_table(tables.concatenated(gates), gates_path(file))


def evaluate(
    predictions: Mapping[str, Source],
    ground_truth: Mapping[str, VideoTruth],
    options: ScoringOptions = USUAL,
    part: str = "",
    human_limit: bool = False,
) -> Evaluation:
    """Score predictors on the videos that all of them predicted and that have fixations, in the order of the first.

    A folder holds result folders of ``gasp_infer``, or, for a data set of sequences, folders ``<video>/<frame>.png``
    of grey pictures. Metrics that need the fixations of other videos are left out where there are none.

    Args:
        predictions: by name of the predictor: a folder, or predictions by video.
        ground_truth: the fixations by video.
        part: the part of the data that the videos are, for the tables.
        human_limit: also how well people predict people on the same frames (standard definitions only).

    Raises:
        CacheError: a broken result folder.
        UsageError: a baseline that cannot be used, or a table of fixations of which none can be meant.
    """
    listed = {name: _with_truth(source, ground_truth) for name, source in predictions.items()}
    common = [video for video in next(iter(listed.values())) if all(video in videos for videos in listed.values())]
    # All sequences count: those that nobody predicted are named, too.
    expected = {name for name, truth in ground_truth.items() if truth.frame_names}
    left_out = tuple(sorted(expected.union(*listed.values()) - set(common)))
    opened = {
        name: {video: _opened(videos[video], ground_truth[video]) for video in common}
        for name, videos in listed.items()
    }
    first = next(iter(opened.values()))
    checked = _CheckedTruth.of(first, ground_truth)
    others = _other_fixations(ground_truth, checked)
    options, unavailable = _usable(options, others, common)
    scores = {
        name: {video: _score(one, ground_truth[video], checked, others, options) for video, one in videos.items()}
        for name, videos in opened.items()
    }
    limits = _limits(scores, others, options) if human_limit and options.definitions == "standard" else {}
    return Evaluation(scores, options, part, limits, left_out, unavailable, checked.notes)


@dataclass(frozen=True)
class _CheckedTruth:
    """The fixations of the frames of each video, those that cannot be meant left out, and notes about them."""

    frames: Mapping[str, FrameFixations]
    doubtful: Mapping[str, DoubtfulFixations]
    notes: tuple[str, ...]

    @staticmethod
    def of(predictions: Mapping[str, PredictedVideo], ground_truth: Mapping[str, VideoTruth]) -> _CheckedTruth:
        """Check tables that users made. Raises UsageError where no fixation of such a table can be meant."""
        doubtful: dict[str, DoubtfulFixations] = {}
        lines: list[str | None] = []
        for video, prediction in predictions.items():
            table = ground_truth[video].table
            doubtful[video] = (
                NO_DOUBT if table is None else doubtful_fixations(table, prediction.times, prediction.size)
            )
        for source in dict.fromkeys(truth.source for truth in ground_truth.values()):
            lines += notes(source, {v: one for v, one in doubtful.items() if ground_truth[v].source == source})
        for video, prediction in predictions.items():
            clock = ground_truth[video].clock
            lines.append(None if clock is None else clock_note(video, prediction.times, clock))
        frames = {
            video: meant(ground_truth[video].frames(one.times, one.size), doubtful[video])
            for video, one in predictions.items()
        }
        return _CheckedTruth(frames, doubtful, tuple(filter(None, lines)))


def _with_truth(source: Source, ground_truth: Mapping[str, VideoTruth]) -> Mapping[str, Path | PredictedVideo]:
    """Return the predictions, or their folders, of those videos of a predictor that have fixations."""
    if not isinstance(source, Path):
        return {video: prediction for video, prediction in source.items() if video in ground_truth}
    folders = [path for path in sorted(source.iterdir()) if path.name in ground_truth and path.is_dir()]
    return {path.name: path for path in folders if is_result(path) or ground_truth[path.name].frame_names}


def _opened(source: Path | PredictedVideo, truth: VideoTruth) -> PredictedVideo:
    if not isinstance(source, Path):
        return source
    size = truth.size()
    if is_result(source):
        return read_prediction(source, size)
    assert size is not None
    return read_pictures(source, truth.frame_names, size)


def _other_fixations(ground_truth: Mapping[str, VideoTruth], checked: _CheckedTruth) -> OtherVideos:
    sets = {name: fixation_set(truth, checked.frames) for name, truth in ground_truth.items()}
    unmeant = {video for video, doubtful in checked.doubtful.items() if doubtful.all}
    return OtherVideos({name: one for name, one in sets.items() if one is not None and name not in unmeant})


def _usable(
    options: ScoringOptions, others: OtherVideos, videos: Sequence[str]
) -> tuple[ScoringOptions, tuple[str, ...]]:
    """The options without metrics that need other videos or a baseline where there is neither, and those metrics."""
    needing = options.need_other_videos
    if options.baseline is not None or not needing or all(map(others.exist_for, videos)):
        return options, ()
    return replace(options, metrics=tuple(name for name in options.metrics if name not in needing)), needing


def _others_of(video: str, others: OtherVideos, shape: Size, options: ScoringOptions) -> OtherFixations | None:
    """The fixations of other videos, or what a picture of the centre bias says of them; None where no metric asks."""
    if not options.need_other_videos:
        return None
    if options.baseline is not None:
        return from_picture(options.baseline, shape, options.definitions)
    return others.of(video, shape, options.needs_prior)


def _score(
    prediction: PredictedVideo, truth: VideoTruth, checked: _CheckedTruth, others: OtherVideos, options: ScoringOptions
) -> VideoScores:
    frames = checked.frames[truth.name]
    if len(frames) != len(prediction.times):  # another run may have seen other frames of the video
        frames = meant(truth.frames(prediction.times, prediction.size), checked.doubtful[truth.name])
    shape = options.shape(frames, (prediction.maps.shape[1], prediction.maps.shape[2]))
    sigma = truth.sigma(prediction.size)
    around = _others_of(truth.name, others, shape, options)
    scores = score_frames(prediction.maps, frames, options.frames(frames), sigma, options, around)
    return VideoScores(prediction, frames, sigma, scores, truth.dataset)


def _limits(
    scores: Mapping[str, Mapping[str, VideoScores]], others: OtherVideos, options: ScoringOptions
) -> dict[str, Mapping[str, Scores]]:
    """The limits that people set on the frames that all predictors have, of each video that tells observers apart."""
    limits: dict[str, Mapping[str, Scores]] = {}
    for video, first in next(iter(scores.values())).items():
        frames = first.scores.frames
        for by_video in scores.values():
            frames = np.intersect1d(frames, by_video[video].scores.frames)
        around = _others_of(video, others, options.shape(first.truth, first.truth.size), options)
        of_video = human_scores(first.truth, frames, first.sigma, options, around)
        if of_video is not None:
            limits[video] = of_video
    return limits
