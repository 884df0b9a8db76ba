"""``gasp_plugins``: what is installed, what it is, whether it is right, and how to begin a new one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gazenet.cli.command import FAILED, OK, CommandParser, execute, print_table
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry, discover, get
from gazenet.errors import UsageError

DESCRIPTION = """Extractors of social cues: list, show, check, begin a new one.

An extractor is a Python package with an entry point in the group gazenet.extractors; installing it is all it takes.
Exit codes: 0 all is well; 1 an extractor is broken or fails a check; 2 unknown name, missing weights, wrong option."""

EXAMPLES = """  gasp_plugins list
  gasp_plugins list --json
  gasp_plugins show saliency
  gasp_plugins check saliency active_speaker
  gasp_plugins new my_cue --directory ~/my_cue && pip install -e ~/my_cue && gasp_plugins check my_cue"""


def build_parser() -> CommandParser:
    """The command's options."""
    parser = CommandParser("gasp_plugins", DESCRIPTION, EXAMPLES)
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
        problems = {"errors": found.errors, "warnings": found.warnings}
        told = {kind: [asdict(problem) for problem in listed] for kind, listed in problems.items()}
        print(json.dumps({"extractors": good, **told}, indent=2))
    elif not (found.found or found.errors):
        print("no extractor is installed")
    else:
        rows = [(n, e.spec.cue, e.spec.summary, e.distribution) for n, e in found.found.items()]
        print_table([("NAME", "CUE", "SUMMARY", "PACKAGE"), *rows])
        for error in found.errors:
            print(f"{error.name} ({error.distribution}): cannot be used: {error.message}")
        for warning in found.warnings:
            print(f"{warning.name} ({warning.distribution}): {warning.message}")
    return FAILED if found.errors else OK


def _needs(spec: ExtractorSpec) -> list[str]:
    """What an extractor is given besides pictures, in words."""
    needs = [name for name in ("audio", "faces") if getattr(spec.needs, name)]
    if spec.needs.face_crops:
        needs.append(f"face crops of {spec.needs.face_crops} x {spec.needs.face_crops}")
    return needs + [f"maps of {name}" for name in spec.needs.maps]


def show(entry: PluginEntry[ExtractorSpec]) -> int:
    """Prints a spec."""
    spec = entry.spec
    rows = [("name", spec.name), ("version", spec.version), ("distribution", entry.distribution)]
    rows += [("cue", spec.cue), ("summary", spec.summary), ("implementation", spec.implementation)]
    window = spec.window
    pace = "on every frame" if window.stride == 1 else f"on one frame of {window.stride}, linear between"
    rows += [("window", f"{window.before} frames before, {window.after} after; runs {pace}")]
    if spec.input is not None:
        fit = "inside " if spec.input.keep_aspect else ""
        rows += [("input", f"RGB {fit}{spec.input.height} x {spec.input.width}")]
    rows += [("needs", ", ".join(_needs(spec)) or "pictures only"), ("assets", ", ".join(spec.assets) or "none")]
    rows += [("trained on", ", ".join(spec.trained_on) or "no data set with a reader here")]
    rows += [("deterministic", "yes" if spec.deterministic else "no"), ("neutral", f"{spec.neutral:g}")]
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


def new(name: str, folder: Path) -> int:
    """Writes a package for a cue that no installed package has."""
    from gazenet.cues.template import write_template

    if name in (found := discover().found):
        raise UsageError(f"{name!r} is an extractor of {found[name].distribution} already: choose another name")
    for file in write_template(name, folder):
        print(file)
    print(f"next: pip install -e {folder} && gasp_plugins check {name}")
    return OK


def run(args: argparse.Namespace) -> int:
    """Does what the command line asks."""
    if args.command == "list":
        return list_all(args.json)
    if args.command == "show":
        return show(get(args.name))
    if args.command == "check":
        return check(args.names)
    return new(args.name, args.directory or Path(args.name))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
