"""Networks as ONNX files: exported, then compared with what they were before anybody relies on them."""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gazenet.backbones.onnx_graph import read_graph
from gazenet.errors import UsageError
from gazenet.export.graph_values import products
from gazenet.export.half_precision import halved
from gazenet.export.stable_layernorm import steadied
from gazenet.files import atomic_path

OPSET = 18
"""The oldest operator set that the exporter writes itself; from 17 on a LayerNorm is one operator, whose sums runtimes
keep in single precision."""

LEAST_OPSET = 17

UNFIT = ("MaxUnpool", "ScatterND", "ScatterElements", "NonZero")
"""Operators that TensorRT's parser rejects, or whose output sizes depend on data."""


@dataclass(frozen=True)
class OutputDifference:
    """How far outputs are apart: largest and mean absolute difference, and the largest relative to the largest value.

    ``shape`` is that of the reference.
    """

    output: str
    shape: tuple[int, ...]
    largest: float
    mean: float
    relative: float

    def __str__(self) -> str:
        errors = f"largest error {self.largest:.3g} ({self.relative:.3g} of the largest value), mean {self.mean:.3g}"
        return f"{self.output} {list(self.shape)}: {errors}"


@dataclass(frozen=True)
class ExportReport:
    """What was written and how well it agrees with the network in PyTorch.

    ``unfit`` says what a stricter runtime would refuse; empty where nothing speaks against the file. ``half``: share
    of the multiplications that are done in half precision, 0..1.
    """

    path: Path
    opset: int
    nodes: int
    size: int
    differences: tuple[OutputDifference, ...]
    unfit: tuple[str, ...]
    half: float = 0.0

    @property
    def worst(self) -> float:
        """The largest relative difference of all outputs."""
        return max(one.relative for one in self.differences)

    def __str__(self) -> str:
        """The file in one line, then one line per output and one per fault."""
        head = f"{self.path}: opset {self.opset}, {self.nodes} nodes, {self.size / 1e6:.1f} MB"
        if self.half:
            head += f", {self.half:.0%} of the multiplications in half precision"
        return "\n".join([head, *map(str, self.differences), *(f"unfit: {fault}" for fault in self.unfit)])


def export_onnx(
    network: nn.Module,
    examples: Sequence[Tensor],
    path: Path,
    *,
    inputs: Sequence[str] = ("input",),
    outputs: Sequence[str] = ("output",),
    free_batch: bool = True,
    opset: int = OPSET,
    half: bool = False,
    facts: Mapping[str, str] | None = None,
) -> ExportReport:
    """Write a network as one ONNX file and compare it with PyTorch on the examples.

    Args:
        network: in the mode in which it is to be written: that of evaluation, as a rule.
        examples: one tensor per input, with a batch of at least two where the batch is to stay free.
        path: appears by rename when it is complete and has been run.
        inputs, outputs: names in the graph.
        free_batch: leave the first axis of every input open.
        opset: version of the operators.
        half: half precision inside, see :mod:`gazenet.export.half_precision`; compared with the network as it is.
        facts: what the file says of itself.

    Raises UsageError where the exporter is not installed or cannot write the network, and for opsets that it does not
    write.
    """
    if opset < OPSET:
        raise UsageError(f"opset {opset} is too old: a LayerNorm is one operator from 17 on, and {OPSET} is written")
    with atomic_path(path) as made:
        _write(network, examples, made, inputs, outputs, free_batch, opset, half, facts or {})
        found = inspect_onnx(made)
        differences = compare_onnx(network, examples, made)
    return ExportReport(path, found.opset, found.nodes, path.stat().st_size, differences, found.unfit, found.half)


