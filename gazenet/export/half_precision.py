"""Half precision for ONNX graphs, except where it fails.

Weights and most values become float16. What overflows or loses too much there stays float32: normalisations and sums
over whole maps, the products that a softmax turns into attention, softmax itself, and what makes a probability of the
result. What attention gives to a normalisation stays, too: it varies little around a mean that is taken away. And all
that comparisons decide by stays, back to the input: rounded values tie, and un-pooling then puts values elsewhere.
Inputs and outputs of the graph stay float32, so that a file takes the place of its single-precision form.
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
"""Inputs that the standard wants in their own type, by position."""

LARGEST = 65504.0


def halved(model: Any) -> Any:
    """The model (an ``onnx.ModelProto``, changed in place) in half precision, and the same model returned."""
    _Halving(model).run()
    return model


class _Halving:
    def __init__(self, model: Any) -> None:
        from onnx import TensorProto

        self._graph = model.graph
        self._single, self._half = int(TensorProto.FLOAT), int(TensorProto.FLOAT16)
        self._weights = {one.name: one for one in self._graph.initializer}
        self._floats = {name for name, one in described(model).items() if one.kind == self._single}
        self._floats |= {name for name, one in self._weights.items() if one.data_type == self._single}
        self._types = {one.name: self._single for one in self._graph.input}
        self._made: dict[tuple[str, int], str] = {}
        self._nodes: list[Any] = []

    def run(self) -> None:
        kept = self._kept()
        for node in list(self._graph.node):
            self._convert(node, self._single if node.output[0] in kept else self._half)
        self._finish_outputs()
        used = {name for node in self._nodes for name in node.input}
        weights = [one for name, one in self._weights.items() if name in used]
        del self._graph.node[:], self._graph.initializer[:], self._graph.value_info[:]
        self._graph.node.extend(self._nodes)
        self._graph.initializer.extend(weights)

    def _kept(self) -> set[str]:
        """Nodes that stay in single precision, by their first output."""
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
        """First outputs of the nodes that make some values, and of all that make the floats that these follow from."""
        found: set[str] = set()
        while names:
            node = maker.get(names.pop())
            if node is not None and node.output[0] not in found:
                found.add(node.output[0])
                names += [name for name in node.input if name in self._floats]
        return found

    def _has_floats(self, node: Any) -> bool:
        return any(name in self._floats for name in node.input)

    def _is_single(self, node: Any) -> bool:
        """Of a kind that stays, or without float inputs: a constant."""
        return node.op_type in SINGLE or is_steady(node) or not self._has_floats(node)

    def _convert(self, node: Any, wanted: int) -> None:
        fixed = PARAMETERS.get(node.op_type, ())
        for place, name in enumerate(node.input):
            if name in self._floats:
                node.input[place] = self._as(name, self._single if place in fixed else wanted)
        for name in node.output:
            if name in self._floats:
                self._types[name] = wanted
        self._nodes.append(node)

    def _as(self, name: str, wanted: int) -> str:
        """The name under which a value is there in a type; made where it is not yet."""
        if self._types.get(name, self._single) == wanted:
            return name
        if (name, wanted) not in self._made:
            made = f"{name}_{'half' if wanted == self._half else 'single'}"
            if name in self._weights:
                self._weights[made] = self._narrow(self._weights[name], made)
            else:
                self._cast(name, made, wanted)
            self._made[name, wanted] = made
        return self._made[name, wanted]

    def _narrow(self, weight: Any, name: str) -> Any:
        from onnx import numpy_helper

        values = np.clip(numpy_helper.to_array(weight), -LARGEST, LARGEST).astype(np.float16)
        return numpy_helper.from_array(values, name)

    def _cast(self, name: str, made: str, wanted: int) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node("Cast", [name], [made], f"cast_{made}", to=wanted))

    def _finish_outputs(self) -> None:
        """Outputs keep name and type: what made one in half precision gets another name, and a cast behind it."""
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
    """First outputs of the nodes from ``name`` back to the first of a kind in ``ends``; only passing ones between."""
    found: set[str] = set()
    known: dict[str, bool] = {}

    def reaches(value: str) -> bool:
        node = maker.get(value)
        if node is None:
            return False
        key = node.output[0]
        if key not in known:
            known[key] = False  # graphs have no circles; what is asked twice was answered
            reached = [reaches(one) for one in node.input] if node.op_type in PASSING else []
            known[key] = any(reached) or node.op_type in ends
            if known[key]:
                found.add(key)
        return known[key]

    reaches(name)
    return found
