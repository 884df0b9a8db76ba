"""``gasp_plugins``: what is installed, what it is, whether it is right, and how to begin a new one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gazenet.cli.common import FAILED, OK, Parser, execute, print_table
from gazenet.cues.registry import Entry, discover, get
from gazenet.cues.spec import ExtractorSpec

EXAMPLES = """  gasp_plugins list
  gasp_plugins show saliency
  gasp_plugins check saliency active_speaker
  gasp_plugins new my_cue --directory ~/my_cue"""


def build_parser() -> Parser:
    """The command's options."""
    parser = Parser("gasp_plugins", "Extractors of social cues: list, show, check, begin a new one.", EXAMPLES)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="all installed extractors, also those that cannot be used")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    show = commands.add_parser("show", help="everything an extractor declares, with licence, paper and BibTeX")
    show.add_argument("name", metavar="NAME")
    check = commands.add_parser("check", help="run the conformance kit")
    check.add_argument("names", nargs="+", metavar="NAME")
    new = commands.add_parser("new", help="write a small tested package for a cue of your own")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--directory", type=Path, help="where to (default: ./NAME)")
    return parser


def list_all(as_json: bool) -> int:
    """Prints one line per extractor; 1 if some are broken."""
    found = discover()
    if as_json:
        good = [{"name": n, "distribution": e.distribution, **e.spec.model_dump()} for n, e in found.found.items()]
        bad = [{"name": e.name, "distribution": e.distribution, "message": e.message} for e in found.errors]
        print(json.dumps({"extractors": good, "errors": bad}, indent=2))
    else:
        print_table([(n, e.spec.cue, e.spec.summary, e.distribution) for n, e in sorted(found.found.items())])
        for error in found.errors:
            print(f"{error.name} ({error.distribution}): cannot be used: {error.message}")
        for warning in found.warnings:
            print(f"{warning.name} ({warning.distribution}): {warning.message}")
    return FAILED if found.errors else OK


def show(entry: Entry[ExtractorSpec]) -> int:
    """Prints a spec."""
    spec = entry.spec
    rows = [("name", spec.name), ("version", spec.version), ("distribution", entry.distribution)]
    rows += [("cue", spec.cue), ("summary", spec.summary), ("implementation", spec.implementation)]
    window = spec.window
    rows += [("window", f"{window.before} frames before, {window.after} after, every {window.stride}. frame")]
    if spec.input is not None:
        rows += [("input", f"RGB {spec.input.height} x {spec.input.width}, keep_aspect {spec.input.keep_aspect}")]
    needs = [name for name in ("audio", "faces") if getattr(spec.needs, name)] + list(spec.needs.maps)
    rows += [("needs", ", ".join(needs) or "nothing else"), ("assets", ", ".join(spec.assets) or "none")]
    rows += [("parameters", json.dumps(spec.parameters)), ("licence", spec.licence), ("paper", spec.paper or "-")]
    print_table(rows)
    if spec.bibtex:
        print(f"\n{spec.bibtex}")
    return OK


def check(names: Sequence[str]) -> int:
    """Runs the kit and prints a line per check; 1 if any failed."""
    entries = [get(name) for name in names]
    from gazenet.testing.conformance import check as run_checks

    failed = 0
    for entry in entries:
        for verdict in run_checks(entry):
            failed += not verdict.passed
            mark = "pass" if verdict.passed else "FAIL"
            print(f"{mark}  {entry.name}  {verdict.check.replace('_', ' ')}  {verdict.reason}".rstrip(), flush=True)
    print(f"{failed} failed" if failed else "all passed")
    return FAILED if failed else OK


def run(args: argparse.Namespace) -> int:
    """Does what the command line asks."""
    if args.command == "list":
        return list_all(args.json)
    if args.command == "show":
        return show(get(args.name))
    if args.command == "check":
        return check(args.names)
    from gazenet.cues.template import write_template

    folder = args.directory or Path(args.name)
    for file in write_template(args.name, folder):
        print(file)
    print(f"next: pip install -e {folder} && gasp_plugins check {args.name}")
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
