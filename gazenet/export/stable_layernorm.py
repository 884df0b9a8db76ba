"""Large LayerNorms of ONNX graphs, written so that no runtime's way of adding up spoils them.

A LayerNorm over a whole block of features is one operator, and onnxruntime 1.31 adds the millions of values and of
squares of such a block one after the other in single precision: of the result three or four digits are right, in
PyTorch seven. Taken along one axis after the other, and of squares when the mean is gone, no sum is long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

LONG = 1 << 12
"""Values of a sum from which on its rounding counts; smaller norms stay one operator."""

PREFIX = "by_axes_"
"""Begins the names of the operators that are put in, all of which have to compute in single precision."""


def steadied(model: Any) -> Any:
    """The model (an ``onnx.ModelProto``, changed in place) its large LayerNorms by axes; returns the same."""
    graph = model.graph
    sizes = {one.name: tuple(one.dims) for one in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        shape = sizes.get(node.input[1], ()) if node.op_type == "LayerNormalization" else ()
        nodes.extend(_by_axes(graph, node, len(shape)) if np.prod(shape, dtype=int) > LONG else [node])
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def is_steady(node: Any) -> bool:
    """Whether an operator is part of a LayerNorm by axes."""
    return bool(node.name.startswith(PREFIX))


def _by_axes(graph: Any, node: Any, rank: int) -> Iterable[Any]:
    """The operators of a norm over the last ``rank`` axes: (x - mean) / sqrt(variance + epsilon) * scale + bias."""
    from onnx import helper

    stem = f"{PREFIX}{node.output[0]}"
    epsilon = next((one.f for one in node.attribute if one.name == "epsilon"), 1e-5)
    made: list[Any] = []

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{stem}_{len(made)}"
        made.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def mean(value: str) -> str:
        for axis in axes:
            value = add("ReduceMean", value, axis, keepdims=1)
        return value

    axes = [_constant(graph, f"{PREFIX}axis_{axis}", np.array([-axis], np.int64)) for axis in range(1, rank + 1)]
    small = _constant(graph, f"{stem}_epsilon", np.array(epsilon, np.float32))
    centred = add("Sub", node.input[0], mean(node.input[0]))
    variance = add("Add", mean(add("Mul", centred, centred)), small)
    add("Mul", add("Div", centred, add("Sqrt", variance)), node.input[1])
    if len(node.input) > 2 and node.input[2]:
        add("Add", made[-1].output[0], node.input[2])
    made[-1].output[0] = node.output[0]
    return made


def _constant(graph: Any, name: str, value: np.ndarray) -> str:
    """The name of a constant, added to the graph unless it is there."""
    from onnx import numpy_helper

    if all(one.name != name for one in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(value, name))
    return name
