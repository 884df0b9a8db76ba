"""``gasp_evaluate``: score predicted maps against human fixations, compare several predictions."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gazenet.cli.command import OK, CommandParser, cell, execute, print_table
from gazenet.config.inference_data import DataInputsConfig
from gazenet.config.load import suggest, validate
from gazenet.config.overrides import parse_set
from gazenet.errors import UsageError
from gazenet.files import write_text
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting

if TYPE_CHECKING:
    from gazenet.evaluation.bootstrap import Interval
    from gazenet.evaluation.evaluation import Comparison
    from gazenet.evaluation.ground_truth import VideoTruth

SMALLEST = 16
"""Longer side of the coarsest grid that can be asked for."""
PARTS = ("train", "validation", "test")
AS_OPTIONS = {
    "--set data.root=": "--root ",
    "data.options": "--dataset_options",
    "data.split": "--split",
    "data.reader": "--dataset",
}
"""What keys of a config are called here."""

DESCRIPTION = """Score the maps that gasp_infer left behind against human fixations.

One row per video and their mean; for several predictions of the same videos also a comparison: means with 95 %
bootstrap intervals over videos, ordered by the mean place over NSS, SIM and CC. A CSV of your own has the columns
video, subject, start_ms, duration_ms, x, y (pixels of the full frame); video is the stem of the file that was
predicted. Its times count from the start of the file, as players show it; --clock is for tables that count from the
first picture. With --dataset sequences (--root DIR: DIR/VIDEO/frames, maps, fixations) predictions may also be folders
of grey pictures, one of each frame's name and size. The shuffled AUC takes the fixations of the other videos, or the
bright half of --baseline.

Maps, fixations and densities are brought to one grid first, which does not depend on the maps: the frame's own size,
its longer side at most --grid (480); maps are stretched bilinearly. There every fixation counts, also several in one
pixel, those of other videos too. All tables name the grid. With --mode original maps are judged on their own cells,
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

