"""Export of networks as ONNX files, each compared with its network in PyTorch."""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
"""The oldest operator set that the exporter writes; from 17 on a LayerNorm is one operator, whose sums runtimes keep
in single precision."""

LEAST_OPSET = 17

UNFIT = ("MaxUnpool", "ScatterND", "ScatterElements", "NonZero")
"""Operators that TensorRT's parser rejects, or whose output sizes depend on data."""


@dataclass(frozen=True)
class OutputDifference:
    """Differences of an output: the largest and mean absolute one, and the largest relative to the largest value.

    ``shape``: that of the reference.
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
    """The written file and its agreement with the network in PyTorch.

    ``unfit``: what a stricter runtime than onnxruntime would refuse. ``half``: share of the multiplications in half
    precision, 0..1.
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
        return max(difference.relative for difference in self.differences)

    def __str__(self) -> str:
        """Describe the file in one line, then every output and every fault in a line each."""
        head = f"{self.path}: opset {self.opset}, {self.nodes} nodes, {self.size / 1e6:.1f} MB"
        if self.half:
            head += f", {self.half:.0%} of the multiplications in half precision"
        return "\n".join([head, *map(str, self.differences), *(f"unfit: {fault}" for fault in self.unfit)])


@dataclass(frozen=True)
class GraphForm:
    """The form of an exported graph.

    ``inputs``, ``outputs``: names in the graph. ``free_batch``: leave the first axis of every input open. ``opset``:
    version of the operators. ``half``: half precision inside (:mod:`gazenet.export.half_precision`). ``facts``: the
    metadata of the file.
    """

    inputs: Sequence[str] = ("input",)
    outputs: Sequence[str] = ("output",)
    free_batch: bool = True
    opset: int = OPSET
    half: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


def export_onnx(
    network: nn.Module, examples: Sequence[Tensor], path: Path, form: GraphForm = GraphForm()
) -> ExportReport:
    """Write a network as one ONNX file and compare it with PyTorch on the examples.

    Args:
        network: in the mode in which it is written, usually evaluation.
        examples: one tensor per input, with a batch of at least two where the batch stays free.
        path: appears by rename when it is complete and has been run.
        form: names, free axes, precision and metadata. A graph in half precision is compared with the network as is.

    Raises UsageError where the exporter is not installed or cannot write the network, and for opsets that it does not
    write.
    """
    if form.opset < OPSET:
        raise UsageError(f"opset {form.opset} is too old: the exporter writes {OPSET} or later")
    with atomic_path(path) as partial:
        _write(network, examples, partial, form)
        graph = inspect_onnx(partial)
        differences = compare_onnx(network, examples, partial)
    return ExportReport(path, graph.opset, graph.nodes, path.stat().st_size, differences, graph.unfit, graph.half)


def _write(network: nn.Module, examples: Sequence[Tensor], path: Path, form: GraphForm) -> None:
    free = _free_axes(network, len(examples)) if form.free_batch else None
    with _quiet(), _exporter_errors():
        program = torch.onnx.export(
            network,
            tuple(examples),
            input_names=list(form.inputs),
            output_names=list(form.outputs),
            dynamic_shapes=free,
            opset_version=form.opset,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    import onnx

    assert program is not None
    model = program.model_proto
    if form.half:
        halved(model)
    steadied(model)
    onnx.helper.set_model_props(model, dict(form.facts))
    onnx.save(model, str(path))


def _free_axes(network: nn.Module, inputs: int) -> tuple[Any, ...]:
    """Return a free first axis for every input, nested like the arguments of ``forward``."""
    axes: tuple[Any, ...] = tuple({0: torch.export.Dim("batch")} for _ in range(inputs))
    kinds = [parameter.kind for parameter in inspect.signature(network.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return axes
    single = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*axes[:single], axes[single:])


@contextlib.contextmanager
def _exporter_errors() -> Iterator[None]:
    """Turn every error of the exporter into one line."""
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
    """Silence the exporter's progress and its warnings about optional libraries."""
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
    """An ONNX graph in numbers, and what stricter runtimes than onnxruntime refuse in it (``unfit``).

    ``half``: share of the multiplications in half precision.
    """

    opset: int
    nodes: int
    unfit: tuple[str, ...]
    half: float


def inspect_onnx(path: Path) -> GraphFacts:
    """Count the nodes of a file and look for what TensorRT's parser is known to refuse.

    Raises UsageError for other files than ONNX files.
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
    multiplications = products(model)
    half = multiplications["float16"] / max(1, multiplications.total())
    return GraphFacts(opset, len(model.graph.node), tuple(unfit), half)


def facts_of(path: Path) -> dict[str, str]:
    """Return the metadata of a file of :func:`export_onnx`. Raises UsageError as :func:`read_graph` does."""
    return {entry.key: entry.value for entry in read_graph(path).metadata_props}


def _is_int64(value: Any) -> bool:
    from onnx import TensorProto

    return bool(value.type.tensor_type.elem_type == TensorProto.INT64)


def compare_onnx(network: nn.Module, examples: Sequence[Tensor], path: Path) -> tuple[OutputDifference, ...]:
    """Run network and file on the same inputs, on the CPU; return the difference of every output.

    Raises ValueError for another number or shape of outputs, UsageError as :func:`open_session` does.
    """
    with torch.inference_mode():
        outputs = network(*examples)
    references = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    names, values = run_onnx(path, [example.numpy() for example in examples])
    if len(values) != len(references):
        raise ValueError(f"{path}: {len(values)} outputs, the network gives {len(references)}")
    pairs = zip(names, (reference.numpy() for reference in references), values, strict=True)
    return tuple(_difference(*pair) for pair in pairs)


def open_session(path: Path, device: torch.device | None = None) -> Any:
    """Open a file in onnxruntime, with as many threads as PyTorch has.

    Args:
        device: a CUDA device needs a build of onnxruntime for CUDA; None: the CPU.

    Raises UsageError for files that onnxruntime refuses and devices that it does not support.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    # Spinning threads would take the core of a stage that runs in parallel.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[Any] = ["CPUExecutionProvider"]
    if device is not None and device.type == "cuda":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise UsageError("this onnxruntime does not support CUDA: pip install onnxruntime-gpu, or use device cpu")
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    read_graph(path)  # Refuses external data, which the session would read.
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's own types have no common base
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"{path}: onnxruntime cannot run it: {first[:200]}") from None


def run_onnx(path: Path, arrays: Sequence[NDArray[Any]]) -> tuple[list[str], list[NDArray[Any]]]:
    """Return names and values of a file's outputs for inputs in order, by onnxruntime on the CPU."""
    session = open_session(path)
    named = {node.name: array for node, array in zip(session.get_inputs(), arrays, strict=True)}
    return [node.name for node in session.get_outputs()], session.run(None, named)


def _difference(name: str, reference: NDArray[Any], value: NDArray[Any]) -> OutputDifference:
    if reference.shape != value.shape:
        raise ValueError(f"output {name} is {list(value.shape)}, the network gives {list(reference.shape)}")
    apart = np.abs(value.astype(np.float64) - reference.astype(np.float64))
    largest = float(apart.max(initial=0))
    scale = max(float(np.abs(reference).max(initial=0)), 1e-12)
    return OutputDifference(name, reference.shape, largest, float(apart.mean()), largest / scale)
