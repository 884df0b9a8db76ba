"""``gasp_infer``: videos in, maps of where people look out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gazenet.cli.command import OK, CommandParser, check_device, execute, print_data_frame, print_table
from gazenet.config.inference import TRAINED, InferConfig
from gazenet.config.inference_experiments import FAMILIES, infer_families
from gazenet.config.load import config_summaries, load_config
from gazenet.errors import UsageError
from gazenet.overwrite_check import OutputTarget, refuse_overwriting

if TYPE_CHECKING:
    from gazenet.inference.engine.engine_protocol import Engine

DESCRIPTION = """Predict where people look in videos.

For every input, <output_dir>/<video stem>/ receives report.html (open it in a browser), overlay.mp4 (with the sound),
saliency.npy, attention.csv and run.json. Without a config the embedded default runs: no download, CPU or GPU.
The same command again continues where it stopped; a finished input is not computed twice.
Configs may name a data set instead of videos ('data'), write the published per-frame layout (outputs.published) and
score the predictions ('metrics'); the published ones are in --list.
--@NAME VALUE replaces @NAME by VALUE in the texts of the config.

exit codes: 0 done; 1 some input failed, the others are done; 2 the request is wrong; 130 interrupted;
143 ended by SIGTERM"""

EXAMPLES = """  gasp_infer --input party.mp4
  gasp_infer --input a.mp4 b.mp4 --output_dir results --gpu 0
  gasp_infer --input a.mp4 --set faces.score=0.5 outputs.saliency_video=true
  gasp_infer --infer_config_file mine.json --dry_run
  gasp_infer --input films --engine ray --ray_address auto --workers 8
  gasp_infer --infer_config InferRealtime --input camera:0 --realtime --set realtime.window=true
  gasp_infer --infer_config InferGeneratorAllModelsCoutrot1 --set data.split=mine.csv
  gasp_infer --list"""


def build_parser() -> CommandParser:
    """The options of ``gasp_infer``."""
    parser = CommandParser("gasp_infer", DESCRIPTION, EXAMPLES, placeholders=True)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--infer_config", metavar="NAME", default="default", help="an installed config (see --list)")
    which.add_argument("--infer_config_file", metavar="FILE", help="a JSON config of your own")
    parser.add_argument("--input", metavar="PATH", nargs="+", action="extend", help="videos; replaces config inputs")
    parser.add_argument("--output_dir", metavar="DIR", help="home of the results (default: runs)")
    parser.add_argument("--gpu", metavar="N", type=int, help="run on cuda:N instead of the config's device")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="change config values"
    )
    parser.add_argument(
        "--realtime", action="store_true", help="live: one camera:N, rtsp://..., or file at its own pace"
    )
    parser.add_argument(
        "--engine", choices=["local", "ray"], default="local", help="local: this process; ray: a cluster of machines"
    )
    parser.add_argument("--workers", metavar="N", type=int, help="local: threads; ray: processes per stage, at most")
    parser.add_argument(
        "--ray_address", metavar="ADDRESS", default="local", help="local: a cluster of this machine; auto; host:port"
    )
    parser.add_argument("--devices", metavar="N,N", help="local: GPUs, each with all networks, videos side by side")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", default=True, help="keep what is already computed (default)")
    again.add_argument("--no_resume", dest="resume", action="store_false", help="compute everything again")
    parser.add_argument("--progress_log_file", metavar="FILE", help="append one line per finished video")
    parser.add_argument("--dry_run", action="store_true", help="print what would be done and write nothing")
    parser.add_argument("--list", action="store_true", help="list configs and extractors")
    return parser


def resolve_config(args: argparse.Namespace, placeholders: Mapping[str, str | None] | None = None) -> InferConfig:
    """The config with every option of the command line applied. Raises UsageError."""
    sets = list(args.set)
    if args.output_dir is not None:
        sets.append(f"output_dir={json.dumps(args.output_dir)}")
    if args.gpu is not None:
        if args.gpu < 0:
            raise UsageError(f"--gpu {args.gpu}: GPUs are counted from 0")
        sets.append(f"device=cuda:{args.gpu}")
    sets += [f"device={name}" for name in device_names(args.devices)[:1]]
    if args.workers is not None and args.engine == "local":
        sets.append(f"workers={args.workers}")
    name = Path(args.infer_config_file) if args.infer_config_file else args.infer_config
    config = load_config("infer", name, sets, placeholders or {})
    if args.input:
        config = config.model_copy(update={"inputs": tuple(args.input)})
    if config.inputs and config.data is not None:
        if config.metrics is not None:
            print("note: no scores: --input and inputs name videos without ground truth", file=sys.stderr)
        config = config.model_copy(update={"data": None, "metrics": None})
    return config


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks. Raises UsageError and GazenetError."""
    if args.list:
        return list_installed()
    config = resolve_config(args, args.placeholders)
    check_inputs(config)
    for name in device_names(args.devices) or [config.device]:
        check_device(name)
    if args.dry_run:
        from gazenet.cli.dry_run import print_plan

        return print_plan(config)
    if args.realtime:
        return run_realtime(config)
    log = Path(args.progress_log_file) if args.progress_log_file else None
    check_config_file(args, config, log)
    with chosen_engine(args) as engine:
        if not config.inputs:
            return run_data(config, args.resume, log, engine)
        from gazenet.inference.engine.pipeline import run as run_pipeline

        inputs = [Path(path) for path in config.inputs]
        result = run_pipeline(
            config, inputs, Path(config.output_dir), resume=args.resume, progress_log_file=log, engine=engine
        )
        return result.exit_code


