"""``gasp_train``: train an integrator (stage two) on human fixations, or another network by its recipe."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.cli.command import OK, CommandParser, check_device, execute, print_table
from gazenet.config.inference import InferConfig
from gazenet.config.load import config_summaries, load_config
from gazenet.config.training import TrainConfig
from gazenet.config.training_experiment_data import on_embedded_cues
from gazenet.config.training_experiments import FAMILIES, families
from gazenet.errors import UsageError
from gazenet.training.recipe_loading import installed_recipes, load_recipe, recipe_of
from gazenet.training.recipe_spec import INTEGRATOR

DEFAULT = "embedded"

DESCRIPTION = f"""Train an integrator, the network that fuses the cue maps into one map, or another network.

A config with "recipe": "NAME" is trained by that recipe: --list shows the installed ones, the keys are the recipe's
own. Without that key it is the integrator's. The cue maps of its training videos are computed once and cached; a
repeated run reads the cache. Published experiments read caches in the published layout, or with --embedded_cues your
own videos. Every flag below that has a config key is the short form of --set KEY=VALUE and wins over the config.
Without a config the installed one named {DEFAULT} is used.
--@NAME VALUE puts VALUE in the place of @NAME in the texts of the config.

exit codes: 0 done; 1 the training failed; 2 the request is wrong; 130 interrupted,
143 ended by SIGTERM (--resume continues at the step where it stopped)"""

EXAMPLES = """  gasp_train --set data.root=~/data output=runs/mine
  gasp_train --train_config GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm --gpus "0," --compute_metrics
  gasp_train --train_config flagship --set data.root=~/data
  gasp_train --train_config_file mine.json --max_epochs 20 --logger_name tensorboard
  gasp_train --train_config_file mine.json --resume
  gasp_train --train_config stanet --set data.videos=AVE/videos data.lists=AVE
  gasp_train --list"""

# Published flag -> (config key, type, help). The order is that of the help page.
FLAGS: dict[str, tuple[str, type, str]] = {
    "logger_name": ("logger", str, "csv, tensorboard, comet or an empty text"),
    "max_epochs": ("trainer.max_epochs", int, "passes over the training data"),
    "check_val_every_n_epoch": ("trainer.check_val_every_n_epoch", int, "epochs between two validations"),
    "checkpoint_save_every_n_epoch": ("trainer.checkpoint_save_every_n_epoch", int, "epochs between two checkpoints"),
    "checkpoint_save_n_top": ("trainer.checkpoint_save_n_top", int, "how many of the best checkpoints are kept"),
    "checkpoint_monitor": ("trainer.checkpoint_monitor", str, "the value that says which checkpoint is best"),
}

INTEGRATOR_FLAGS = ("embedded_cues", "compute_metrics", "infer_configs", "infer_config_files")
"""Options that other recipes than the integrator's do not have."""


