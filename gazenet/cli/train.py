"""``gasp_train``: train an integrator (stage two) on human fixations."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gazenet.cli.common import OK, Parser, check_device, execute, print_table
from gazenet.config.load import config_names, config_summaries, load_config
from gazenet.errors import UsageError

DESCRIPTION = """Train an integrator: the network that fuses the cue maps into one map.

The cue maps of the training videos are computed once and cached; a repeated run reads the cache. Every flag below
that has a config key is the short form of --set KEY=VALUE and wins over the config.

exit codes: 0 done; 1 the training failed; 2 the request is wrong; 130 interrupted (--resume continues)"""

EXAMPLES = """  gasp_train --train_config NAME --set output=runs/mine
  gasp_train --train_config_file mine.json --max_epochs 20 --logger_name tensorboard
  gasp_train --train_config_file mine.json --resume
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


def build_parser() -> Parser:
    """The options of ``gasp_train``."""
    parser = Parser("gasp_train", DESCRIPTION, EXAMPLES)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--train_config", metavar="NAME", help="an installed config (see --list)")
    which.add_argument("--train_config_file", metavar="FILE", help="a JSON config of your own")
    for flag, (key, kind, text) in FLAGS.items():
        parser.add_argument(f"--{flag}", metavar=kind.__name__.upper(), type=kind, help=f"{text} ({key})")
    parser.add_argument("--gpus", metavar="N", help='GPU to train on, also in the published form "0,"')
    parser.add_argument("--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="change the config")
    parser.add_argument("--resume", action="store_true", help="continue the last checkpoint of this output")
    parser.add_argument("--dry_run", action="store_true", help="print the resolved config and write nothing")
    parser.add_argument("--list", action="store_true", help="list configs")
    return parser


def flag_sets(args: argparse.Namespace) -> list[str]:
    """All changes of the command line as ``--set`` texts, published flags last. Raises UsageError."""
    values: dict[str, Any] = {}
    for flag, (key, _, _) in FLAGS.items():
        if getattr(args, flag) is not None:
            values[key] = getattr(args, flag)
    if args.gpus is not None:
        values["device"] = _device(args.gpus)
    return [*args.set, *(f"{key}={json.dumps(value)}" for key, value in values.items())]


def _device(gpus: str) -> str:
    chosen = [part for part in gpus.split(",") if part.strip()]
    if len(chosen) != 1 or not chosen[0].strip().isdecimal():
        raise UsageError(f"--gpus {gpus}: name one GPU, for example --gpus 0")
    return f"cuda:{int(chosen[0])}"


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError and GazenetError."""
    if args.list:
        print_table([("config", "summary"), *config_summaries("train").items()])
        return OK
    name = Path(args.train_config_file) if args.train_config_file else args.train_config
    if not name:
        known = ", ".join(config_names("train")) or "none is installed"
        raise UsageError(f"name --train_config NAME or --train_config_file FILE; installed: {known}")
    config = load_config("train", name, flag_sets(args))
    if args.dry_run:
        print(config.model_dump_json(indent=2))
        return OK
    check_device(config.device)
    from gazenet.training.run import train

    train(config, resume=args.resume)
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
