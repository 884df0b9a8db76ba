"""``gasp_export``: write the network of an extractor or integrator as ONNX, TensorRT engine or Python file."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gazenet.cli.command import OK, CommandParser, execute, print_table
from gazenet.config.strict_json import parse_or_text
from gazenet.errors import UsageError
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting

if TYPE_CHECKING:
    from gazenet.export.export_subject import ExportSubject
    from gazenet.export.onnx_export import ExportReport

DESCRIPTION = """Write a network as one file, after running it in onnxruntime and comparing it with PyTorch.

NAME is an installed extractor or integrator, or the weight file of an integrator. No file is left behind when it
cannot be written or run. Inputs and outputs are float32 at any precision; fp16 stores weights and most inner values in
half precision and keeps values that would overflow in float32.

--format standalone writes a folder with one Python file, which holds the network and runs without gazenet, and the
weights beside it.

exit codes: 0 done; 1 failed; 2 the request is wrong or something is missing"""

EXAMPLES = """  gasp_export --list
  gasp_export embedded --format onnx --output fusion.onnx
  gasp_export tased --weights TASED_updated.pt --size 256x320
  gasp_export unisal --weights model.pth --set domain=SALICON
  gasp_export stsanet --format tensorrt --precision fp16 --batch 1 --weights STSANet_DHF1K.pth
  gasp_export deeplab_saliency --format standalone --weights mine.pth --output handed_in"""

STANDALONE = "standalone"
SUFFIX = {"onnx": ".onnx", "tensorrt": ".engine", STANDALONE: ""}
"""Ending of the written file, by format."""
DYNAMIC = (1, 2, 8)
"""Smallest, usual and largest batch of an engine with a dynamic batch."""


def build_parser() -> CommandParser:
    """Return the parser of the options."""
    parser = CommandParser("gasp_export", DESCRIPTION, EXAMPLES)
    parser.add_argument("name", metavar="NAME", nargs="?", help="extractor, integrator, or an integrator's file")
    parser.add_argument("--format", choices=list(SUFFIX), default="onnx", help="default: onnx")
    parser.add_argument(
        "--precision",
        choices=["fp32", "fp16"],
        default="fp32",
        help="precision of weights and inner values (default: fp32)",
    )
    parser.add_argument("--size", metavar="HxW", type=size, help="height and width of the input")
    parser.add_argument("--batch", metavar="N|dynamic", type=batch, default=0, help="default: dynamic")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="default: NAME.onnx, NAME.engine or the folder NAME"
    )
    parser.add_argument("--weights", metavar="FILE", help="a checkpoint to use instead of the installed weights")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], type=parameter, help="a parameter of the extractor"
    )
    parser.add_argument("--opset", metavar="N", type=int, help="version of the ONNX operators (default: 18)")
    parser.add_argument("--list", action="store_true", help="list all networks, and why some cannot be exported")
    return parser


def size(text: str) -> tuple[int, int]:
    """Parse ``224x384`` to (height, width)."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 224x384")
    return int(match[1]), int(match[2])


def batch(text: str) -> int:
    """Parse a batch size from 1, or ``dynamic`` to 0."""
    if text == "dynamic":
        return 0
    if not re.fullmatch(r"[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a positive number nor dynamic")
    return int(text)


