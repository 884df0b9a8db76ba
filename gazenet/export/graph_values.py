"""Types and sizes of the values of an ONNX graph, and the number of multiplications that make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

SMALL = 1000
"""The largest number of values in a weight that may be a shape, from which further types follow."""

PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")


class GraphValue(NamedTuple):
    """``kind``: element type, a number of ``onnx.TensorProto``; ``sizes`` of the axes, 1 for free ones."""

    kind: int
    sizes: tuple[int, ...]


def described(model: Any) -> dict[str, GraphValue]:
    """Return all values of an ``onnx.ModelProto`` whose type can be inferred, without copying large weights."""
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
    inferred = onnx.shape_inference.infer_shapes(light).graph
    values = {info.name: _value(info) for info in (*inferred.input, *inferred.output, *inferred.value_info)}
    weights = {weight.name: GraphValue(weight.data_type, tuple(weight.dims)) for weight in model.graph.initializer}
    return values | weights


def _value(info: Any) -> GraphValue:
    kind = info.type.tensor_type
    return GraphValue(kind.elem_type, tuple(max(1, axis.dim_value) for axis in kind.shape.dim))


def products(model: Any) -> Counter[str]:
    """Count the multiplications in the convolutions and matrix products of a model, by type (``float32``, ...).

    Operators of unknown sizes are left out.
    """
    import onnx

    values, counts = described(model), Counter[str]()
    for node in model.graph.node:
        if node.op_type in PRODUCTS and values.keys() >= {*node.input[:2], node.output[0]}:
            kind = onnx.helper.tensor_dtype_to_np_dtype(values[node.output[0]].kind)
            counts[kind.name] += _multiplications(node, values)
    return counts


def _multiplications(node: Any, values: Mapping[str, GraphValue]) -> int:
    """Count the terms of the sums: of every output value, or every input value of a transposed convolution."""
    first, second, out = (values[name].sizes for name in (*node.input[:2], node.output[0]))
    if node.op_type in ("Conv", "ConvTranspose"):
        return int(np.prod(out if node.op_type == "Conv" else first) * np.prod(second[1:]))
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return int(np.prod(out) * first[-2 if transposed else -1])
