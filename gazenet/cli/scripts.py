"""``gasp_scripts``: small chores around a working directory."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gazenet.assets.catalogue import CatalogueFile
from gazenet.assets.working_directory import all_configs, config_path, config_text
from gazenet.cli.command import OK, CommandParser, execute
from gazenet.config.load import Kind, suggest
from gazenet.config.schema import config_schemas, render
from gazenet.errors import UsageError
from gazenet.files import write_text
from gazenet.training.recipe_loading import installed_recipes
from gazenet.training.recipe_spec import DEFAULT_RECIPE

DESCRIPTION = """Chores around a working directory.

clean_temp             delete and recreate temp/
generate_config_files  write every installed and every published config, complete with all defaults, to
                       gazenet/configs/<kind>_configs/NAME.json; --configs NAME ... writes these alone
generate_schemas       write the JSON schemas of the config files, recipes included, to configs/schema/ (for editors)
postprocess_get_from_stavis
                       put the ground truth in datasets/stavis_preprocessed/ into datasets/processed/Grouped_frames/"""

EXAMPLES = """  gasp_scripts --scripts clean_temp
  gasp_scripts --working_dir ~/gasp --scripts generate_config_files generate_schemas
  gasp_scripts --scripts generate_config_files --configs GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"""


def clean_temp() -> None:
    """Delete and recreate ``temp/``; a link of that name is refused, what it leads to is not ours to delete."""
    temp = Path("temp")
    if temp.is_symlink():
        raise UsageError(f"{temp.absolute()} is a link: remove it by hand")
    if temp.exists():
        shutil.rmtree(temp)
    temp.mkdir()
    print(f"empty: {temp.absolute()}")


def generate_config_files(names: Sequence[str] = ()) -> None:
    """Write configs in their complete form: those of ``names``, else all installed ones and published experiments.

    A file that is already there and differs is kept. Raises UsageError for a name that is no config.
    """
    known = all_configs()
    every = {name for _, name in known}
    for name in names:
        if name not in every:
            raise UsageError(f"--configs {name}: no such config{suggest(name, every)}")
    for kind, name in known:
        if not names or name in names:
            _write_config(kind, name)


def _write_config(kind: Kind, name: str) -> None:
    text, path = config_text(kind, name), Path(config_path(kind, name))
    if path.exists() and path.read_text(encoding="utf-8") != text:
        print(f"kept: {path} exists and differs")
        return
    _write(path, text)


def generate_schemas() -> None:
    """Write ``configs/schema/{infer,train,catalogue}.json``, and ``train_NAME.json`` of every installed recipe."""
    for name, text in {**all_schemas(), **recipe_schemas()}.items():
        _write(Path("configs") / "schema" / name, text)


def all_schemas() -> dict[str, str]:
    """File name to text of every schema of the platform itself."""
    return {**config_schemas(), "catalogue.json": render(CatalogueFile, "gazenet asset catalogue")}


def recipe_schemas() -> dict[str, str]:
    """Return file name and text of the schema of every installed recipe's config; ``train.json`` is the default's."""
    others = {name: entry.spec for name, entry in installed_recipes().found.items() if name != DEFAULT_RECIPE}
    return {f"train_{name}.json": render(spec.config, f"gazenet recipe {name}") for name, spec in others.items()}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    print(f"written: {path}")


def postprocess_get_from_stavis() -> None:
    """Replace the ground truth of the per-frame cache by that of the STAViS authors, as published results have it."""
    from gazenet.data import stavis

    cache = Path("datasets") / "processed" / "Grouped_frames"
    done = stavis.postprocess_get_from_stavis(Path("datasets") / "stavis_preprocessed", cache)
    print(f"written: {done.salmaps} densities, {done.fixmaps} fixation maps; {len(done.without)} frames have neither")


SCRIPTS: dict[str, Callable[[], None]] = {
    "clean_temp": clean_temp,
    "generate_config_files": generate_config_files,
    "generate_schemas": generate_schemas,
    "postprocess_get_from_stavis": postprocess_get_from_stavis,
}


def build_parser() -> CommandParser:
    """The options of ``gasp_scripts``."""
    parser = CommandParser("gasp_scripts", DESCRIPTION, EXAMPLES)
    parser.add_argument("--working_dir", metavar="DIR", help="where the chores are done (default: $GASP_CWD or .)")
    parser.add_argument("--scripts", metavar="NAME", nargs="+", default=[], help="what to do, in this order")
    parser.add_argument(
        "--configs", metavar="NAME", nargs="+", default=[], help="what generate_config_files writes (default: all)"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the scripts")
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the named scripts; all names are checked before the first begins. Raises UsageError."""
    if args.list:
        print("\n".join(SCRIPTS))
        return OK
    if not args.scripts:
        raise UsageError(f"--scripts is missing; known: {', '.join(SCRIPTS)}")
    for name in args.scripts:
        if name not in SCRIPTS:
            raise UsageError(f"--scripts {name}: unknown{suggest(name, SCRIPTS)}; known: {', '.join(SCRIPTS)}")
    if args.configs and "generate_config_files" not in args.scripts:
        raise UsageError("--configs is for generate_config_files: add it to --scripts")
    for name in args.scripts:
        if name == "generate_config_files":
            generate_config_files(args.configs)
        else:
            SCRIPTS[name]()
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