def parameter(text: str) -> tuple[str, object]:
    """Parse ``mode=published`` to name and value; the value is JSON, else the text itself."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as mode=published")
    return key, parse_or_text(value)


def run(args: argparse.Namespace) -> int:
    """Run the command with parsed arguments and return its exit code. Raises UsageError and GazenetError."""
    if args.list:
        return list_networks()
    if not args.name:
        raise UsageError("name an extractor or integrator (gasp_export --list shows them)")
    if args.format == STANDALONE:
        return write_file_and_weights(args)
    if args.format == "tensorrt":
        from gazenet.export.tensorrt_build import check_builder

        check_builder()
    subject = replace(find_subject(args), half=args.precision == "fp16")
    if args.opset is not None:
        subject = replace(subject, opset=args.opset)
    if args.batch:
        subject = subject.with_batch(args.batch)
    target = args.output or Path(subject.name + SUFFIX[args.format])
    check_output(args, target)
    if args.format == "onnx":
        show(subject.write(target))
        return OK
    return write_engine(subject, target, args.batch)


def check_output(args: argparse.Namespace, target: Path) -> None:
    """Raise UsageError where an output would replace a file that is read."""
    inputs = named_files({"name": args.name, "weights": args.weights, "set": dict(args.set)})
    targets = [target, target.with_name(target.name + ".data")]
    refuse_overwriting([OutputTarget(path, "--output") for path in targets], inputs)


def write_file_and_weights(args: argparse.Namespace) -> int:
    """Write an extractor as a Python file with weights beside it. Raises UsageError for options of other formats."""
    from gazenet.assets.asset_store import asset_path
    from gazenet.cues.registry import discover
    from gazenet.export.single_file import write_standalone
    from gazenet.fusion.integrator_contract import INTEGRATORS, IntegratorSpec

    options = {"size": args.size, "batch": args.batch, "opset": args.opset, "precision": args.precision != "fp32"}
    unsupported = [option for option, value in options.items() if value]
    if unsupported:
        raise UsageError(f"--{unsupported[0]}: only for onnx and tensorrt: leave it out with --format standalone")
    if args.name in discover(INTEGRATORS, IntegratorSpec).usable:
        raise UsageError(f"{args.name}: is an integrator; --format standalone writes only extractors")
    for path in write_standalone(args.name, parameters_of(args), args.output or Path(args.name), asset_path):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return OK


def parameters_of(args: argparse.Namespace) -> dict[str, object]:
    """Return the parameters of the extractor that the command line names."""
    return dict(args.set) | ({"weights": args.weights} if args.weights else {})


def find_subject(args: argparse.Namespace) -> ExportSubject:
    """Return the network to export. Raises UsageError for unknown names and options that do not fit the network."""
    from gazenet.assets.asset_store import asset_path
    from gazenet.cues.registry import discover
    from gazenet.export.export_subject import extractor_subject, integrator_subject
    from gazenet.fusion.integrator_contract import INTEGRATORS, IntegratorSpec
    from gazenet.fusion.integrator_files import SUFFIXES

    if Path(args.name).suffix in SUFFIXES or args.name in discover(INTEGRATORS, IntegratorSpec).usable:
        if args.set:
            raise UsageError(f"--set {args.set[0][0]}: only extractors have parameters; {args.name} is an integrator")
        return integrator_subject(args.name, args.size, args.weights or "", asset_path)
    if args.name not in discover().usable and Path(args.name).exists():
        raise UsageError(
            f"{args.name}: is not an integrator's file ({', '.join(SUFFIXES)}): name one, or an installed network "
            "(gasp_export --list)"
        )
    return extractor_subject(args.name, parameters_of(args), asset_path, args.size)


def show(report: ExportReport) -> None:
    """Print the written file and the table of errors."""
    print(f"{report.path}: opset {report.opset}, {report.nodes} nodes, {report.size / 1e6:.1f} MB")
    rows = [("output", "shape", "largest error", "relative", "mean error")]
    for error in report.differences:
        shape = "x".join(map(str, error.shape))
        rows.append((error.output, shape, f"{error.largest:.3g}", f"{error.relative:.3g}", f"{error.mean:.3g}"))
    print_table(rows)
    for fault in report.unfit:
        print(f"note: TensorRT would refuse {fault}")


def write_engine(subject: ExportSubject, target: Path, count: int) -> int:
    """Build an engine from a temporary, verified ONNX file."""
    from gazenet.export.tensorrt_build import build_engine

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{subject.name}.onnx"
        show(subject.write(source))
        written = build_engine(source, target, (count,) * 3 if count else DYNAMIC)
    print(f"{target}: {written / 1e6:.1f} MB")
    return OK


def list_networks() -> int:
    """Print integrators and extractors, and why an extractor's network cannot be exported."""
    from gazenet.cues.registry import discover
    from gazenet.errors import GazenetError
    from gazenet.export.export_subject import why_not
    from gazenet.fusion.gasp_spec import GaspSpec
    from gazenet.fusion.integrator_contract import INTEGRATORS, IntegratorSpec

    rows = []
    for name, integrator in discover(INTEGRATORS, IntegratorSpec).usable.items():
        of_family = isinstance(integrator.spec, GaspSpec)
        summary = integrator.spec.summary if of_family else "cannot be exported: not of the GASP family"
        rows.append((name, "integrator", summary))
    for name, entry in discover().usable.items():
        try:
            reason = why_not(entry.load())
        except GazenetError as error:
            reason = str(error)
        rows.append((name, "extractor", f"cannot be exported: {reason}" if reason else entry.spec.summary))
    print_table(rows)
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return execute(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
