"""``gasp_evaluate``: score predicted maps against human fixations, compare several predictions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from gazenet.cli.command import OK, CommandParser, execute, print_data_frame, print_table
from gazenet.config.inference_data import DataInputsConfig, MetricName, Subset
from gazenet.config.load import suggest, validate
from gazenet.config.overrides import parse_set
from gazenet.errors import UsageError
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting

if TYPE_CHECKING:
    from gazenet.evaluation.evaluation import Evaluation
    from gazenet.evaluation.ground_truth import VideoTruth

SMALLEST = 16
"""Longer side of the coarsest grid that can be asked for."""
PARTS: tuple[str, ...] = get_args(Subset)
AS_OPTIONS = {
    "--set data.root=": "--root ",
    "data.options": "--dataset_options",
    "data.split": "--split",
    "data.reader": "--dataset",
}
"""What keys of a config are called here."""

DESCRIPTION = """Score the maps that gasp_infer left behind against human fixations.

One row per video and their mean; for several predictions of the same videos also a comparison: means with 95 %
bootstrap intervals over videos, ordered by the mean rank over NSS, SIM and CC. A CSV of your own has the columns
video, subject, start_ms, duration_ms, x, y (pixels of the full frame); video is the stem of the file that was
predicted. Its times count from the start of the file, as players show it; --clock is for tables that count from the
first picture. With --dataset sequences (--root DIR: DIR/VIDEO/frames, maps, fixations) predictions may also be folders
of grey pictures, one of each frame's name and size. The shuffled AUC takes the fixations of the other videos, or the
bright half of --baseline.

Maps, fixations and densities are brought to one grid first, which does not depend on the maps: the frame's own size,
its longer side at most --grid (480); maps are stretched bilinearly. There every fixation counts, also several in one
pixel, those of other videos too. All tables name the grid. With --mode original maps are scored on their own cells,
each fixated or not, as published.

Where the fixations tell observers apart, the human limit on the same frames stands beside the scores: one observer by
the others (NSS, AUC-Judd), one half of them by the other (CC, SIM; mean of 10 random halves), the truth by itself, and
each prediction as a share of the limit (AUC-Judd: of what it lies above chance); human.csv has it by video.

