"""What the values of an ONNX graph are, and how much work it is to make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

SMALL = 1000
"""Values of a weight that may be the shape of something, which tells further types."""

PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")


class GraphValue(NamedTuple):
    """``kind``: element type, a number of ``onnx.TensorProto``; ``sizes`` of the axes, 1 for free ones."""

    kind: int
    sizes: tuple[int, ...]


def described(model: Any) -> dict[str, GraphValue]:
    """All values of a model (an ``onnx.ModelProto``) whose type can be told, without moving large weights about."""
    import onnx

    light = onnx.ModelProto()
    light.CopyFrom(onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import))
    graph = light.graph
    graph.name = "types"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    for weight in model.graph.initializer:
        if len(weight.dims) and int(np.prod(weight.dims)) > SMALL:
            graph.input.append(onnx.helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
        else:
            graph.initializer.append(weight)
    told = onnx.shape_inference.infer_shapes(light).graph
    values = {one.name: _value(one) for one in (*told.input, *told.output, *told.value_info)}
    weights = {one.name: GraphValue(one.data_type, tuple(one.dims)) for one in model.graph.initializer}
    return values | weights


def _value(told: Any) -> GraphValue:
    kind = told.type.tensor_type
    return GraphValue(kind.elem_type, tuple(max(1, axis.dim_value) for axis in kind.shape.dim))


def products(model: Any) -> Counter[str]:
    """Multiplications in the convolutions and matrix products of a model, by type: ``float32``, ``float16``, ...

    Those whose sizes cannot be told are left out.
    """
    import onnx

    values, found = described(model), Counter[str]()
    for node in model.graph.node:
        if node.op_type in PRODUCTS and values.keys() >= {*node.input[:2], node.output[0]}:
            kind = onnx.helper.tensor_dtype_to_np_dtype(values[node.output[0]].kind)
            found[kind.name] += _multiplications(node, values)
    return found


def _multiplications(node: Any, values: Mapping[str, GraphValue]) -> int:
    """As many as the sums have terms: of every value that comes out, of a transposed convolution that goes in."""
    first, second, out = (values[name].sizes for name in (*node.input[:2], node.output[0]))
    if node.op_type in ("Conv", "ConvTranspose"):
        return int(np.prod(out if node.op_type == "Conv" else first) * np.prod(second[1:]))
    transposed = any(one.name == "transA" and one.i for one in node.attribute)
    return int(np.prod(out) * first[-2 if transposed else -1])
