"""ONNX files as backbones: free fixed sizes, cut graphs at inner tensors, run them with onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.errors import UsageError


def read_graph(path: Path) -> Any:
    """Read the ``onnx.ModelProto`` of a file that contains all of its weights.

    Raises UsageError for a file that is not an ONNX model, and for one whose weights are in other files: a downloaded
    network must not choose which files of this machine are read.
    """
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception:  # whatever the decoder of protocol buffers raises
        raise UsageError(f"{path}: not an ONNX file") from None
    if not model.graph.node:
        raise UsageError(f"{path}: not an ONNX file")
    location = next(_locations(model), None)
    if location is not None:
        raise UsageError(
            f"{path}: its weights lie in another file ({location[:100]!r}), which is not read: save it as one file "
            "(onnx.save_model(model, path, save_as_external_data=False))"
        )
    return model


def _locations(message: Any) -> Iterator[str]:
    """Yield the locations of external data of all tensors in a message, including sub-graphs and functions."""
    from onnx import TensorProto

    if isinstance(message, TensorProto):
        if message.data_location == TensorProto.EXTERNAL or message.external_data:
            yield next((one.value for one in message.external_data if one.key == "location"), "")
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                if hasattr(part, "ListFields"):
                    yield from _locations(part)


def free_sizes(value: Any, axes: Sequence[int]) -> None:
    """Make axes of a graph's input or output symbolic, so that any size is accepted."""
    dims = value.type.tensor_type.shape.dim
    for axis in axes:
        if axis < len(dims):
            dims[axis].Clear()
            dims[axis].dim_param = f"{value.name}_{axis}"


def cut_at(model: Any, outputs: Sequence[str]) -> None:
    """Keep only what the named inner tensors need, and make them the outputs of the graph."""
    from onnx import TensorProto, helper

    graph = model.graph
    needed, nodes = set(outputs), []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output):
            nodes.append(node)
            needed.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(nodes))
    weights = [one for one in graph.initializer if one.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)


class OnnxNetwork:
    """An ONNX network for inputs of any size, run on the CPU.

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
        import onnxruntime

        model = read_graph(path)
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
        # Spinning threads would take the core of a stage that runs in parallel.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [value.name for value in self._session.get_inputs()]

    def __call__(self, *arrays: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Run the graph on its inputs in order."""
        return self.run(**dict(zip(self.inputs, arrays, strict=True)))

    def run(self, **arrays: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Run the graph on its inputs by name."""
        return [np.asarray(output) for output in self._session.run(None, arrays)]
