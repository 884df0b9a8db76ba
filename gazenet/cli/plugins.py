"""``gasp_plugins``: what is installed, what it is, whether it is right, and how to begin a new one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gazenet.cli.command import FAILED, OK, CommandParser, execute, print_table
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.errors import UsageError
from gazenet.plugin_registry import PluginEntry, PluginSpec, installed_names
from gazenet.plugins.kinds import KINDS, PluginKind, find, kind_called
from gazenet.plugins.template import KINDS as TEMPLATES

DESCRIPTION = """Plugins of all kinds: list, show, check, begin a new one.

A plugin is a Python package with an entry point; installing it is all it takes. Kinds: extractor, face_detector,
landmark_network, integrator, sink, reader, recipe. docs/plugins.md tells what each is.
Exit codes: 0 all is well; 1 a plugin is broken or fails a check; 2 unknown name, missing weights, wrong option."""

EXAMPLES = """  gasp_plugins list
  gasp_plugins list --kind sink
  gasp_plugins list --json
  gasp_plugins show saliency
  gasp_plugins check saliency active_speaker
  gasp_plugins check diem --root datasets/diem
  gasp_plugins new my_cue --directory ~/my_cue && pip install -e ~/my_cue && gasp_plugins check my_cue
  gasp_plugins new my_table --kind sink"""

SUMMARY_WIDTH = 72


def build_parser() -> CommandParser:
    """The command's options."""
    parser = CommandParser("gasp_plugins", DESCRIPTION, EXAMPLES)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="all installed plugins, also those that cannot be used")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    show = commands.add_parser("show", help="everything a plugin declares, with licence, paper and BibTeX")
    show.add_argument("name", metavar="NAME")
    check = commands.add_parser("check", help="run the conformance kit")
    check.add_argument("names", nargs="+", metavar="NAME")
    check.add_argument("--root", metavar="DIR", type=Path, help="files of a data set, for its reader")
    new = commands.add_parser("new", help="write a small tested package for a plugin of your own")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--directory", type=Path, help="where to (default: ./NAME)")
    for command, text in ((listing, "this kind only"), (show, "where several plugins have the name"), (check, "same")):
        command.add_argument("--kind", metavar="KIND", default="", help=text)
    new.add_argument("--kind", metavar="KIND", default="extractor", help=f"one of {', '.join(TEMPLATES)}")
    return parser


def declared(spec: PluginSpec) -> dict[str, Any]:
    """A declaration as JSON data; a model of settings as its schema."""
    models = {name: value for name, value in spec if isinstance(value, type) and issubclass(value, BaseModel)}
    data = spec.model_dump(mode="json", exclude=set(models))
    return {**data, **{name: model.model_json_schema() for name, model in models.items()}}


def list_all(kinds: Sequence[PluginKind], as_json: bool) -> int:
    """Print a line per plugin; 1 if some are broken."""
    installed = {kind: kind.discover() for kind in kinds}
    if as_json:
        data: dict[str, Any] = {
            kind.group.rpartition(".")[2]: [
                {"name": name, "distribution": entry.distribution, **declared(entry.spec)}
                for name, entry in plugins.usable.items()
            ]
            for kind, plugins in installed.items()
        }
        for problems in ("errors", "warnings"):
            data[problems] = [
                {"kind": kind.noun, **asdict(problem)}
                for kind, plugins in installed.items()
                for problem in getattr(plugins, problems)
            ]
        print(json.dumps(data, indent=2))
    else:
        rows = [
            (kind.noun, name, entry.spec.version, _short(entry.spec.summary), entry.distribution)
            for kind, plugins in installed.items()
            for name, entry in plugins.usable.items()
        ]
        print_table([("KIND", "NAME", "VERSION", "SUMMARY", "PACKAGE"), *rows])
        for kind, plugins in installed.items():
            for error in plugins.errors:
                print(f"{kind.noun} {error.name} ({error.distribution}): cannot be used: {error.message}")
            for warning in plugins.warnings:
                print(f"{kind.noun} {warning.name} ({warning.distribution}): {warning.message}")
    return FAILED if any(plugins.errors for plugins in installed.values()) else OK


