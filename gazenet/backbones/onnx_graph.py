"""ONNX files as backbones: free their fixed sizes, cut them at inner tensors, run them with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def free_sizes(value: Any, axes: Sequence[int]) -> None:
    """Makes the named axes of a graph's input or output symbolic, so that any size is accepted."""
    dims = value.type.tensor_type.shape.dim
    for axis in axes:
        if axis < len(dims):
            dims[axis].Clear()
            dims[axis].dim_param = f"{value.name}_{axis}"


def cut_at(model: Any, outputs: Sequence[str]) -> None:
    """Keeps only what the named inner tensors need and makes them the graph's outputs."""
    from onnx import TensorProto, helper

    graph = model.graph
    needed, kept = set(outputs), []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output):
            kept.append(node)
            needed.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [one for one in graph.initializer if one.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)


class OnnxNetwork:
    """An ONNX file of any input size, on the CPU.

    Args:
        path: the file.
        free: axes to free per input (and for every output: all but the channels of an NCHW tensor).
        outputs: inner tensors to return instead of the declared outputs.
        threads: threads inside one operator.
    """

    def __init__(
        self,
        path: Path,
        free: Mapping[int, Sequence[int]] | None = None,
        outputs: Sequence[str] | None = None,
        threads: int = 1,
    ) -> None:
        import onnx
        import onnxruntime

        model = onnx.load(str(path))
        for position, axes in (free or {}).items():
            free_sizes(model.graph.input[position], axes)
            for value in model.graph.output:
                free_sizes(value, (0, 2, 3))
        if outputs is not None:
            cut_at(model, outputs)
        if free:
            del model.graph.value_info[:]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads that spin would take the core of the stage that runs beside this one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [value.name for value in self._session.get_inputs()]

    def __call__(self, *arrays: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Runs the graph on its inputs in order."""
        return self.run(**dict(zip(self.inputs, arrays, strict=True)))

    def run(self, **arrays: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Runs the graph on its inputs by name."""
        return [np.asarray(output) for output in self._session.run(None, arrays)]