exit codes: 0 done; 1 something cannot be scored; 2 the request is wrong"""

EXAMPLES = """  gasp_evaluate --predictions runs --fixations fixations.csv
  gasp_evaluate --predictions runs --dataset findwho --root ~/findwho --output scores.csv
  gasp_evaluate --predictions runs --dataset diem --split ave --subset test --dataset_options behaviour=published
  gasp_evaluate --predictions mine=maps theirs=others --dataset sequences --root data --metrics nss sim cc
  gasp_evaluate --predictions mine=runs theirs=others --fixations fixations.csv --output_dir scores --pictures 3"""

NAMES: tuple[str, ...] = get_args(MetricName)
CLOCKS = ("container", "first_frame", "frame_index")
TABLES = ("videos", "overall", "frames", "differences", "human")
"""What --output_dir receives."""
RESULTS = ("saliency.npy", "saliency_sums.npy", "attention.csv", "run.json")
"""What is read of a prediction."""
USUAL = tuple(name for name in NAMES if name not in ("auc_borji", "information_gain"))


def build_parser() -> CommandParser:
    """The options of ``gasp_evaluate``."""
    parser = CommandParser("gasp_evaluate", DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "--predictions",
        metavar="[NAME=]DIR",
        nargs="+",
        action="extend",
        default=[],
        help="output folders of gasp_infer, or folders of pictures; several are compared",
    )
    truth = parser.add_mutually_exclusive_group()
    truth.add_argument("--dataset", metavar="NAME", help="an installed data set reader")
    truth.add_argument("--fixations", metavar="CSV", help="a table of fixations")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        help="what the times of --fixations count from: the start of the container (default), the first frame's time, "
        "or frames at the mean rate",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="where the files of --dataset are (default: where the download manager puts them)",
    )
    parser.add_argument(
        "--split", metavar="CSV", nargs="+", default=[], help="only videos of these tables (.csv, test_ave, ave, ...)"
    )
    parser.add_argument(
        "--subset", metavar="PART", nargs="+", default=[], choices=PARTS, help=f"parts of a family: {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--dataset_options", metavar="KEY=VALUE", nargs="+", default=[], help="options of the reader of --dataset"
    )
    parser.add_argument("--metrics", metavar="NAME", nargs="+", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--mode", choices=["standard", "original"], default="standard", help="original: as published")
    parser.add_argument(
        "--grid", type=int, metavar="SIDE", help="longer side at most of the frames when scored (default: 480)"
    )
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="score every N-th frame")
    parser.add_argument("--min_observers", type=int, default=1, metavar="N", help="leave out frames of fewer people")
    parser.add_argument("--baseline", metavar="PICTURE", help="centre bias, instead of other videos' fixations")
    parser.add_argument("--output", metavar="FILE", help="also write the table of videos as CSV")
    parser.add_argument(
        "--output_dir", metavar="DIR", help="also write all tables: videos, overall, frames, differences, human"
    )
    parser.add_argument(
        "--pictures", type=int, default=0, metavar="N", help="draw the N best and worst frames of each"
    )
    parser.add_argument("--pysaliency", metavar="DIR", help="also write what is scored in the form pysaliency reads")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError and GazenetError."""
    folders = check(args)
    metrics = chosen_metrics(args)
    check_outputs(args, folders.values())
    from gazenet.evaluation.evaluation import evaluate
    from gazenet.evaluation.score import ScoringOptions

    baseline = Path(args.baseline) if args.baseline else None
    options = ScoringOptions(metrics, args.stride, args.min_observers, args.mode, args.grid, baseline)
    evaluation = evaluate(folders, ground_truth(args), options, human_limit=True)
    if not evaluation.videos:
        which = " in common" if len(folders) > 1 else ""
        raise UsageError(f"--predictions: {', '.join(map(str, folders.values()))}: no video with fixations{which}")
    if evaluation.unavailable:
        names = ", ".join(evaluation.unavailable)
        reason = f"{names} left out: no other video has fixations (or add --baseline PICTURE)"
        if args.metrics:
            raise UsageError(f"--metrics {reason}")
        print(f"note: {reason}")
    if evaluation.left_out:
        print(f"note: left out, because not everybody predicted them: {', '.join(evaluation.left_out)}")
    for note in evaluation.notes:
        print(f"note: {note}")
    write(args, evaluation)
    show(evaluation)
    return OK


def ground_truth(args: argparse.Namespace) -> dict[str, VideoTruth]:
    """The fixations by video, from a table or from a data set. Raises UsageError for what is not there."""
    from gazenet.evaluation.ground_truth import item_truth, table_truths

    if args.fixations:
        return table_truths(Path(args.fixations), args.clock or "container")
    from gazenet.inference.inputs.dataset_inputs import choose

    try:
        videos = choose(data_inputs(args))
    except UsageError as error:
        text = str(error)
        for key, option in AS_OPTIONS.items():
            text = text.replace(key, option)
        raise UsageError(text) from None
    return {video.name: item_truth(video.name, video.item, video.sigma, video.dataset) for video in videos}


def data_inputs(args: argparse.Namespace) -> DataInputsConfig:
    """Return the data set that the command line names. Raises UsageError for options without a value."""
    changes = [parse_set(text, "--dataset_options", "behaviour=published") for text in args.dataset_options]
    data = {
        "reader": args.dataset,
        "root": args.root,
        "options": {change.key: change.value for change in changes},
        "split": args.split or None,
        "subset": args.subset,
    }
    return validate(DataInputsConfig, data, "gasp_evaluate")


