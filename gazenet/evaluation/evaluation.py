"""Several predictions of the same videos, scored and compared: the tables of ``gasp_evaluate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gazenet.data.density import Size
from gazenet.data.fixation_checks import DoubtfulFixations, doubtful_fixations, meant, notes
from gazenet.data.fixations import FrameFixations, clock_note
from gazenet.evaluation.bootstrap import Interval, bootstrap_mean, paired_difference
from gazenet.evaluation.ground_truth import OtherVideoFixations, OtherVideos, VideoTruth, fixation_set, from_picture
from gazenet.evaluation.human_limit import human_scores
from gazenet.evaluation.predictions import pictured
from gazenet.evaluation.score import METRICS, Predicted, Scores, judged_shape, read_predicted, score_frames
from gazenet.evaluation.scoring_grid import as_text, scoring_grid
from gazenet.metrics import saliency_metrics
from gazenet.metrics.saliency_metrics import Mode

RANKED = ("nss", "sim", "cc")
"""What decides over places."""
GRID = "grid"
"""The last column of every table."""
Row = dict[str, object]


@dataclass(frozen=True)
class Options:
    """What is scored and how.

    Every ``stride``-th frame with at least ``min_observers`` fixating people. ``baseline``: a picture of the centre
    bias, instead of the fixations of other videos. ``mode``: ``original`` for the published definitions, on the maps'
    own cells. ``grid``: longer side at most of the frames' grid on which all is scored (None: 480).
    """

    metrics: tuple[str, ...] = METRICS
    stride: int = 1
    min_observers: int = 1
    baseline: Path | None = None
    mode: Mode = "standard"
    grid: int | None = None

    @property
    def prior(self) -> bool:
        """Whether a metric is measured against how likely places are fixated elsewhere."""
        return any("prior" in saliency_metrics.METRICS[name].truth for name in self.metrics)


@dataclass(frozen=True)
class Judged:
    """One prediction of one video with its ground truth and scores."""

    video: Predicted
    truth: FrameFixations
    sigma: float
    scores: Scores

    @property
    def means(self) -> dict[str, float]:
        """The mean of every metric over the frames that could be judged; NaN without any."""
        return {name: bootstrap_mean(column, samples=1).mean for name, column in self.scores.values.items()}


@dataclass(frozen=True)
class Comparison:
    """``judged[predictor][video]``: the videos that every predictor predicted, in the same order.

    ``left_out``: names of videos that only some predicted. ``unavailable``: metrics that needed other videos'
    fixations where there are none. ``human[video][limit]``: how well people predict people on the frames that all
    predictors were judged on, see :mod:`gazenet.evaluation.human_limit`; videos of which it is not known are not in
    it.
    ``notes``: in plain lines, which fixations cannot be meant, and on which clock they were taken where clocks differ.
    """

    judged: Mapping[str, Mapping[str, Judged]]
    metrics: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    mode: Mode = "standard"
    human: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def videos(self) -> list[str]:
        return list(next(iter(self.judged.values())))

    @property
    def grids(self) -> str:
        """The grids on which frames were scored, width x height."""
        return str(_grid([one for videos in self.judged.values() for one in videos.values()])[GRID])

    def by_video(self) -> list[Row]:
        """A row for each predictor and video, then the mean of its videos: frames judged, of them invalid, means."""
        rows: list[Row] = []
        for name, videos in self.judged.items():
            own = [_row(name, video, one) for video, one in videos.items()]
            rows += [*own, _mean_row(name, own, self.metrics) | _grid(list(videos.values()))]
        return rows

    def by_frame(self) -> Iterator[Row]:
        """A row for each frame that was judged."""
        for name, videos in self.judged.items():
            for video, one in videos.items():
                for k, frame in enumerate(one.scores.frames):
                    values = {metric: float(column[k]) for metric, column in one.scores.values.items()}
                    yield {"predictions": name, "video": video, "frame": int(frame), **values, **_grid([one])}

    def intervals(self, name: str) -> dict[str, Interval]:
        """Mean over videos of a predictor's scores and its 95 % interval by resampling videos (of one: its frames)."""
        videos = list(self.judged[name].values())
        if len(videos) == 1:
            return videos[0].scores.table()
        means = [one.means for one in videos]
        return {metric: bootstrap_mean([mean[metric] for mean in means]) for metric in self.metrics}

    def places(self) -> dict[str, float]:
        """Mean place of each predictor over NSS, SIM and CC (those of them that were asked for); 1 is best.

        Predictors of equal score share the mean of their places.
        """
        each = [self.places_by(metric) for metric in self.ranked]
        return {name: sum(places[name] for places in each) / len(each) for name in self.judged}

    @property
    def ranked(self) -> list[str]:
        """The metrics that decide over places."""
        return [metric for metric in RANKED if metric in self.metrics] or list(self.metrics)

    def places_by(self, metric: str) -> dict[str, float]:
        """The place of each predictor by one metric."""
        scores = np.array([self.intervals(name)[metric].mean for name in self.judged])
        scores = scores if saliency_metrics.METRICS[metric].higher_is_better else -scores
        scores = np.nan_to_num(scores, nan=-np.inf)
        places = [1 + (scores > one).sum() + ((scores == one).sum() - 1) / 2 for one in scores]
        return dict(zip(self.judged, map(float, places), strict=True))

    def overall(self) -> list[Row]:
        """A row for each predictor, best place first: places, counts, then mean and interval of each metric."""
        rows: list[Row] = []
        by_metric = {f"place_{metric}": self.places_by(metric) for metric in self.ranked}
        for name, place in sorted(self.places().items(), key=lambda pair: pair[1]):
            each = self.judged[name].values()
            row: Row = {"predictions": name, "mean_place": place}
            row.update({column: places[name] for column, places in by_metric.items()})
            row["videos"] = len(each)
            row["frames"] = sum(len(one.scores.frames) for one in each)
            row["invalid"] = sum(_invalid(one.scores) for one in each)
            for metric, interval in self.intervals(name).items():
                row.update({metric: interval.mean, f"{metric}_low": interval.low, f"{metric}_high": interval.high})
            rows.append(row | _grid(list(each)))
        return rows

    def differences(self) -> list[Row]:
        """First place minus each other predictor on frames that both have: mean over videos, which are resampled."""
        best, *others = [str(row["predictions"]) for row in self.overall()]
        rows: list[Row] = []
        for name in others:
            row: Row = {"predictions": best, "minus": name}
            for metric in self.metrics:
                found = self._difference(best, name, metric)
                row.update({metric: found.mean, f"{metric}_low": found.low, f"{metric}_high": found.high})
            rows.append(row | _grid([*self.judged[best].values(), *self.judged[name].values()]))
        return rows

    def _difference(self, first: str, second: str, metric: str) -> Interval:
        """Over videos as in :meth:`intervals`, so that both tables say the same; of one video over its frames."""
        by_video = []
        for video in self.videos:
            a, b = self.judged[first][video].scores, self.judged[second][video].scores
            _, at, bt = np.intersect1d(a.frames, b.frames, return_indices=True)
            by_video.append((a.values[metric][at], b.values[metric][bt]))
        if len(by_video) == 1:
            return paired_difference(*by_video[0])
        return bootstrap_mean([paired_difference(*pair, samples=1).mean for pair in by_video])