def _short(text: str) -> str:
    return text if len(text) <= SUMMARY_WIDTH else text[: SUMMARY_WIDTH - 3].rstrip() + "..."


def _needs(spec: ExtractorSpec) -> list[str]:
    """Say in words which inputs an extractor takes besides pictures."""
    needs = [name for name in ("audio", "faces") if getattr(spec.needs, name)]
    if spec.needs.face_crops:
        needs.append(f"face crops of {spec.needs.face_crops} x {spec.needs.face_crops}")
    return needs + [f"maps of {name}" for name in spec.needs.maps]


def _extractor_rows(spec: ExtractorSpec) -> list[tuple[str, str]]:
    window = spec.window
    pace = "on every frame" if window.stride == 1 else f"on one frame of {window.stride}, linear between"
    rows: list[tuple[str, str]] = [("cue", spec.cue)]
    rows += [("window", f"{window.before} frames before, {window.after} after; runs {pace}")]
    if spec.input is not None:
        fit = "inside " if spec.input.keep_aspect else ""
        rows += [("input", f"RGB {fit}{spec.input.height} x {spec.input.width}")]
    rows += [("needs", ", ".join(_needs(spec)) or "pictures only"), ("assets", ", ".join(spec.assets) or "none")]
    rows += [("trained on", ", ".join(spec.trained_on) or "no data set with a reader here")]
    rows += [("deterministic", "yes" if spec.deterministic else "no"), ("neutral", f"{spec.neutral:g}")]
    return [*rows, ("parameters", json.dumps(spec.parameters))]


def _other_rows(spec: PluginSpec) -> list[tuple[str, str]]:
    """The fields of a kind's own, a line each; of a model of settings, its keys with their defaults."""
    rows = []
    for name, value in spec:
        if name in PluginSpec.model_fields:
            continue
        if isinstance(value, type) and issubclass(value, BaseModel):
            fields = value.model_fields.items()
            value = {key: "required" if field.is_required() else field.get_default() for key, field in fields}
        rows.append((name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, default=str)))
    return rows


def show(kind: PluginKind, entry: PluginEntry[PluginSpec]) -> int:
    """Print a declaration."""
    spec = entry.spec
    rows = [("kind", kind.noun), ("name", spec.name), ("version", spec.version), ("distribution", entry.distribution)]
    rows += [("summary", spec.summary), ("implementation", spec.implementation)]
    rows += _extractor_rows(spec) if isinstance(spec, ExtractorSpec) else _other_rows(spec)
    print_table([*rows, ("licence", spec.licence), ("paper", spec.paper or "-")])
    if spec.bibtex:
        print(f"\n{spec.bibtex}")
    return OK


def check(names: Sequence[str], noun: str, root: Path | None) -> int:
    """Run the kit and print a line per check; 1 if any failed."""
    entries = [find(name, noun)[1] for name in names]
    from gazenet.testing.conformance import check as run_checks

    failed = 0
    for entry in entries:
        for verdict in run_checks(entry, root):
            failed += not verdict.passed
            mark = "pass" if verdict.passed else "FAIL"
            print(f"{mark}  {entry.name}  {verdict.check.replace('_', ' ')}  {verdict.reason}".rstrip(), flush=True)
    print(f"{failed} failed" if failed else "all passed")
    return FAILED if failed else OK


def new(name: str, noun: str, folder: Path) -> int:
    """Write a package for a plugin whose name no other of its kind has."""
    from gazenet.plugins.template import write_template

    kind = kind_called(noun)
    if name in installed_names(kind.group):
        raise UsageError(f"{kind.noun} {name!r} is installed already: choose another name")
    for file in write_template(name, folder, noun):
        print(file)
    print(f"next: pip install -e {folder} && gasp_plugins check {name}")
    return OK


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks."""
    if args.command == "list":
        return list_all([kind_called(args.kind)] if args.kind else KINDS, args.json)
    if args.command == "show":
        return show(*find(args.name, args.kind))
    if args.command == "check":
        return check(args.names, args.kind, args.root)
    return new(args.name, args.kind, args.directory or Path(args.name))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
