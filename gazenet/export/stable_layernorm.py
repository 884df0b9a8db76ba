"""Large LayerNorms of ONNX graphs, rewritten so that the order of summation in a runtime does not spoil them.

A LayerNorm over a whole block of features is one operator, and onnxruntime 1.31 adds the millions of values and of
squares of such a block one after the other in single precision: three or four digits of the result are right, seven in
PyTorch. Sums along one axis after the other, and of squares after the mean is subtracted, stay short.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

LONG = 1 << 12
"""The number of values in a norm above which it is rewritten; smaller norms stay one operator."""

PREFIX = "by_axes_"
"""The prefix of the names of inserted operators, all of which have to compute in single precision."""


def steadied(model: Any) -> Any:
    """Rewrite the large LayerNorms of a model (an ``onnx.ModelProto``) in place, by axes; return the model."""
    graph = model.graph
    sizes = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        shape = sizes.get(node.input[1], ()) if node.op_type == "LayerNormalization" else ()
        nodes.extend(_by_axes(graph, node, len(shape)) if np.prod(shape, dtype=int) > LONG else [node])
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def is_steady(node: Any) -> bool:
    """Return whether an operator is part of a LayerNorm by axes."""
    return bool(node.name.startswith(PREFIX))


def _by_axes(graph: Any, node: Any, rank: int) -> Iterable[Any]:
    """Return a norm over the last ``rank`` axes: (x - mean) / sqrt(variance + epsilon) * scale + bias."""
    from onnx import helper

    stem = f"{PREFIX}{node.output[0]}"
    epsilon = next((entry.f for entry in node.attribute if entry.name == "epsilon"), 1e-5)
    operators: list[Any] = []

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{stem}_{len(operators)}"
        operators.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
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
        add("Add", operators[-1].output[0], node.input[2])
    operators[-1].output[0] = node.output[0]
    return operators


def _constant(graph: Any, name: str, value: np.ndarray) -> str:
    """Return the name of a constant; add it to the graph unless it exists."""
    from onnx import numpy_helper

    if all(weight.name != name for weight in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(value, name))
    return name