NAMES = (
    "nss",
    "cc",
    "sim",
    "kld",
    "auc_judd",
    "auc_uniform",
    "auc_borji",
    "auc_shuffled",
    "information_gain",
)
CLOCKS = ("container", "first_frame", "frame_index")
TABLES = ("videos", "overall", "frames", "differences", "human")
"""What --output_dir receives."""
RESULTS = ("saliency.npy", "saliency_sums.npy", "attention.csv", "run.json")
"""What is read of a prediction."""
USUAL = tuple(name for name in NAMES if name not in ("auc_borji", "information_gain"))
Row = Mapping[str, object]


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
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="judge every N-th frame")
    parser.add_argument("--min_observers", type=int, default=1, metavar="N", help="leave out frames of fewer people")
    parser.add_argument("--baseline", metavar="PICTURE", help="centre bias, instead of other videos' fixations")
    parser.add_argument("--output", metavar="FILE", help="also write the table of videos as CSV")
    parser.add_argument(
        "--output_dir", metavar="DIR", help="also write all tables: videos, overall, frames, differences, human"
    )
    parser.add_argument(
        "--pictures", type=int, default=0, metavar="N", help="draw the N best and worst frames of each"
    )
    parser.add_argument("--pysaliency", metavar="DIR", help="also write what is judged in the form pysaliency reads")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError and GazenetError."""
    folders = check(args)
    metrics = chosen_metrics(args)
    check_outputs(args, folders.values())
    from gazenet.evaluation.evaluation import Options, compare

    known = ground_truth(args)
    options = Options(metrics, args.stride, args.min_observers, optional(args.baseline), args.mode, args.grid)
    found = compare(folders, known, options)
    if not found.videos:
        which = " in common" if len(folders) > 1 else ""
        raise UsageError(f"--predictions: {', '.join(map(str, folders.values()))}: no video with fixations{which}")
    if found.unavailable:
        asked = f"{', '.join(found.unavailable)} left out: no other video has fixations (or add --baseline PICTURE)"
        if args.metrics:
            raise UsageError(f"--metrics {asked}")
        print(f"note: {asked}")
    if found.left_out:
        print(f"note: left out, because not everybody predicted them: {', '.join(found.left_out)}")
    for note in found.notes:
        print(f"note: {note}")
    write(args, found)
    show(found)
    return OK


def ground_truth(args: argparse.Namespace) -> dict[str, VideoTruth]:
    """The fixations by video, from a table or from a data set. Raises UsageError for what is not there."""
    from gazenet.evaluation.ground_truth import truth_of, truths

    if args.fixations:
        return truths(None, None, Path(args.fixations), args.clock or "container")
    from gazenet.inference.inputs.dataset_inputs import choose

    try:
        found = choose(data_inputs(args))
    except UsageError as error:
        text = str(error)
        for key, option in AS_OPTIONS.items():
            text = text.replace(key, option)
        raise UsageError(text) from None
    return {one.name: truth_of(one.name, one.item, one.sigma) for one in found}


def data_inputs(args: argparse.Namespace) -> DataInputsConfig:
    """What the command line says of the data set. Raises UsageError for options without a value."""
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
    for option, given, test in asked:
        if given and not test(Path(given)):
            raise UsageError(f"{option} {given}: there is no such {'file' if test is Path.is_file else 'folder'}")
    side = SMALLEST if args.grid is None else args.grid
    least_of = (("--stride", args.stride, 1), ("--pictures", args.pictures, 0), ("--grid", side, SMALLEST))
    for option, number, least in least_of:
        if number < least:
            raise UsageError(f"{option} {number}: must be at least {least}")
    if args.grid is not None and args.mode == "original":
        raise UsageError("--grid: the published evaluation judges maps on their own cells: leave out --mode original")
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
    inputs += [one.path for one in targets if root and is_below(one.path, root) and not is_ours(one.path)]
    refuse_overwriting(targets, inputs)


def is_below(path: Path, folder: Path) -> bool:
    """Whether a file is there and lies somewhere in a folder."""
    return path.is_file() and folder.resolve() in path.resolve().parents


def is_ours(path: Path) -> bool:
    """Whether a file is a table that this command wrote."""
    with path.open("rb") as file:
        return file.read(12) == b"predictions,"


def check_choice(args: argparse.Namespace) -> None:
    """Raise UsageError for options of a data set without one, and for parts of nothing."""
    for option in ("root", "split", "subset", "dataset_options"):
        if getattr(args, option) and not args.dataset:
            raise UsageError(f"--{option}: add --dataset NAME")
    if args.clock and args.dataset:
        raise UsageError(f"--clock: a data set declares its own; to change it: --dataset_options clock={args.clock}")
    if args.subset and not args.split:
        raise UsageError("--subset: add --split, the family of tables (ave, findwho, ...) that it is a part of")


def named(given: Sequence[str]) -> dict[str, Path]:
    """``NAME=DIR`` or ``DIR``, whose name is then its own. Raises UsageError for a name that is given twice."""
    found: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        path = Path(text) if not equals or Path(text).is_dir() else Path(folder)
        label = name if equals and path == Path(folder) else (path.resolve().name or str(path))
        if label in found:
            raise UsageError(f"--predictions {text}: another folder is called {label} too: write NAME=DIR")
        found[label] = path
    return found


def chosen_metrics(args: argparse.Namespace) -> tuple[str, ...]:
    """The metrics that are asked for. Raises UsageError for unknown ones and such as the original did not have."""
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


def optional(given: str | None) -> Path | None:
    """A path where one was given."""
    return Path(given) if given else None


def write(args: argparse.Namespace, found: Comparison) -> None:
    """All files that were asked for."""
    if args.output:
        write_text(Path(args.output), to_csv(found.by_video()))
    if args.output_dir:
        folder = Path(args.output_dir)
        tables: dict[str, Sequence[Row]] = {
            "videos": found.by_video(),
            "overall": found.overall(),
            "frames": list(found.by_frame()),
            "differences": found.differences(),
            "human": human_rows(found),
        }
        for name, rows in tables.items():
            if rows:
                write_text(folder / f"{name}.csv", to_csv(rows))
        if args.pictures:
            from gazenet.report.prediction_examples import write_pictures

            write_pictures(found, folder / "pictures", args.pictures)
    if args.pysaliency:
        from gazenet.evaluation.pysaliency_files import write_for_pysaliency

        write_for_pysaliency(found, Path(args.pysaliency))


def show(found: Comparison) -> None:
    """Print the table of videos, and the comparison where there is something to compare."""
    several = len(found.judged) > 1
    hidden = ("grid",) if several else ("grid", "predictions")
    rows = [{k: v for k, v in row.items() if k not in hidden} for row in found.by_video()]
    print_table([list(rows[0]), *([cell(value) for value in row.values()] for row in rows)])
    grids = found.grids
    print(
        f"scored at {grids} pixels, where every fixation counts"
        if found.mode == "standard"
        else f"judged at {grids} cells"
    )
    show_human(found)
    if several:
        over = "videos" if len(found.videos) > 1 else "frames of the only video"
        ranked = ", ".join(metric.upper() for metric in found.ranked)
        print(f"\nmean place over {ranked}; 95 % intervals over {over}")
        print_table(comparison_table(found))


def show_human(found: Comparison) -> None:
    """Print how well people predict people and what share of it each predictor reaches, or why that is not known."""
    from gazenet.evaluation.human_limit_table import LIMITS, standings

    if found.mode == "original":
        return
    if not any(name in LIMITS for name in found.metrics):
        return
    rows = standings(found)
    if not rows:
        print("no human limit: no frame was fixated by two people that the fixations tell apart")
        return
    over = "videos" if len(found.human) > 1 else "frames of the only video"
    frames = sum(rows[0].frames.values())
    print(f"\nhuman limit on the same {frames} frames; 95 % intervals over {over}; in brackets the share of the limit")
    names = [name for name in found.metrics if name in LIMITS]
    lines = [["predictions", *names]]
    for row in rows:
        lines.append([row.name, *(_standing(row.overall.get(name), row.shares.get(name)) for name in names)])
    print_table(lines)


def _standing(score: Interval | None, share: Interval | None) -> str:
    if score is None:
        return "-"
    text = f"{score.mean:.3f} [{score.low:.3f}, {score.high:.3f}]"
    return text if share is None else f"{text} ({share.mean:.0%})"


def human_rows(found: Comparison) -> list[Row]:
    """The table ``human.csv``; empty where no limit is known."""
    from gazenet.evaluation.human_limit_table import human_table

    return list(human_table(found))


def comparison_table(found: Comparison) -> list[list[str]]:
    """Head and one line per predictor, best place first: ``mean [low, high]`` of each metric."""
    lines = [["predictions", "place", *found.metrics]]
    for row in found.overall():
        cells = [f"{row[m]:.3f} [{row[f'{m}_low']:.3f}, {row[f'{m}_high']:.3f}]" for m in found.metrics]
        lines.append([str(row["predictions"]), f"{row['mean_place']:.2f}", *cells])
    return lines


def to_csv(rows: Sequence[Row]) -> str:
    """The table as CSV text with full precision; all rows have the columns of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