def check_config_file(args: argparse.Namespace, config: InferConfig, log: Path | None) -> None:
    """Raise UsageError where an output would replace the config file."""
    targets = [OutputTarget(Path(config.output_dir) / "run.json", "output_dir")]
    targets += [OutputTarget(log, "--progress_log_file")] if log else []
    if config.metrics is not None and config.metrics.file:
        targets.append(OutputTarget(Path(config.metrics.file), "metrics.file"))
    refuse_overwriting(targets, [Path(args.infer_config_file)] if args.infer_config_file else [])


def device_names(text: str | None) -> list[str]:
    """``0,1`` as devices. Raises UsageError."""
    if text is None:
        return []
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        raise UsageError(f"--devices {text}: GPUs are named by their numbers, for example 0,1")
    return [f"cuda:{number}" for number in numbers]


@contextmanager
def chosen_engine(args: argparse.Namespace) -> Iterator[Engine | None]:
    """The engine that the command line asks for; None for this process alone. Raises UsageError."""
    if args.engine == "ray":
        from gazenet.inference.distributed.cluster import RayEngine

        with RayEngine(args.ray_address, 1 if args.workers is None else args.workers) as engine:
            yield engine
    elif args.devices:
        from gazenet.inference.engine.device_pool import DevicesEngine

        yield DevicesEngine(device_names(args.devices))
    else:
        yield None


def run_realtime(config: InferConfig) -> int:
    """Run live. Raises UsageError unless there is exactly one input."""
    if len(config.inputs) != 1:
        raise UsageError(f"--realtime takes one --input (camera:0, rtsp://..., a file), not {len(config.inputs)}")
    from gazenet.inference.live.live_run import run_live

    run_live(config, config.inputs[0], Path(config.output_dir))
    return OK


def check_inputs(config: InferConfig) -> None:
    """Raise UsageError for a config without inputs, or one that a training completes."""
    if not config.inputs and config.data is None:
        raise UsageError("no input: name videos with --input PATH ..., or 'inputs' in the config")
    if config.integrator is not None and config.integrator.name == TRAINED:
        raise UsageError(
            "integrator.name: this config is completed by a training (gasp_train --infer_configs NAME); or name a "
            "trained one: --set integrator.name=PATH"
        )


def run_data(config: InferConfig, resume: bool, log: Path | None, engine: Engine | None) -> int:
    """Run over the videos of a data set and print their scores. Raises UsageError for missing files."""
    from gazenet.cli.dry_run import check_weights
    from gazenet.inference.inputs.dataset_inputs import choose
    from gazenet.inference.scored_run import run_collection

    assert config.data is not None
    videos = choose(config.data)
    check_weights(config)
    result, evaluation = run_collection(config, videos, Path(config.output_dir), resume, log, engine)
    if evaluation is not None and config.metrics is not None:
        print_data_frame(evaluation.with_means[["video", "frames", "invalid", *evaluation.metrics, "grid"]])
        print(f"scores in {config.metrics.table(config.output_dir)}")
    return result.exit_code


def list_installed() -> int:
    """Print the installed and the published configs, and the extractors."""
    from gazenet.cues.registry import discover

    print("configs (--infer_config NAME):")
    print_table([("  " + name, summary) for name, summary in config_summaries("infer").items()])
    for family, members in infer_families().items():
        print(f"\npublished, {family}: {FAMILIES[family]}")
        print_table([("  " + member.name, member.summary) for member in members])
    plugins = discover()
    print("\nextractors (gasp_plugins show NAME prints more):")
    print_table([("  " + name, e.spec.cue, e.spec.summary, e.distribution) for name, e in plugins.usable.items()])
    for error in plugins.errors:
        print(f"  {error.name}: cannot be used: {error.message}")
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