def compare(predictions: Mapping[str, Path], truths: Mapping[str, VideoTruth], options: Options) -> Comparison:
    """Score the output folders of ``gasp_infer`` on the videos that are in all of them and have fixations.

    Of a data set of sequences, folders ``<video>/<frame>.png`` of grey pictures are predictions as well. Raises
    CacheError for a broken output folder, UsageError for a bad baseline; empty where no video is common.
    """
    found = {name: _with_truth(folder, truths) for name, folder in predictions.items()}
    everywhere = set.intersection(*(set(folders) for folders in found.values()))
    # Whoever is judged on sequences is judged on all of them: one that nobody predicted is told, too.
    expected = {name for name, truth in truths.items() if truth.frame_names}
    somewhere = sorted(expected.union(*found.values()) - everywhere)
    opened = {
        name: {video: _opened(folders[video], truths[video]) for video in sorted(everywhere)}
        for name, folders in found.items()
    }
    doubtful = {video: _doubts(opened, truths[video], video) for video in sorted(everywhere)}
    about = {
        one.source: {v: d for v, d in doubtful.items() if truths[v].source == one.source} for one in truths.values()
    }
    lines = tuple(line for source, videos in about.items() for line in notes(source, videos))
    shown = {video: meant(_frames(opened, truths[video], video), doubtful[video]) for video in sorted(everywhere)}
    looks = {name: fixation_set(truth, shown) for name, truth in truths.items()}
    unmeant = {video for video, one in doubtful.items() if one.all}
    others = OtherVideos({name: one for name, one in looks.items() if one is not None and name not in unmeant})
    usable, unavailable = _usable(options, others, list(shown))
    judged = {
        name: {
            video: _judge(one, truths[video], shown[video], others, usable, doubtful[video])
            for video, one in videos.items()
        }
        for name, videos in opened.items()
    }
    human = _human(judged, truths, others, usable) if usable.mode == "standard" else {}
    clocks = [
        clock_note(video, next(iter(opened.values()))[video].times, clock)
        for video in sorted(everywhere)
        if (clock := truths[video].clock) is not None
    ]
    lines += tuple(filter(None, clocks))
    return Comparison(judged, usable.metrics, tuple(somewhere), unavailable, usable.mode, human, lines)


