"""``gasp_evaluate``: score predicted maps against human fixations."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gazenet.cli.common import OK, Parser, execute, print_table
from gazenet.errors import UsageError
from gazenet.files import write_text

DESCRIPTION = """Score the maps that gasp_infer left behind against human fixations.

One row per video and their mean. A CSV of your own has the columns video, subject, start_ms, duration_ms, x, y
(pixels of the full frame); video is the stem of the file that was predicted.

exit codes: 0 done; 1 something cannot be scored; 2 the request is wrong"""

EXAMPLES = """  gasp_evaluate --predictions runs --fixations fixations.csv
  gasp_evaluate --predictions runs --dataset findwho --root ~/findwho --output scores.csv"""

Row = Mapping[str, object]


def build_parser() -> Parser:
    """The options of ``gasp_evaluate``."""
    parser = Parser("gasp_evaluate", DESCRIPTION, EXAMPLES)
    parser.add_argument("--predictions", metavar="DIR", help="an output folder of gasp_infer")
    truth = parser.add_mutually_exclusive_group()
    truth.add_argument("--dataset", metavar="NAME", help="an installed data set reader (needs --root)")
    truth.add_argument("--fixations", metavar="CSV", help="a table of fixations")
    parser.add_argument("--root", metavar="DIR", help="where the files of --dataset are")
    parser.add_argument("--output", metavar="FILE", help="also write the table as CSV")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError and GazenetError."""
    if not args.predictions:
        raise UsageError("--predictions is missing: name an output folder of gasp_infer")
    if not (args.dataset or args.fixations):
        raise UsageError("nothing to score against: add --fixations CSV, or --dataset NAME with --root DIR")
    if args.dataset and not args.root:
        raise UsageError(f"--dataset {args.dataset}: add --root DIR, the folder of its files")
    for option, given, test in (
        ("--predictions", args.predictions, Path.is_dir),
        ("--root", args.root, Path.is_dir),
        ("--fixations", args.fixations, Path.is_file),
    ):
        if given and not test(Path(given)):
            raise UsageError(f"{option} {given}: there is no such {'file' if test is Path.is_file else 'folder'}")
    from gazenet.metrics.evaluate import evaluate_predictions

    rows = evaluate_predictions(
        Path(args.predictions),
        dataset=args.dataset,
        root=Path(args.root) if args.root else None,
        fixations=Path(args.fixations) if args.fixations else None,
    )
    if not rows:
        raise UsageError(f"--predictions {args.predictions}: holds no map of a video that has fixations")
    if args.output:
        write_text(Path(args.output), to_csv(rows))
    print_table([list(rows[0]), *([show(value) for value in row.values()] for row in rows)])
    return OK


def show(value: object) -> str:
    """A cell: numbers with three decimals, counts and names as they are."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


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