def build_parser() -> CommandParser:
    """The options of ``gasp_train``."""
    parser = CommandParser("gasp_train", DESCRIPTION, EXAMPLES, placeholders=True)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--train_config", metavar="NAME", default=DEFAULT, help=f"a config of --list (default: {DEFAULT})"
    )
    which.add_argument("--train_config_file", metavar="FILE", help="a JSON config of your own, or an original one")
    for flag, (key, kind, text) in FLAGS.items():
        parser.add_argument(f"--{flag}", metavar=kind.__name__.upper(), type=kind, help=f"{text} ({key})")
    parser.add_argument("--gpus", metavar="N", help='GPU to train on, also in the published form "0,"; "0,1" are two')
    parser.add_argument(
        "--val_store_image_samples", action="store_true", help="store pictures of a tenth of the validation batches"
    )
    parser.add_argument(
        "--embedded_cues", action="store_true", help="embedded cues in the place of published map pictures"
    )
    parser.add_argument(
        "--compute_metrics", action="store_true", help="measure the finished network on validation and test videos"
    )
    through = parser.add_mutually_exclusive_group()
    through.add_argument(
        "--infer_configs", metavar="NAME", nargs="+", default=[], help="measure through these inference configs"
    )
    through.add_argument(
        "--infer_config_files", metavar="FILE", nargs="+", default=[], help="measure through these JSON configs"
    )
    parser.add_argument("--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="change the config")
    parser.add_argument("--resume", action="store_true", help="continue the last checkpoint of this output")
    parser.add_argument(
        "--set_aside", action="store_true", help="keep an earlier training of this output under a numbered name"
    )
    parser.add_argument("--dry_run", action="store_true", help="print the resolved config and write nothing")
    parser.add_argument("--list", action="store_true", help="list installed configs and published experiments")
    return parser


def flag_sets(args: argparse.Namespace) -> list[str]:
    """All changes of the command line as ``--set`` texts, published flags last. Raises UsageError."""
    values: dict[str, Any] = {}
    for flag, (key, _, _) in FLAGS.items():
        if getattr(args, flag) is not None:
            values[key] = getattr(args, flag)
    if args.val_store_image_samples:
        values["trainer.val_store_image_samples"] = True
    if args.gpus is not None:
        values |= _devices(args.gpus)
    return [*args.set, *(f"{key}={json.dumps(value)}" for key, value in values.items())]


def _devices(gpus: str) -> dict[str, Any]:
    """``0,`` is that GPU; ``0,1`` are the first two, which train together."""
    words = [part.strip() for part in gpus.split(",") if part.strip()]
    chosen = [int(word) for word in words if word.isdecimal()]
    if len(chosen) != len(words) or not (len(chosen) == 1 or (chosen and chosen == list(range(len(chosen))))):
        raise UsageError(f"--gpus {gpus}: name one GPU, for example --gpus 0, or the first ones: --gpus 0,1")
    found: dict[str, Any] = {"device": f"cuda:{chosen[0]}"}
    return found if len(chosen) == 1 else {**found, "trainer.devices": len(chosen)}


def resolve_config(
    args: argparse.Namespace, sets: Sequence[str], placeholders: Mapping[str, str | None]
) -> TrainConfig:
    """The integrator's config with every option of the command line applied. Raises UsageError."""
    change = on_embedded_cues if args.embedded_cues else None
    return load_config("train", config_name(args), sets, placeholders, change)


def config_name(args: argparse.Namespace) -> str | Path:
    """The file or the name of the config that the command line asks for."""
    return Path(args.train_config_file) if args.train_config_file else str(args.train_config)


def infer_configs(args: argparse.Namespace) -> list[InferConfig]:
    """The inference configs through which the finished network is measured. Raises UsageError."""
    names: list[str | Path] = [*args.infer_configs, *map(Path, args.infer_config_files)]
    return [load_config("infer", name) for name in names]


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError and GazenetError."""
    if args.list:
        return list_known()
    given, sets = args.placeholders, flag_sets(args)
    if recipe_of(config_name(args), given) != INTEGRATOR:
        return run_recipe(args, sets, given)
    config = resolve_config(args, sets, given)
    through = infer_configs(args)
    if args.dry_run:
        print(config.model_dump_json(indent=2))
        return OK
    check_device(config.device)
    from gazenet.recipes.gasp.gasp_run import train

    def training() -> object:
        return train(
            config,
            resume=args.resume,
            compute_metrics=args.compute_metrics,
            infer_configs=through,
            set_aside=args.set_aside,
        )

    return finished(args, training)


def run_recipe(args: argparse.Namespace, sets: Sequence[str], placeholders: Mapping[str, str | None]) -> int:
    """Train what is not an integrator. Raises UsageError, PluginError and GazenetError."""
    entry, config = load_recipe(config_name(args), sets, placeholders)
    strange = [flag for flag in INTEGRATOR_FLAGS if getattr(args, flag)]
    if strange:
        raise UsageError(f"--{strange[0]}: is for the integrator; the recipe {entry.name} has no such thing")
    if args.dry_run:
        print(config.model_dump_json(indent=2))
        return OK
    check_device(config.device)
    from gazenet.training.recipe_run import train_recipe

    return finished(args, lambda: train_recipe(entry, config, args.resume, args.set_aside))


def finished(args: argparse.Namespace, training: Callable[[], object]) -> int:
    """Do the training; a signal that ended it is told with where it stands and how it goes on."""
    from gazenet.training.trainer import first_process

    try:
        training()
    except KeyboardInterrupt as stopped:
        number = getattr(stopped, "signal", signal.SIGINT)
        word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        place = f" at {stopped}, which is kept" if str(stopped) else ""
        add = "" if args.resume else " with --resume" + (" in the place of --set_aside" if args.set_aside else "")
        if first_process():
            print(f"gasp_train: {word}{place}; the same command{add} continues where it stopped", file=sys.stderr)
        return 128 + int(number)
    return OK


def list_known() -> int:
    """Print recipes and installed configs, and the published experiments family by family."""
    recipes = installed_recipes()
    print('recipes ("recipe": "NAME" in a config):')
    broken = [(error.name, f"(broken: {error.message})") for error in recipes.errors]
    known = [(INTEGRATOR, "The integrator, which fuses cue maps into one map (configs without the key)")]
    known += [(name, entry.spec.summary) for name, entry in recipes.found.items()]
    print_table([(f"  {name}", summary) for name, summary in [*known, *broken]])
    print("\ninstalled configs (--train_config NAME):")
    print_table([("  " + name, summary) for name, summary in config_summaries("train").items()])
    for series, members in families().items():
        print(f"\n{series}: {FAMILIES[series]}")
        print_table([("  " + one.name, one.summary) for one in members])
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