def _human(
    judged: Mapping[str, Mapping[str, Judged]], truths: Mapping[str, VideoTruth], others: OtherVideos, options: Options
) -> dict[str, Mapping[str, Scores]]:
    """The limits that people set, of each video where observers are told apart."""
    found: dict[str, Mapping[str, Scores]] = {}
    for video, first in next(iter(judged.values())).items():
        every = [videos[video].scores.frames for videos in judged.values()]
        frames = every[0][np.all([np.isin(every[0], one) for one in every], axis=0)]
        known = _elsewhere(video, others, scoring_grid(first.truth.size, options.grid), options)
        limits = human_scores(
            first.truth,
            frames,
            truths[video].sigma(first.video.size),
            options.metrics,
            None if known is None else known.others,
            options.grid,
            None if known is None else known.prior,
        )
        if limits is not None:
            found[video] = limits
    return found


def _elsewhere(video: str, others: OtherVideos, shape: Size, options: Options) -> OtherVideoFixations | None:
    """What is fixated in other videos, or what a picture of the centre bias says of it."""
    if options.baseline is not None:
        return from_picture(options.baseline, shape)
    return others.of(video, shape, options.prior)


def _with_truth(folder: Path, truths: Mapping[str, VideoTruth]) -> dict[str, Path]:
    """Folders of predicted videos that somebody fixated: results of ``gasp_infer``, or of sequences pictures."""
    return {
        one.name: one
        for one in sorted(folder.iterdir())
        if one.name in truths and one.is_dir() and (_computed(one) or truths[one.name].frame_names)
    }


def _computed(folder: Path) -> bool:
    return (folder / "saliency.npy").exists()


def _opened(folder: Path, truth: VideoTruth) -> Predicted:
    if _computed(folder):
        return read_predicted(folder, truth.size())
    names, size = truth.frame_names, truth.size()
    assert size is not None
    # Pictures have no times; the ground truth of sequences counts them only.
    return Predicted(folder.name, pictured(folder, names, size), np.arange(len(names), dtype=np.float64), size)


def _doubts(opened: Mapping[str, Mapping[str, Predicted]], truth: VideoTruth, video: str) -> DoubtfulFixations:
    first = next(iter(opened.values()))[video]
    return (
        DoubtfulFixations({}, 0) if truth.table is None else doubtful_fixations(truth.table, first.times, first.size)
    )


def _frames(opened: Mapping[str, Mapping[str, Predicted]], truth: VideoTruth, video: str) -> FrameFixations:
    first = next(iter(opened.values()))[video]
    return truth.frames(first.times, first.size)


def _usable(options: Options, others: OtherVideos, videos: Sequence[str]) -> tuple[Options, tuple[str, ...]]:
    """Without other videos and without a picture, metrics that need them cannot be computed."""
    needing = [name for name in options.metrics if {"others", "prior"} & set(saliency_metrics.METRICS[name].truth)]
    if options.baseline is not None or not needing or all(map(others.known, videos)):
        return options, ()
    kept = tuple(name for name in options.metrics if name not in needing)
    return replace(options, metrics=kept, baseline=None), tuple(needing)


def _judge(
    video: Predicted,
    truth: VideoTruth,
    shown: FrameFixations,
    others: OtherVideos,
    options: Options,
    doubtful: DoubtfulFixations,
) -> Judged:
    # Another run may have seen other frames of the video.
    same = len(shown) == len(video.times)
    frames = shown if same else meant(truth.frames(video.times, video.size), doubtful)
    shape = judged_shape(frames, (video.maps.shape[1], video.maps.shape[2]), options.grid, options.mode)
    known = _elsewhere(video.name, others, shape, options)
    chosen = [k for k in range(0, len(frames), options.stride) if frames.observers[k] >= options.min_observers]
    scores = score_frames(
        video.maps,
        frames,
        np.array(chosen, np.int64),
        truth.sigma(video.size),
        options.metrics,
        None if known is None else known.others,
        options.grid,
        None if known is None else known.prior,
        options.mode,
    )
    return Judged(video, frames, truth.sigma(video.size), scores)


def _invalid(scores: Scores) -> int:
    """Frames for which some metric has no value."""
    columns = [~np.isfinite(column) for column in scores.values.values()]
    return int(np.any(columns, axis=0).sum())


def _row(name: str, video: str, one: Judged) -> Row:
    counts: Row = {"frames": len(one.scores.frames), "invalid": _invalid(one.scores)}
    return {"predictions": name, "video": video, **counts, **one.means, **_grid([one])}


def _grid(judged: Sequence[Judged]) -> Row:
    """The column that says on which grid was scored, width x height; several where frames differ in size."""
    return {GRID: " ".join(sorted({as_text(one.scores.grid) for one in judged if one.scores.grid is not None}))}


def _mean_row(name: str, rows: Sequence[Row], metrics: Sequence[str]) -> Row:
    counts: Row = {key: sum(int(str(row[key])) for row in rows) for key in ("frames", "invalid")}
    means = {metric: bootstrap_mean([float(str(row[metric])) for row in rows], samples=1).mean for metric in metrics}
    return {"predictions": name, "video": "mean", **counts, **means}
