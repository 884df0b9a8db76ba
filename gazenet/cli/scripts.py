"""``gasp_scripts``: small maintenance scripts for a working directory."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gazenet.assets.catalogue import CatalogueFile
from gazenet.assets.working_directory import all_configs, config_path, config_text
from gazenet.cli.command import OK, CommandParser, execute
from gazenet.config.load import Kind, model_of, suggest
from gazenet.errors import UsageError
from gazenet.files import write_text
from gazenet.training.recipe_loading import installed_recipes
from gazenet.training.recipe_spec import DEFAULT_RECIPE

DESCRIPTION = """Run maintenance scripts in a working directory.

clean_temp             delete and recreate temp/
generate_config_files  write every installed and every published config, complete with all defaults, to
                       gazenet/configs/<kind>_configs/NAME.json; --configs NAME ... writes only these
generate_schemas       write the JSON schemas of the config files, recipes included, to configs/schema/ (for editors)
postprocess_get_from_stavis
                       copy the ground truth in datasets/stavis_preprocessed/ to datasets/processed/Grouped_frames/"""

EXAMPLES = """  gasp_scripts --scripts clean_temp
  gasp_scripts --working_dir ~/gasp --scripts generate_config_files generate_schemas
  gasp_scripts --scripts generate_config_files --configs GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"""


SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def clean_temp() -> None:
    """Delete and recreate ``temp/``. Raises UsageError where it is a link: its target is not ours to delete."""
    temp = Path("temp")
    if temp.is_symlink():
        raise UsageError(f"{temp.absolute()} is a link: remove it by hand")
    if temp.exists():
        shutil.rmtree(temp)
    temp.mkdir()
    print(f"empty: {temp.absolute()}")


def generate_config_files(names: Sequence[str] = ()) -> None:
    """Write configs in their complete form: those of ``names``, by default all installed and published ones.

    An existing file that differs is kept. Raises UsageError for a name that is not a config.
    """
    configs = all_configs()
    config_names = {name for _, name in configs}
    for name in names:
        if name not in config_names:
            raise UsageError(f"--configs {name}: no such config{suggest(name, config_names)}")
    for kind, name in configs:
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


def schema_text(model: type[BaseModel], title: str) -> str:
    """Return the schema of ``model`` as JSON text; like the files themselves, it allows the key ``$schema``."""
    schema: dict[str, Any] = {"$schema": SCHEMA_DIALECT, **model.model_json_schema()}
    schema["title"] = title
    schema["description"] = schema["description"].partition("\n")[0]
    schema["properties"] = {"$schema": {"type": "string"}, **schema["properties"]}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def all_schemas() -> dict[str, str]:
    """Return the text of every schema of the platform itself, by file name."""
    return {
        "infer.json": schema_text(model_of("infer"), "gazenet inference config"),
        "train.json": schema_text(model_of("train"), "gazenet training config"),
        "catalogue.json": schema_text(CatalogueFile, "gazenet asset catalogue"),
    }


def recipe_schemas() -> dict[str, str]:
    """Return the texts of the schemas of recipes' configs by file name; ``train.json`` is the default recipe's."""
    others = {name: entry.spec for name, entry in installed_recipes().usable.items() if name != DEFAULT_RECIPE}
    return {f"train_{name}.json": schema_text(spec.config, f"gazenet recipe {name}") for name, spec in others.items()}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    print(f"written: {path}")


def postprocess_get_from_stavis() -> None:
    """Replace the ground truth of the per-frame cache with that of the STAViS authors, as published results do."""
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
    """Return the parser of the options."""
    parser = CommandParser("gasp_scripts", DESCRIPTION, EXAMPLES)
    parser.add_argument("--working_dir", metavar="DIR", help="working directory (default: $GASP_CWD or .)")
    parser.add_argument("--scripts", metavar="NAME", nargs="+", default=[], help="scripts to run, in this order")
    parser.add_argument(
        "--configs",
        metavar="NAME",
        nargs="+",
        default=[],
        help="configs that generate_config_files writes (default: all)",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the scripts")
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the named scripts after checking all names. Raises UsageError."""
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
    """Run the command and return its exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