def check(args: argparse.Namespace) -> dict[str, Path]:
    """The folders of predictions by name. Raises UsageError for requests that cannot be answered."""
    if not args.predictions:
        raise UsageError("--predictions is missing: name an output folder of gasp_infer")
    if not (args.dataset or args.fixations):
        raise UsageError("nothing to score against: add --fixations CSV, or --dataset NAME (with --root DIR)")
    check_choice(args)
    folders = named(args.predictions)
    asked = [("--predictions", str(path), Path.is_dir) for path in folders.values()]
    asked += [("--root", args.root, Path.is_dir), ("--fixations", args.fixations, Path.is_file)]
    asked += [("--baseline", args.baseline, Path.is_file)]
    for option, name, test in asked:
        if name and not test(Path(name)):
            raise UsageError(f"{option} {name}: there is no such {'file' if test is Path.is_file else 'folder'}")
    side = SMALLEST if args.grid is None else args.grid
    least_of = (("--stride", args.stride, 1), ("--pictures", args.pictures, 0), ("--grid", side, SMALLEST))
    for option, number, least in least_of:
        if number < least:
            raise UsageError(f"{option} {number}: must be at least {least}")
    if args.grid is not None and args.mode == "original":
        raise UsageError("--grid: the published evaluation scores maps on their own cells: leave out --mode original")
    if args.pictures and not args.output_dir:
        raise UsageError("--pictures: add --output_dir DIR, where they are written")
    return folders


def check_outputs(args: argparse.Namespace, folders: Iterable[Path]) -> None:
    """Raise UsageError where tables or pictures would replace predictions, ground truth or a baseline."""
    home = args.output_dir and Path(args.output_dir)
    tables = [Path(args.output)] if args.output else []
    tables += [home / f"{name}.csv" for name in TABLES] if home else []
    targets = [OutputTarget(path, "--output_dir" if path.parent == home else "--output") for path in tables]
    if args.pysaliency:
        targets += [OutputTarget(Path(args.pysaliency) / name, "--pysaliency") for name in ("fixations.csv", "README")]
    inputs = [*named_files([args.fixations, args.baseline, args.split])]
    inputs += [file for folder in folders for name in RESULTS for file in folder.glob(f"*/{name}")]
    # What lies among the files of a data set is theirs, unless it is a table of ours.
    root = Path(args.root) if args.root else None
    inputs += [target.path for target in targets if root and is_below(target.path, root) and not is_ours(target.path)]
    refuse_overwriting(targets, inputs)


def is_below(path: Path, folder: Path) -> bool:
    """Return whether a file exists and lies somewhere in a folder."""
    return path.is_file() and folder.resolve() in path.resolve().parents


def is_ours(path: Path) -> bool:
    """Return whether a file is a table that this command wrote, or wrote with its former headers."""
    with path.open("rb") as file:
        return file.read(12).startswith((b"predictor,", b"predictions,"))


def check_choice(args: argparse.Namespace) -> None:
    """Raise UsageError for options of a data set without one, and for parts of nothing."""
    for option in ("root", "split", "subset", "dataset_options"):
        if getattr(args, option) and not args.dataset:
            raise UsageError(f"--{option}: add --dataset NAME")
    if args.clock and args.dataset:
        raise UsageError(f"--clock: a data set declares its own; to change it: --dataset_options clock={args.clock}")
    if args.subset and not args.split:
        raise UsageError("--subset: add --split, the family of tables (ave, findwho, ...) that it is a part of")


def named(values: Sequence[str]) -> dict[str, Path]:
    """Split ``NAME=DIR``; a plain ``DIR`` gives its own name. Raises UsageError for a name that comes twice."""
    folders: dict[str, Path] = {}
    for text in values:
        name, equals, folder = text.partition("=")
        path = Path(text) if not equals or Path(text).is_dir() else Path(folder)
        label = name if equals and path == Path(folder) else (path.resolve().name or str(path))
        if label in folders:
            raise UsageError(f"--predictions {text}: another folder is called {label} too: write NAME=DIR")
        folders[label] = path
    return folders


