"""How well is attention predicted on videos that nothing was trained on?

Leave one video out over the FindWho videos: the integrator is trained on the others (and on the stills of its config)
and judged on the one left out, beside simpler predictors. Ground truth: a Gaussian of 40 pixels at 1280 x 720; scores
on the grid of the frames with a longer side of 480 pixels, where every fixation counts
(``gazenet.evaluation.scoring_grid``); every 5th frame that at least 8 people fixate. Beside the predictors stand the
limits that people set on the same frames (``gazenet.evaluation.human_limit``): one observer by the others (NSS), half
of them by the other half (CC), and the truth by itself. Intervals are 95 % bootstrap intervals over frames, and over
videos, since frames of one video resemble each other. With OSIE also the image saliency cue alone, 5-fold.

A cue that was itself learned from these videos or pictures must not have seen the one it is judged on.
``--folds FILE`` names a JSON object that says with which parameters such cues run:
``{"011": {"active_speaker": {"weights": "speaker-011.safetensors"}}, "osie-0": {"saliency": {...}}}``,
made by ``benchmarks/training/folds.py``. Without it learned cues run as installed, and the table says so.

    python benchmarks/quality.py --root DATA --output quality.json

Beside the file a folder ``tables`` has the tables of the evaluation as ``gasp_evaluate`` writes them; their means are
over videos.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.config.inference import InferConfig
from gazenet.config.load import load_config
from gazenet.config.training import TrainConfig
from gazenet.cues.rendering import Canvas, brightest
from gazenet.data.cue_clip import CueClip
from gazenet.data.dataset import open_dataset
from gazenet.data.fixations import FrameFixations
from gazenet.data.source_items import ChosenItem
from gazenet.evaluation.bootstrap import bootstrap_mean, finite_mean, paired_difference
from gazenet.evaluation.evaluation import Evaluation, VideoScores
from gazenet.evaluation.human_limit import human_scores
from gazenet.evaluation.predictions import PredictedVideo
from gazenet.evaluation.score import Scores, ScoringOptions, score_frames
from gazenet.evaluation.scoring_grid import SIDE
from gazenet.files import write_json
from gazenet.inference.cache.recall import Recalled
from gazenet.recipes.gasp.extract_cues import (
    Extract,
    choose_items,
    cue_config,
    first_stage,
    open_clips,
)
from gazenet.recipes.gasp.folds import Parameters, read_folds
from gazenet.recipes.gasp.gasp_fit import IntegratorPlan, fit_integrator
from gazenet.recipes.gasp.gasp_run import plain
from gazenet.training.fit import FitRequest

METRICS = ("nss", "cc")
STRIDE, OBSERVERS = 5, 8
GRID = SIDE
"""Longer side of the grid on which all is scored."""
OPTIONS = ScoringOptions(METRICS, STRIDE, OBSERVERS, grid=GRID)
SPEAKER, SALIENCY = "active_speaker", "saliency"
FUSED = "fused"
IMAGE_FOLDS = 5
Maps = NDArray[Any]


@dataclass
class Remembered:
    """A first stage that answers a repeated question from memory and keeps the faces it saw."""

    extract: Extract
    answers: dict[str, dict[Path, Recalled]] = field(default_factory=dict)

    def __call__(self, config: InferConfig, paths: Sequence[Path]) -> dict[Path, Recalled]:
        """Extract the inputs that have not been extracted with this config."""
        answers = self.answers.setdefault(config.model_dump_json(), {})
        missing = [path for path in paths if path not in answers]
        if missing:
            answers.update(self.extract(config, missing))
        return {path: answers[path] for path in paths}


def fold_parameters(folds: Mapping[str, Parameters], name: str) -> Parameters:
    """Parameters of the cues for the fold in which ``name`` (a video, or ``osie-0`` ..) is judged."""
    return dict(folds.get(name, {}))


def centre_prior(shape: tuple[int, int]) -> Maps:
    """A centred Gaussian, a quarter of width and height wide, float ``[h, w]``."""
    h, w = shape
    rows, columns = (np.arange(h) + 0.5) / h - 0.5, (np.arange(w) + 0.5) / w - 0.5
    return np.exp(-0.5 * ((rows[:, None] / 0.25) ** 2 + (columns[None] / 0.25) ** 2))


def face_maps(cues: Recalled, size: tuple[int, int], shape: tuple[int, int]) -> Maps:
    """A Gaussian on every detected face, float ``[T, h, w]``."""
    canvas = Canvas(size, shape)
    return np.stack([brightest((canvas.face_blob(face) for face in faces), canvas) for faces in cues.faces])


def simple_predictors(clip: CueClip, cues: Recalled) -> dict[str, Maps]:
    """What needs no training: prior, faces, each cue, the mean of the cues."""
    first = next(iter(clip.maps.values()))
    predictors: dict[str, Maps] = {"centre prior": np.repeat(centre_prior(first.shape[1:])[None], len(clip), 0)}
    if len(cues.faces) == len(clip):
        predictors["faces"] = face_maps(cues, clip.size, first.shape[1:])
    predictors.update({f"cue {name}": maps for name, maps in clip.maps.items()})
    predictors["mean of cues"] = np.mean([np.asarray(maps, np.float32) for maps in clip.maps.values()], axis=0)
    return predictors


@dataclass(frozen=True)
class LeaveOneOut:
    """The training of the benchmark, the folder of its checkpoints, the first stage and the parameters of folds."""

    config: TrainConfig
    folder: Path
    extract: Remembered
    folds: Mapping[str, Parameters]


def one_fold(
    benchmark: LeaveOneOut, videos: Sequence[ChosenItem], stills: Sequence[CueClip], left: ChosenItem
) -> tuple[dict[str, VideoScores], Mapping[str, Scores]]:
    """Score every predictor, and the human limits, on the video left out; trained on the others and on ``stills``."""
    config, extract = benchmark.config, benchmark.extract
    parameters = fold_parameters(benchmark.folds, left.item.name)
    clips = open_clips(config, videos, extract, parameters)
    test = clips[[video is left for video in videos].index(True)]
    cues = extract(cue_config(config, parameters), [left.item.path])[left.item.path]
    predictors = simple_predictors(test, cues)
    variants = {FUSED: config}
    if SPEAKER in config.cues and len(config.cues) > 1:
        without = {"cues": tuple(cue for cue in config.cues if cue != SPEAKER)}
        network = {key: value for key, value in config.network.items() if key != "modalities"}
        variants[f"{FUSED} without {SPEAKER}"] = config.model_copy(update={**without, "network": network})
    for name, variant in variants.items():
        others = [*(clip for clip in clips if clip is not test), *stills]
        where = benchmark.folder / left.item.name / name.replace(" ", "_")
        request = FitRequest(variant.model_copy(update={"logger": ""}), where, name=name)
        fitted = fit_integrator(request, IntegratorPlan.of(variant), others)
        predictors[name] = fitted.integrator.fuse(dict(test.maps)).saliency
    frames = test.targets(STRIDE, OBSERVERS)
    scores = {
        name: VideoScores(
            PredictedVideo(left.item.name, maps, test.times, test.size),
            test.truth,
            test.sigma,
            score_frames(maps, test.truth, frames, test.sigma, OPTIONS),
            test.dataset,
        )
        for name, maps in predictors.items()
    }
    return scores, human_scores(test.truth, frames, test.sigma, OPTIONS) or {}


def leave_one_out(benchmark: LeaveOneOut) -> Evaluation:
    """Score every predictor on every video by networks that have not seen it.

    Still pictures keep the cues as installed in every fold: what is learned from the videos is who speaks, and a
    picture is silent.
    """
    config = benchmark.config
    chosen = choose_items(config, config.data.train)
    videos = [item for item in chosen if not item.item.still]
    stills = open_clips(config, [item for item in chosen if item.item.still], benchmark.extract)
    scores: dict[str, dict[str, VideoScores]] = {}
    limits = {}
    for left in videos:
        video = left.item.name
        by_predictor, limits[video] = one_fold(benchmark, videos, stills, left)
        for name, scored in by_predictor.items():
            scores.setdefault(name, {})[video] = scored
        print(f"{video}: fused NSS {np.nanmean(by_predictor[FUSED].scores.values['nss']):.3f}", flush=True)
    return Evaluation(scores, OPTIONS, limits={video: of_video for video, of_video in limits.items() if of_video})


def table(evaluation: Evaluation) -> dict[str, Any]:
    """Means, intervals over frames and over videos, differences to the fused map, and a mean per video."""
    by_name = {name: {video: one.scores for video, one in by.items()} for name, by in evaluation.scores.items()}
    for name in next(iter(evaluation.limits.values()), {}):
        by_name[name] = {video: of_video[name] for video, of_video in evaluation.limits.items()}
    rows: dict[str, Any] = {}
    for name, by_video in by_name.items():
        rows[name] = {}
        groups = [video for video, scores in by_video.items() for _ in scores.frames]
        for metric in METRICS:
            values = _joined(by_video, metric)
            fused = _joined({video: by_name[FUSED][video] for video in by_video}, metric)
            rows[name][metric] = {
                "frames": plain(asdict(bootstrap_mean(values))),
                "videos": plain(asdict(bootstrap_mean(values, groups=groups))),
                "fused_minus_this": plain(asdict(paired_difference(fused, values))),
                "fused_minus_this_by_video": plain(asdict(paired_difference(fused, values, groups=groups))),
                "per_video": plain({video: finite_mean(s.values[metric]) for video, s in by_video.items()}),
            }
    return rows


def _joined(by_video: Mapping[str, Scores], metric: str) -> NDArray[np.float64]:
    return np.concatenate([scores.values[metric] for scores in by_video.values()])


def image_folds(
    config: TrainConfig, root: Path, extract: Remembered, folds: Mapping[str, Parameters]
) -> dict[str, Any]:
    """Score the image saliency cue alone on OSIE: each fifth by weights that have not seen it."""
    collection = open_dataset("osie", root)
    items = list(collection.items())
    parts = np.array_split(np.random.RandomState(7).permutation(len(items)), IMAGE_FOLDS)
    base = cue_config(config.model_copy(update={"cues": (SALIENCY,)}))
    scores: dict[str, list[Scores]] = {}
    for number, part in enumerate(parts):
        parameters = fold_parameters(folds, f"osie-{number}").get(SALIENCY, {})
        alone = [
            extractor.model_copy(update={"parameters": {**extractor.parameters, **parameters}})
            for extractor in base.extractors
            if extractor.name == SALIENCY
        ]
        chosen = [items[k] for k in part]
        extracted = extract(base.model_copy(update={"extractors": tuple(alone)}), [item.path for item in chosen])
        for item in chosen:
            predictors = {
                "cue saliency": np.asarray(extracted[item.path].maps[SALIENCY][0], np.float32),
                "centre prior": centre_prior(item.size),
            }
            for name, of_still in score_still(predictors, item.fixations(np.zeros(1)), collection.sigma).items():
                scores.setdefault(name, []).append(of_still)
    return {
        name: {m: plain(asdict(bootstrap_mean([one.values[m][0] for one in rows]))) for m in METRICS}
        for name, rows in scores.items()
    }


def score_still(predictors: Mapping[str, Maps], truth: FrameFixations, sigma: float) -> dict[str, Scores]:
    """Scores of maps ``[h, w]`` of one picture by predictor, then the limits that people set."""
    only = np.zeros(1, np.int64)
    scores = {name: score_frames(map_[None], truth, only, sigma, OPTIONS) for name, map_ in predictors.items()}
    return scores | (human_scores(truth, only, sigma, OPTIONS) or {})


def show(rows: Mapping[str, Any], videos: Sequence[str]) -> str:
    """The table as text."""
    lines = []
    for metric in METRICS:
        head = f"{metric.upper():28s} {'mean':>6s} {'95 % frames':>15s} {'fused - this':>21s}  " + " ".join(videos)
        lines += ["", head]
        for name, row in rows.items():
            cell, gain = row[metric]["frames"], row[metric]["fused_minus_this"]
            each = " ".join(_number(row[metric]["per_video"][video], 2) for video in videos)
            interval = f"{_number(cell['low'])}..{_number(cell['high'])}"
            against = f"{_number(gain['mean'])} {_number(gain['low'])}..{_number(gain['high'])}"
            lines.append(f"{name:28s} {_number(cell['mean']):>6s} {interval:>15s} {against:>21s}  {each}")
    return "\n".join(lines)


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def score_videos(benchmark: LeaveOneOut, tables: Path) -> dict[str, Any]:
    """The table of all predictors, printed; also which videos the learned cues may have seen.

    ``tables``: the folder that receives the tables of the evaluation (docs/evaluation.md).
    """
    evaluation = leave_one_out(benchmark)
    evaluation.write(tables)
    rows = table(evaluation)
    print(show(rows, evaluation.videos))
    unseen = sorted(set(evaluation.videos) - set(benchmark.folds))
    if unseen:
        print(f"\ncues as installed (they may have seen the video) for: {', '.join(unseen)}")
    return {"videos": rows, "cues_as_installed_for": unseen}


def main(argv: Sequence[str] | None = None, extract: Extract = first_stage) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--root", required=True, type=Path, help="folder with findwho, and osie and crowd if trained on"
    )
    parser.add_argument("--train_config", default="embedded", help="installed config or a .json file")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folds", type=Path, help="JSON: parameters of learned cues per video left out")
    parser.add_argument("--work", type=Path, default=Path("runs/quality"), help="checkpoints of the folds")
    parser.add_argument("--output", type=Path, default=Path("runs/quality/quality.json"))
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--no_images", action="store_true", help="leave out the 5-fold on OSIE")
    only.add_argument("--no_videos", action="store_true", help="the 5-fold on OSIE alone")
    args = parser.parse_args(argv)
    config = load_config("train", args.train_config, [f"data.root={json.dumps(str(args.root))}", *args.set])
    folds = read_folds(args.folds) if args.folds else {}
    remembered = Remembered(extract)
    result: dict[str, Any] = {"config": config.model_dump(mode="json"), "scoring_grid": f"longer side at most {GRID}"}
    print(f"scored on the grid of the frames, longer side at most {GRID} pixels; every fixation counts")
    if not args.no_videos:
        benchmark = LeaveOneOut(config, args.work, remembered, folds)
        result.update(score_videos(benchmark, args.output.parent / "tables"))
    if not args.no_images and (args.root / "osie").is_dir():
        result["images"] = image_folds(config, args.root / "osie", remembered, folds)
        for name, row in result["images"].items():
            print(f"osie {name:24s} NSS {_number(row['nss']['mean'])} CC {_number(row['cc']['mean'])}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.output, result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
