"""``gasp_bench``: measurements, side by side in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gazenet.cli.command import OK, CommandParser, execute
from gazenet.overwrite_check import OutputTarget, refuse_overwriting

EXAMPLES = """  gasp_bench pipeline --input my.mp4
  gasp_bench pipeline --input my.mp4 --frames 300 --output bench.json --set faces.stride=1"""


def build_parser() -> CommandParser:
    """Return the parser of the command's options."""
    parser = CommandParser("gasp_bench", "Measure the pipeline on this machine.", EXAMPLES)
    parser.add_argument("what", nargs="?", choices=["pipeline"], default="pipeline", help="what to measure")
    parser.add_argument("--input", type=Path, help="a clip with people in it (default: demo/social_clip.mp4)")
    parser.add_argument(
        "--frames", type=int, default=200, help="frames of the short run; the long run has four times as many"
    )
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE", help="config changes")
    parser.add_argument("--output", type=Path, help="also write the numbers as JSON")
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure and print. Raises UsageError without a clip."""
    from gazenet.errors import UsageError

    clip = args.input or Path("demo/social_clip.mp4")
    if not clip.exists():
        raise UsageError(f"{clip}: no such clip: name one with --input, or make the demo clip with 'make demo'")
    if args.frames < 1:
        raise UsageError("--frames must be at least 1")
    if args.output:
        refuse_overwriting([OutputTarget(args.output, "--output")], [clip])
    from gazenet.files import write_json
    from gazenet.inference.pipeline_benchmark import pipeline, table

    result = pipeline(clip, args.frames, tuple(args.sets))
    print(table(result))
    if args.output:
        write_json(args.output, result)
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
