"""What keeps graphs near their networks: long sums by axes, and what has to stay in single precision in half ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gazenet.backbones.onnx_graph import read_graph
from gazenet.backbones.unpool import unpool
from gazenet.export.graph_values import described, products
from gazenet.export.half_precision import halved
from gazenet.export.onnx_export import GraphForm, compare_onnx, export_onnx, run_onnx
from gazenet.export.stable_layernorm import LONG, is_steady

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript", reason="the exporter is an extra: pip install 'gazenet[export]'")

FLOAT, HALF = 1, 10


BLOCK = (96, 4, 56, 96)


def blocks(batch: int) -> Tensor:
    """What un-pooling leaves: mostly zeros. Two million values, added one after the other, lose three digits."""
    values = torch.randn(batch, *BLOCK, generator=torch.Generator().manual_seed(3))
    return torch.where(values > 0.7, 100 * values, 0)


def norm(*shape: int) -> nn.LayerNorm:
    made = nn.LayerNorm(shape)
    nn.init.normal_(made.weight, generator=torch.Generator().manual_seed(4))
    nn.init.normal_(made.bias, generator=torch.Generator().manual_seed(5))
    return made


def test_a_large_norm_is_as_exact_as_in_pytorch(tmp_path: Path) -> None:
    path, layer = tmp_path / "norm.onnx", norm(*BLOCK)
    report = export_onnx(layer, [blocks(2)], path)
    assert report.worst < 2e-6, str(report)
    kinds = {node.op_type for node in read_graph(path).graph.node}
    assert "LayerNormalization" not in kinds and "ReduceMean" in kinds
    (found,) = run_onnx(path, [blocks(3).numpy()])[1]
    assert np.allclose(found, layer(blocks(3)).detach().numpy(), atol=1e-5)


def test_an_ordinary_norm_stays_one_operator(tmp_path: Path) -> None:
    export_onnx(norm(LONG), [torch.randn(2, LONG)], tmp_path / "norm.onnx")
    assert [node.op_type for node in read_graph(tmp_path / "norm.onnx").graph.node] == ["LayerNormalization"]


class Decides(nn.Module):
    """Where values are put follows from one convolution, and what is put there from another one."""

    def __init__(self) -> None:
        super().__init__()
        self.where, self.what = nn.Conv3d(3, 24, 1), nn.Conv3d(3, 24, (1, 2, 2), (1, 2, 2))
        self.norm = norm(24, 4, 40, 60)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(unpool(self.where(x), self.what(x)))


def test_what_decides_and_what_norms_stays_single(tmp_path: Path) -> None:
    torch.manual_seed(6)
    network, clip, path = Decides().eval(), torch.randn(2, 3, 4, 40, 60), tmp_path / "half.onnx"
    report = export_onnx(network, [clip], path, GraphForm(half=True))
    model = read_graph(path)
    kinds = {name: one.kind for name, one in described(model).items()}
    convolutions = {node.input[1]: kinds[node.output[0]] for node in model.graph.node if node.op_type == "Conv"}
    assert convolutions == {"where.weight": FLOAT, "what.weight_half": HALF}
    steady = [node for node in model.graph.node if is_steady(node)]
    assert steady and all(kinds[node.output[0]] == FLOAT for node in steady)
    # Of 3 * 24 products for each of four cells in one, 12 * 24 for one of four cells in the other.
    assert report.half == pytest.approx(0.5) and "50% of the multiplications in half precision" in str(report)
    assert report.differences[0].mean < 2e-3 and report.worst < 0.01


@pytest.mark.slow
def test_a_file_in_single_precision_halves_to_the_same(tmp_path: Path) -> None:
    torch.manual_seed(6)
    network, clip = Decides().eval(), torch.randn(2, 3, 4, 40, 60)
    at_once, later = tmp_path / "half.onnx", tmp_path / "single.onnx"
    report = export_onnx(network, [clip], at_once, GraphForm(half=True))
    assert export_onnx(network, [clip], later).half == 0
    onnx.save(halved(read_graph(later)), later)
    assert products(read_graph(later)) == products(read_graph(at_once))
    assert compare_onnx(network, [clip], later) == report.differences


def test_products_are_counted_by_type() -> None:
    def model(*nodes: object, **sizes: list[int]) -> object:
        ends = [onnx.helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in sizes.items()]
        graph = onnx.helper.make_graph(list(nodes), "g", ends[:-1], ends[-1:])
        domains = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("elsewhere", 1)]
        return onnx.helper.make_model(graph, opset_imports=domains)

    node = onnx.helper.make_node
    transposed = node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    assert products(model(transposed, x=[1, 3, 5, 5], w=[3, 4, 2, 2], y=[1, 4, 10, 10])) == {"float32": 75 * 16}
    gemm = node("Gemm", ["a", "b"], ["y"], transA=1)
    assert products(model(gemm, a=[7, 5], b=[7, 2], y=[5, 2])) == {"float32": 70}
    product = node("MatMul", ["a", "b"], ["y"])
    assert products(model(product, a=["batch", 5, 7], b=[7, 2], y=["batch", 5, 2])) == {"float32": 70}
    unknown = node("Mystery", ["a"], ["x"], domain="elsewhere"), node("MatMul", ["x", "b"], ["y"])
    assert products(model(*unknown, a=[5, 7], b=[7, 2], y=[5, 2])) == {}