def chosen_metrics(args: argparse.Namespace) -> tuple[str, ...]:
    """The metrics that are asked for. Raises UsageError for unknown ones and for those that the original lacks."""
    names = tuple(args.metrics or USUAL)
    for name in names:
        if name not in NAMES:
            raise UsageError(f"--metrics {name}: unknown{suggest(name, NAMES)}; known: {', '.join(NAMES)}")
    if args.mode == "original" and "auc_uniform" in names:
        if args.metrics:
            raise UsageError(
                "--metrics auc_uniform: the published evaluation did not have it: leave out --mode original"
            )
        names = tuple(name for name in names if name != "auc_uniform")
    return names


def write(args: argparse.Namespace, evaluation: Evaluation) -> None:
    """Write all files that were asked for."""
    if args.output:
        from gazenet.evaluation.tables import write_table

        write_table(evaluation.with_means, Path(args.output))
    if args.output_dir:
        evaluation.write(Path(args.output_dir))
        if args.pictures:
            from gazenet.report.prediction_examples import write_examples

            write_examples(evaluation, Path(args.output_dir) / "pictures", args.pictures)
    if args.pysaliency:
        from gazenet.evaluation.pysaliency_files import write_for_pysaliency

        write_for_pysaliency(evaluation, Path(args.pysaliency))


def show(evaluation: Evaluation) -> None:
    """Print the means of each video, the human limit, and the comparison where there are several predictors."""
    several = len(evaluation.scores) > 1
    shown = [*(("predictor",) if several else ()), "video", "frames", "invalid", *evaluation.metrics]
    print_data_frame(evaluation.with_means[shown])
    grids = evaluation.grids
    print(
        f"scored at {grids} pixels, where every fixation counts"
        if evaluation.options.definitions == "standard"
        else f"scored at {grids} cells"
    )
    show_human_limit(evaluation)
    if several:
        over = "videos" if len(evaluation.videos) > 1 else "frames of the only video"
        ranked = ", ".join(metric.upper() for metric in evaluation.ranked)
        print(f"\nmean rank over {ranked}; 95 % intervals over {over}")
        lines = [["predictor", "rank", *evaluation.metrics]]
        for row in evaluation.summary.to_dict("records"):
            lines.append(
                [row["predictor"], f"{row['mean_rank']:.2f}", *(interval(row, m) for m in evaluation.metrics)]
            )
        print_table(lines)


def show_human_limit(evaluation: Evaluation) -> None:
    """Print how well people predict people and what share of it each predictor reaches, or why that is not known."""
    from gazenet.evaluation.human_limit import LIMIT
    from gazenet.evaluation.human_limit_table import OF_LIMIT
    from gazenet.evaluation.tables import MEAN

    metrics = [name for name in evaluation.metrics if name in LIMIT]
    if evaluation.options.definitions == "original" or not metrics:
        return
    table = evaluation.human_limit
    if table.empty:
        print("no human limit: no frame was fixated by two people that the fixations tell apart")
        return
    means = table[table.video == MEAN].to_dict("records")
    over = "videos" if len(evaluation.limits) > 1 else "frames of the only video"
    frames = means[0]["frames"]
    print(f"\nhuman limit on the same {frames} frames; 95 % intervals over {over}; in brackets the share of the limit")
    lines = [["predictor", *metrics]]
    for row in means:
        shares = [row[name + OF_LIMIT] for name in metrics]
        cells = [interval(row, name) for name in metrics]
        shown = [
            f"{cell} ({share:.0%})" if share == share else cell for cell, share in zip(cells, shares, strict=True)
        ]
        lines.append([row["predictor"], *shown])
    print_table(lines)


def interval(row: Mapping[str, float], metric: str) -> str:
    """``mean [low, high]`` of a metric; ``-`` where there is none."""
    mean, low, high = (row[name] for name in (metric, f"{metric}_low", f"{metric}_high"))
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]" if mean == mean else "-"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
