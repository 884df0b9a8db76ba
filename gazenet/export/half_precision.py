"""Half precision for ONNX graphs, except where it fails.

Weights and most values become float16. Operators that overflow or lose too much there stay float32: norms and sums
over whole maps, the products that a softmax turns into attention, softmax itself, and the operators that turn the
result into a probability. The output of attention stays float32 before a norm, because it varies little around the
mean that is subtracted. All values that comparisons depend on stay float32, back to the input: rounded values tie, and
un-pooling then moves values. Inputs and outputs of the graph stay float32, so that a file can replace its
single-precision form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gazenet.export.graph_values import described
from gazenet.export.stable_layernorm import is_steady

SINGLE = frozenset(
    {
        *("LayerNormalization", "GroupNormalization", "InstanceNormalization", "BatchNormalization"),
        *("Softmax", "LogSoftmax", "ReduceMean", "ReduceSum", "ReduceL2", "ReduceLogSumExp", "GlobalAveragePool"),
        *("Exp", "Log", "Pow", "Cast", "CastLike", "LSTM", "GRU"),
    }
)
"""Operators that compute in float32: sums of millions of values leave the range of float16 at 65504."""

SQUASHING = frozenset({"Sigmoid", "Tanh", "Softplus"})
PRODUCTS = frozenset({"MatMul", "Gemm", "Einsum"})
PASSING = frozenset(
    {
        *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Concat", "Where"),
        *("Mul", "Div", "Add", "Sub"),
    }
)
"""Operators between a product and the softmax or normalisation of it, or between a squashing and the graph's end."""

COMPARISONS = frozenset({"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"})

PARAMETERS = {"Resize": (1, 2), "Upsample": (1,), "Range": (0, 1, 2), "OneHot": (2,)}
"""Inputs that the standard requires in their own type, by position."""

LARGEST = 65504.0


def halved(model: Any) -> Any:
    """Convert a model (an ``onnx.ModelProto``) to half precision in place; return it."""
    _Halving(model).run()
    return model


class _Halving:
    def __init__(self, model: Any) -> None:
        from onnx import TensorProto

        self._graph = model.graph
        self._single, self._half = int(TensorProto.FLOAT), int(TensorProto.FLOAT16)
        self._weights = {weight.name: weight for weight in self._graph.initializer}
        self._floats = {name for name, value in described(model).items() if value.kind == self._single}
        self._floats |= {name for name, weight in self._weights.items() if weight.data_type == self._single}
        self._types = {entry.name: self._single for entry in self._graph.input}
        self._converted: dict[tuple[str, int], str] = {}
        self._nodes: list[Any] = []

    def run(self) -> None:
        """Convert the graph."""
        kept = self._kept()
        for node in list(self._graph.node):
            self._convert(node, self._single if node.output[0] in kept else self._half)
        self._finish_outputs()
        used = {name for node in self._nodes for name in node.input}
        weights = [weight for name, weight in self._weights.items() if name in used]
        del self._graph.node[:], self._graph.initializer[:], self._graph.value_info[:]
        self._graph.node.extend(self._nodes)
        self._graph.initializer.extend(weights)

    def _kept(self) -> set[str]:
        """Return the nodes that stay in single precision, by their first output."""
        maker = {name: node for node in self._graph.node for name in node.output}
        kept = {node.output[0] for node in self._graph.node if self._is_single(node)}
        for node in self._graph.node:
            if node.op_type in ("Softmax", "LogSoftmax", "LayerNormalization") or is_steady(node):
                kept |= _chain(maker, node.input[0], PRODUCTS)
        for output in self._graph.output:
            kept |= _chain(maker, output.name, SQUASHING)
        deciding = [node for node in self._graph.node if node.op_type in COMPARISONS and self._has_floats(node)]
        return kept | self._before(maker, [node.output[0] for node in deciding])

    def _before(self, maker: dict[str, Any], names: list[str]) -> set[str]:
        """Return first outputs of the nodes that make some values, and of all nodes whose floats these depend on."""
        before: set[str] = set()
        while names:
            node = maker.get(names.pop())
            if node is not None and node.output[0] not in before:
                before.add(node.output[0])
                names += [name for name in node.input if name in self._floats]
        return before

    def _has_floats(self, node: Any) -> bool:
        return any(name in self._floats for name in node.input)

    def _is_single(self, node: Any) -> bool:
        """Return whether a node is of a kind that stays, or has no float inputs (a constant)."""
        return node.op_type in SINGLE or is_steady(node) or not self._has_floats(node)

    def _convert(self, node: Any, kind: int) -> None:
        fixed = PARAMETERS.get(node.op_type, ())
        for place, name in enumerate(node.input):
            if name in self._floats:
                node.input[place] = self._as(name, self._single if place in fixed else kind)
        for name in node.output:
            if name in self._floats:
                self._types[name] = kind
        self._nodes.append(node)

    def _as(self, name: str, kind: int) -> str:
        """Return the name of a value in a type; convert it if needed."""
        if self._types.get(name, self._single) == kind:
            return name
        if (name, kind) not in self._converted:
            other = f"{name}_{'half' if kind == self._half else 'single'}"
            if name in self._weights:
                self._weights[other] = self._narrow(self._weights[name], other)
            else:
                self._cast(name, other, kind)
            self._converted[name, kind] = other
        return self._converted[name, kind]

    def _narrow(self, weight: Any, name: str) -> Any:
        from onnx import numpy_helper

        values = np.clip(numpy_helper.to_array(weight), -LARGEST, LARGEST).astype(np.float16)
        return numpy_helper.from_array(values, name)

    def _cast(self, name: str, target: str, kind: int) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node("Cast", [name], [target], f"cast_{target}", to=kind))

    def _finish_outputs(self) -> None:
        """Keep names and types of the outputs: a value in half precision is renamed and cast to the output."""
        for output in self._graph.output:
            if self._types.get(output.name) != self._half:
                continue
            inner = f"{output.name}_half"
            for node in self._nodes:
                for names in (node.input, node.output):
                    for place, name in enumerate(names):
                        if name == output.name:
                            names[place] = inner
            self._cast(inner, output.name, self._single)


def _chain(maker: dict[str, Any], name: str, ends: frozenset[str]) -> set[str]:
    """Return first outputs of the nodes from ``name`` back to the first kind in ``ends``, through passing nodes."""
    chain: set[str] = set()
    results: dict[str, bool] = {}

    def reaches(value: str) -> bool:
        node = maker.get(value)
        if node is None:
            return False
        key = node.output[0]
        if key not in results:
            results[key] = False
            reached = [reaches(source) for source in node.input] if node.op_type in PASSING else []
            results[key] = any(reached) or node.op_type in ends
            if results[key]:
                chain.add(key)
        return results[key]

    reaches(name)
    return chain
