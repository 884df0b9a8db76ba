"""``gasp_train``: train a network by the recipe of its config: an integrator (stage two), or a cue's network."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gazenet.cli.command import OK, CommandParser, check_device, execute, print_table
from gazenet.config.load import config_summaries, load_config
from gazenet.config.training_experiment_data import on_embedded_cues
from gazenet.config.training_experiments import FAMILIES, families
from gazenet.errors import UsageError
from gazenet.training.recipe_loading import RecipeRequest, find_recipe, installed_recipes

DEFAULT = "embedded"

DESCRIPTION = f"""Train an integrator, the network that fuses the cue maps into one map, or another network.

The config's "recipe": "NAME" says what is trained and how: --list shows the installed ones, each with keys of its own.
Configs without that key train an integrator: the cue maps of its training videos are computed once and cached; a
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

NEEDED_KEYS = {
    "embedded_cues": "cues",
    "compute_metrics": "compute_metrics",
    "infer_configs": "infer_configs",
    "infer_config_files": "infer_configs",
}
"""Option to the key that the config of a recipe must have for it."""


def build_parser() -> CommandParser:
    """Return the options of ``gasp_train``."""
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
        "--val_store_image_samples",
        action="store_true",
        help="store pictures of validation batches (trainer.val_store_image_samples)",
    )
    parser.add_argument(
        "--embedded_cues", action="store_true", help="embedded cues in the place of published map pictures"
    )
    parser.add_argument(
        "--compute_metrics",
        action="store_true",
        help="score the finished network on validation and test videos (compute_metrics)",
    )
    through = parser.add_mutually_exclusive_group()
    through.add_argument(
        "--infer_configs",
        metavar="NAME",
        nargs="+",
        default=[],
        help="score it through these inference configs (infer_configs)",
    )
    through.add_argument(
        "--infer_config_files",
        metavar="FILE",
        nargs="+",
        default=[],
        help="score it through these JSON configs (infer_configs)",
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
    """Return all changes of the command line as ``--set`` texts, published flags last. Raises UsageError."""
    values: dict[str, Any] = {
        key: getattr(args, flag) for flag, (key, _, _) in FLAGS.items() if getattr(args, flag) is not None
    }
    if args.val_store_image_samples:
        values["trainer.val_store_image_samples"] = True
    if args.compute_metrics:
        values["compute_metrics"] = True
    infer_configs = [*args.infer_configs, *map(str, map(Path.absolute, map(Path, args.infer_config_files)))]
    if infer_configs:
        values["infer_configs"] = infer_configs
    if args.gpus is not None:
        values |= _devices(args.gpus)
    return [*args.set, *(f"{key}={json.dumps(value)}" for key, value in values.items())]


def _devices(gpus: str) -> dict[str, Any]:
    """``0,`` is that GPU; ``0,1`` are the first two, which train together."""
    words = [part.strip() for part in gpus.split(",") if part.strip()]
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(numbers) != len(words) or not (len(numbers) == 1 or (numbers and numbers == list(range(len(numbers))))):
        raise UsageError(f"--gpus {gpus}: name one GPU, for example --gpus 0, or the first ones: --gpus 0,1")
    device = {"device": f"cuda:{numbers[0]}"}
    return device if len(numbers) == 1 else {**device, "trainer.devices": len(numbers)}


def find_request(args: argparse.Namespace) -> RecipeRequest:
    """Return the recipe and the data of the config that the command line names.

    Raises UsageError for an option that the recipe does not support, PluginError for a broken recipe.
    """
    name = Path(args.train_config_file) if args.train_config_file else str(args.train_config)
    request = find_recipe(name, args.placeholders)
    for option, key in NEEDED_KEYS.items():
        if getattr(args, option) and key not in request.entry.spec.config.model_fields:
            raise UsageError(
                f"--{option}: not supported by the recipe {request.entry.name}, whose config has no {key}"
            )
    for infer in (*args.infer_configs, *map(Path, args.infer_config_files)):
        load_config("infer", infer)
    return replace(request, data=on_embedded_cues(request.data)) if args.embedded_cues else request


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError, PluginError and GazenetError."""
    if args.list:
        return list_all()
    sets, request = flag_sets(args), find_request(args)
    config = request.config(sets)
    if args.dry_run:
        print(config.model_dump_json(indent=2))
        return OK
    check_device(config.device)
    from gazenet.training.recipe_run import train_recipe
    from gazenet.training.trainer import first_process

    try:
        train_recipe(request.entry, config, args.resume, args.set_aside)
    except KeyboardInterrupt as stopped:
        number = getattr(stopped, "signal", signal.SIGINT)
        if first_process():
            print(f"gasp_train: {ended_words(args, number, str(stopped))}", file=sys.stderr)
        return 128 + int(number)
    return OK


def ended_words(args: argparse.Namespace, number: signal.Signals, place: str) -> str:
    """Return the line about a training that a signal ended at ``place``, with the command that continues it."""
    word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    kept = f" at {place}, which is kept" if place else ""
    add = "" if args.resume else " with --resume" + (" in the place of --set_aside" if args.set_aside else "")
    return f"{word}{kept}; the same command{add} continues where it stopped"


def list_all() -> int:
    """Print recipes and installed configs, and the published experiments family by family."""
    recipes = installed_recipes()
    print('recipes ("recipe": "NAME" in a config):')
    usable = [(name, entry.spec.summary) for name, entry in recipes.usable.items()]
    broken = [(error.name, f"(broken: {error.message})") for error in recipes.errors]
    print_table([(f"  {name}", summary) for name, summary in [*usable, *broken]])
    print("\ninstalled configs (--train_config NAME):")
    print_table([("  " + name, summary) for name, summary in config_summaries("train").items()])
    for series, members in families().items():
        print(f"\n{series}: {FAMILIES[series]}")
        print_table([("  " + experiment.name, experiment.summary) for experiment in members])
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