def _write(
    network: nn.Module,
    examples: Sequence[Tensor],
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    free_batch: bool,
    opset: int,
    half: bool,
    facts: Mapping[str, str],
) -> None:
    free = _free_axes(network, len(examples)) if free_batch else None
    with _quiet(), _exporter_errors():
        program = torch.onnx.export(
            network,
            tuple(examples),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=free,
            opset_version=opset,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    import onnx

    assert program is not None
    model = program.model_proto
    if half:
        halved(model)
    steadied(model)
    onnx.helper.set_model_props(model, dict(facts))
    onnx.save(model, str(path))


def _free_axes(network: nn.Module, inputs: int) -> tuple[Any, ...]:
    """A free first axis for every input, nested as the arguments of ``forward`` are."""
    axes: tuple[Any, ...] = tuple({0: torch.export.Dim("batch")} for _ in range(inputs))
    kinds = [one.kind for one in inspect.signature(network.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return axes
    single = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*axes[:single], axes[single:])


@contextlib.contextmanager
def _exporter_errors() -> Iterator[None]:
    """Whatever the exporter says becomes one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(f"the ONNX exporter needs {error.name}: pip install 'gazenet[export]'") from None
    except Exception as error:
        cause = error.__cause__ or error
        first = next((line for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
        raise UsageError(f"PyTorch cannot write this network as ONNX: {first[:200]}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its own progress and of libraries that nobody needs here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True)
class GraphFacts:
    """An ONNX graph in numbers, and what stricter runtimes than onnxruntime refuse in it.

    ``half``: share of the multiplications in half precision.
    """

    opset: int
    nodes: int
    unfit: tuple[str, ...]
    half: float


def inspect_onnx(path: Path) -> GraphFacts:
    """Counts the nodes of a file and looks for what TensorRT's parser is known to refuse.

    Raises UsageError for what is no ONNX file.
    """
    model = read_graph(path)
    counts = Counter(node.op_type for node in model.graph.node)
    unfit = [f"{kind} ({counts[kind]} times)" for kind in UNFIT if counts[kind]]
    unfit += [
        f"{node.name or node.op_type}: a MaxPool with indices"
        for node in model.graph.node
        if node.op_type == "MaxPool" and len(node.output) > 1
    ]
    ends = (*model.graph.input, *model.graph.output)
    unfit += [f"{end.name}: 64-bit integers" for end in ends if _is_int64(end)]
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < LEAST_OPSET:
        unfit.append(f"opset {opset}: {LEAST_OPSET} is the oldest in which a LayerNorm is one operator")
    done = products(model)
    half = done["float16"] / max(1, done.total())
    return GraphFacts(opset, len(model.graph.node), tuple(unfit), half)


def facts_of(path: Path) -> dict[str, str]:
    """What a file that :func:`export_onnx` wrote says of itself. Raises UsageError as :func:`read_graph` does."""
    return {one.key: one.value for one in read_graph(path).metadata_props}


def _is_int64(value: Any) -> bool:
    from onnx import TensorProto

    return bool(value.type.tensor_type.elem_type == TensorProto.INT64)


def compare_onnx(network: nn.Module, examples: Sequence[Tensor], path: Path) -> tuple[OutputDifference, ...]:
    """Runs network and file on the same inputs, on the CPU; one :class:`OutputDifference` per output.

    Raises ValueError for outputs of another number or shape, UsageError as :func:`open_session` does.
    """
    with torch.inference_mode():
        wanted = network(*examples)
    references = [wanted] if isinstance(wanted, Tensor) else list(wanted)
    names, found = run_onnx(path, [example.numpy() for example in examples])
    if len(found) != len(references):
        raise ValueError(f"{path}: {len(found)} outputs, the network gives {len(references)}")
    pairs = zip(names, (reference.numpy() for reference in references), found, strict=True)
    return tuple(_difference(*pair) for pair in pairs)


def open_session(path: Path, device: torch.device | None = None) -> Any:
    """An onnxruntime session of a file, with as many threads as PyTorch has.

    Args:
        device: a CUDA device needs a build of onnxruntime for it; the CPU by default.

    Raises UsageError for files that onnxruntime refuses and devices that it does not know.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    # Waiting threads that spin would take the core of the stage that runs beside this one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[Any] = ["CPUExecutionProvider"]
    if device is not None and device.type == "cuda":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise UsageError("this onnxruntime knows no CUDA: pip install onnxruntime-gpu, or device cpu")
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    read_graph(path)  # The session would read what the file names.
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's own types have no common base
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"{path}: onnxruntime cannot run it: {first[:200]}") from None


def run_onnx(path: Path, arrays: Sequence[NDArray[Any]]) -> tuple[list[str], list[NDArray[Any]]]:
    """Names and values of a file's outputs for inputs in order, by onnxruntime on the CPU."""
    session = open_session(path)
    named = {one.name: array for one, array in zip(session.get_inputs(), arrays, strict=True)}
    return [one.name for one in session.get_outputs()], session.run(None, named)


def _difference(name: str, reference: NDArray[Any], found: NDArray[Any]) -> OutputDifference:
    if reference.shape != found.shape:
        raise ValueError(f"output {name} is {list(found.shape)}, the network gives {list(reference.shape)}")
    apart = np.abs(found.astype(np.float64) - reference.astype(np.float64))
    largest = float(apart.max(initial=0))
    scale = max(float(np.abs(reference).max(initial=0)), 1e-12)
    return OutputDifference(name, reference.shape, largest, float(apart.mean()), largest / scale)
