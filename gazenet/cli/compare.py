"""``gasp_compare``: how far two runs over the same frames are apart."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gazenet.cli.command import OK, CommandParser, execute, print_table
from gazenet.errors import UsageError
from gazenet.overwrite_check import OutputTarget, refuse_overwriting

if TYPE_CHECKING:
    from gazenet.export.map_comparison import FrameDifference

DESCRIPTION = """Compare two runs frame by frame: result folders of gasp_infer, folders of grey pictures, or files:
grey videos and .npy maps, also one with the other.

MAE is in grey levels of 0..255, after maps of another size are brought to the size of B. The peak offset is between
the first brightest pixels, the focal offset between the centroids of the blobs above 0.8 of the maximum that hold
them, both in pixels; CC is the linear correlation. --definitions port: MAE and the offset of the brightest pixel only,
and the worst frames by MAE, as in the TensorRT port of STSANet.

exit codes: 0 done; 2 the request is wrong"""

EXAMPLES = """  gasp_compare runs/clip other/clip
  gasp_compare pth/ trt/ --output comparison --worst 5
  gasp_compare runs/clip/saliency.mp4 other/clip/saliency.mp4
  gasp_compare pth/ trt/ --definitions port"""

MEASURES = {
    "own": (("mae", "MAE"), ("peak", "peak offset"), ("blob", "focal offset"), ("correlation", "CC")),
    "port": (("mae", "MAE (port)"), ("peak", "offset (port)")),
}
RANKED_BY = {"own": "blob", "port": "mae"}


def build_parser() -> CommandParser:
    """The options of ``gasp_compare``."""
    parser = CommandParser("gasp_compare", DESCRIPTION, EXAMPLES)
    parser.add_argument("reference", metavar="A", type=Path, help="the reference: a folder, a video or a .npy file")
    parser.add_argument("other", metavar="B", type=Path, help="what is compared with it")
    parser.add_argument("--output", metavar="DIR", type=Path, help="also write frames.csv, frames.png, worst_*.png")
    parser.add_argument(
        "--definitions", choices=list(MEASURES), default="own", help="port: those of the TensorRT port"
    )
    parser.add_argument("--worst", metavar="N", type=int, default=5, help="pictures of the worst frames (default: 5)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Compare, print and write. Raises UsageError for what is not there or does not fit together."""
    for path in (args.reference, args.other):
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
    if args.worst < 0:
        raise UsageError("--worst must be at least 0")
    if args.output:
        check_output(args.output, args.reference, args.other)
    from gazenet.export.map_comparison import compare_sequences

    frames = list(compare_sequences(args.reference, args.other))
    if not frames:
        raise UsageError(f"{args.reference} and {args.other}: no frames to compare")
    show(frames, args.definitions)
    if args.output:
        write(args, frames)
    return OK


def check_output(output: Path, *compared: Path) -> None:
    """Raise UsageError where the tables and pictures would replace what is compared, or become part of it."""
    inside = [file for path in compared if path.is_dir() for file in path.iterdir()]
    # Pictures that are put beside the results of a run do not become part of them.
    pictures = [path for path in compared if not (path / "saliency.npy").is_file()]
    refuse_overwriting([OutputTarget(output, "--output")], pictures)
    places = [output / "frames.csv", output / "frames.png", *(output.glob("worst_*.png") if output.is_dir() else ())]
    refuse_overwriting([OutputTarget(place, "--output") for place in places], [*compared, *inside])


def show(frames: Sequence[FrameDifference], definitions: str) -> None:
    """Print the number of matched frames and a row per measure."""
    from gazenet.export.map_comparison import summary

    print(f"{len(frames)} matched frames")
    statistics = summary(frames)
    rows = [("", "mean", "std", "min", "max")]
    for field, label in MEASURES[definitions]:
        spread = statistics[field]
        mean, std, low, high = (f"{value:.4f}" for value in (spread.mean, spread.std, spread.low, spread.high))
        rows.append((label, mean, std, low, high))
    print_table(rows)


def write(args: argparse.Namespace, frames: Sequence[FrameDifference]) -> None:
    """Write the table, the plot and the worst frames, reference on the left, into the folder ``--output``."""
    from gazenet.export.map_comparison import pairs, plot_differences, write_side_by_side
    from gazenet.files import write_text

    measures = MEASURES[args.definitions]
    args.output.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["frame", *(label for _, label in measures)])
    table.writerows([frame.name, *(getattr(frame, field) for field, _ in measures)] for frame in frames)
    write_text(args.output / "frames.csv", text.getvalue())
    plot_differences(frames, measures, args.output / "frames.png")
    places = {name: place for place, name in enumerate(worst(frames, args.definitions, args.worst), 1)}
    for name, left, right in pairs(args.reference, args.other):
        if name in places:
            write_side_by_side(left, right, args.output / f"worst_{places[name]}_{Path(name).stem}.png")


def worst(frames: Sequence[FrameDifference], definitions: str, count: int) -> list[str]:
    """Names of the frames that are furthest apart, worst first; MAE decides between equals."""
    field = RANKED_BY[definitions]
    ordered = sorted(frames, key=lambda frame: (getattr(frame, field), frame.mae), reverse=True)
    return [frame.name for frame in ordered[:count]]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
