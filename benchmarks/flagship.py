"""Does the trained flagship beat its cues on the video it has not seen?

Scores the integrator of ``gasp_train --train_config flagship`` on the videos of the config's validation, beside each
cue, the mean of the cues, faces, a centre prior, and ``--others``, integrators of the same cues that must not have
seen the video either. Frames, ground truth and grid are those of ``quality.py``; so is ``--folds``, the parameters of
cues that must not have seen it.

    python benchmarks/flagship.py --root DATA --weights runs/train/flagship/integrator.safetensors
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from quality import GRID, OBSERVERS, STRIDE, fold_parameters, simple_predictors

from gazenet.config.load import load_config
from gazenet.config.training import TrainConfig
from gazenet.data.source_items import ChosenItem
from gazenet.evaluation.bootstrap import paired_difference
from gazenet.evaluation.score import Scores, ScoringOptions, score_frames
from gazenet.files import write_json
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.recipes.gasp.extract_cues import Extract, choose_items, cue_config, first_stage, open_clips
from gazenet.recipes.gasp.folds import Parameters, read_folds
from gazenet.recipes.gasp.gasp_run import plain

METRICS = ("nss", "cc", "sim", "kld", "auc_judd")
FLAGSHIP, MEAN = "flagship", "mean of cues"


def judge(
    config: TrainConfig, integrators: Mapping[str, Path], held: ChosenItem, extract: Extract, parameters: Parameters
) -> dict[str, Scores]:
    """Scores of every predictor on one video; ``integrators`` are files that describe themselves, by name."""
    (test,) = open_clips(config, [held], extract, parameters)
    cues = extract(cue_config(config, parameters), [held.item.path])[held.item.path]
    predictors = {name: load_gasp(str(path)).fuse(dict(test.maps)).saliency for name, path in integrators.items()}
    predictors |= simple_predictors(test, cues)
    frames = test.targets(STRIDE, OBSERVERS)
    return {
        name: score_frames(maps, test.truth, frames, test.sigma, ScoringOptions(METRICS, grid=GRID))
        for name, maps in predictors.items()
    }


def rows(scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Per predictor and metric: mean with interval over frames, and by how much the flagship exceeds it."""
    table: dict[str, Any] = {}
    for name, own in scores.items():
        means = own.intervals()
        gains = {m: paired_difference(scores[FLAGSHIP].values[m], own.values[m]) for m in METRICS}
        table[name] = {m: {**plain(asdict(means[m])), "flagship_minus_this": plain(asdict(gains[m]))} for m in METRICS}
    return table


def show(video: str, table: Mapping[str, Any]) -> str:
    """The table as text."""
    lines = [f"{video:28s} " + " ".join(f"{metric:>9s}" for metric in METRICS)]
    for name, row in table.items():
        cells = ("-" if row[m]["mean"] is None else f"{row[m]['mean']:.3f}" for m in METRICS)
        lines.append(f"{name:28s} " + " ".join(f"{cell:>9s}" for cell in cells))
    for metric in METRICS:
        gain = table[MEAN][metric]["flagship_minus_this"]
        lines.append(
            f"flagship - {MEAN}, {metric}: {gain['mean']:.3f} (95 % over frames {gain['low']:.3f}..{gain['high']:.3f})"
        )
    return "\n".join(lines)


def beaten(table: Mapping[str, Any]) -> bool:
    """Whether the flagship exceeds the mean of its cues in NSS and CC, the interval of the difference included."""
    return all(np.nan_to_num(table[MEAN][m]["flagship_minus_this"]["low"] or -1.0) > 0 for m in ("nss", "cc"))


def main(argv: Sequence[str] | None = None, extract: Extract = first_stage) -> int:
    """Entry point; returns 0 where the flagship beats the mean of its cues on every video, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, type=Path, help="folder with findwho")
    parser.add_argument("--weights", type=Path, default=Path("runs/train/flagship/integrator.safetensors"))
    parser.add_argument("--train_config", default="flagship", help="its validation names the videos")
    parser.add_argument("--others", nargs="+", default=[], metavar="NAME=FILE", help="more integrators to judge")
    parser.add_argument("--folds", type=Path, help="JSON: parameters of learned cues per video left out")
    parser.add_argument("--output", type=Path, default=Path("runs/train/flagship/table.json"))
    args = parser.parse_args(argv)
    config = load_config("train", args.train_config, [f"data.root={json.dumps(str(args.root))}"])
    others = dict(text.split("=", 1) for text in args.others)
    integrators = {FLAGSHIP: args.weights, **{name: Path(path) for name, path in others.items()}}
    folds = read_folds(args.folds) if args.folds else {}
    result: dict[str, Any] = {}
    for held in choose_items(config, config.data.validation):
        parameters = fold_parameters(folds, held.item.name)
        scores = judge(config, integrators, held, extract, parameters)
        result[held.item.name] = rows(scores)
        print(show(held.item.name, result[held.item.name]), flush=True)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.output, result)
    return 0 if all(beaten(table) for table in result.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
