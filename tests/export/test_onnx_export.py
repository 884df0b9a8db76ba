"""ONNX files: equal to the network, free batch, no index tensors, and a report that tells when they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.unpool import unpool
from gazenet.errors import UsageError
from gazenet.export.onnx_export import GraphForm, compare_onnx, export_onnx, inspect_onnx, run_onnx
from gazenet.testing.goldens import filled_state
from gazenet_plugins.stsanet.attention import LEVELS, attention_layers, attention_level
from gazenet_plugins.stsanet.fusion import fuse, fusion_layers, inception
from gazenet_plugins.stsanet.network import STSANet

pytest.importorskip("onnxscript", reason="the exporter is an extra: pip install 'gazenet[export]'")


class PutBack(nn.Module):
    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return unpool(x, values)


class ByIndices(nn.Module):
    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        places = F.max_pool3d(x, (1, 2, 2), return_indices=True)[1]
        return F.max_unpool3d(values, places, (1, 2, 2))


class Finest(nn.Module):
    """The first attention level with its two un-poolings, and one step of the fusion."""

    def __init__(self) -> None:
        super().__init__()
        for name, layer in {**attention_layers(0, 8, 12), **fusion_layers()}.items():
            self.add_module(name, layer)
        self.load_state_dict(filled_state(self))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        layers = dict(self.named_children())
        scale = attention_level(layers, 0, x, unpool)
        return scale, inception(layers, 2, fuse(layers, 2, scale.flip(3), scale))


def with_ties(batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 3, 4, 8, 12, generator=generator).relu(), torch.randn(
        batch, 3, 4, 4, 6, generator=generator
    )


def test_unpooling_is_exact_for_any_batch_and_without_indices(tmp_path: Path) -> None:
    path = tmp_path / "new" / "unpool.onnx"
    report = export_onnx(PutBack(), with_ties(), path, GraphForm(inputs=("x", "values"), outputs=("y",)))
    assert report.path == path and report.size == path.stat().st_size and report.nodes > 0
    assert report.worst == 0 and report.unfit == () and report.opset >= 17
    assert [(one.output, one.shape) for one in report.differences] == [("y", (2, 3, 4, 8, 12))]
    other = with_ties(3)
    names, (found,) = run_onnx(path, [one.numpy() for one in other])
    assert names == ["y"] and np.array_equal(found, ByIndices()(*other).numpy())
    assert [one.name for one in tmp_path.joinpath("new").iterdir()] == ["unpool.onnx"]
    assert str(report).endswith("y [2, 3, 4, 8, 12]: largest error 0 (0 of the largest value), mean 0")


def test_unpooling_is_exact_in_half_precision(tmp_path: Path) -> None:
    halves = [one.half() for one in with_ties()]
    assert export_onnx(PutBack(), halves, tmp_path / "half.onnx").worst == 0


def test_index_tensors_are_reported(tmp_path: Path) -> None:
    report = export_onnx(ByIndices(), with_ties(), tmp_path / "indices.onnx", GraphForm(free_batch=False))
    assert any("ScatterND" in fault for fault in report.unfit) and any("MaxPool" in fault for fault in report.unfit)
    assert "\nunfit: " in str(report)


@pytest.mark.slow
def test_attention_and_fusion_agree(tmp_path: Path) -> None:
    level = LEVELS[0]
    clip = torch.rand(2, level.channels, 4 * level.reduce, 8, 12, generator=torch.Generator().manual_seed(2))
    report = export_onnx(Finest(), [clip], tmp_path / "finest.onnx", GraphForm(outputs=("scale", "mixed")))
    assert [one.output for one in report.differences] == ["scale", "mixed"]
    # Where two values of a window are nearly equal, rounding decides where a result is put: single cells differ.
    assert report.unfit == () and report.worst < 1e-2
    assert all(one.mean < 1e-4 for one in report.differences)


def test_a_file_of_another_network_is_told_by_its_errors(tmp_path: Path) -> None:
    path, examples = tmp_path / "unpool.onnx", with_ties()
    export_onnx(PutBack(), examples, path)
    (difference,) = compare_onnx(PutBack(), examples, path)
    assert difference.largest == difference.mean == difference.relative == 0

    class Doubled(PutBack):
        def forward(self, x: Tensor, values: Tensor) -> Tensor:
            return 2 * super().forward(x, values)

    (difference,) = compare_onnx(Doubled(), examples, path)
    assert difference.relative == pytest.approx(0.5) and difference.largest == pytest.approx(
        float(examples[1].abs().max())
    )

    class Flat(PutBack):
        def forward(self, x: Tensor, values: Tensor) -> Tensor:
            return super().forward(x, values).flatten(1)

    with pytest.raises(ValueError, match="the network gives"):
        compare_onnx(Flat(), examples, path)


def test_a_failed_export_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object, **_options: object) -> None:
        raise ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")

    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(UsageError, match=r"needs onnxscript: pip install 'gazenet\[export\]'"):
        export_onnx(PutBack(), with_ties(), tmp_path / "unpool.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_whole_of_stsanet_agrees(tmp_path: Path) -> None:
    """Random weights nearly switch attention off; LayerNorms of scale one show that it is exact as well."""
    network = STSANet((64, 96))
    state = filled_state(network)
    for key in state:
        if key.startswith("ln_"):
            state[key].fill_(float(key.endswith("weight")))
    state["readout_2.4.weight"] *= 0.05  # keeps the sigmoid from saturating
    network.load_state_dict(state)
    network.eval()
    path = tmp_path / "stsanet.onnx"
    report = export_onnx(network, [torch.randn(2, 3, 32, 64, 96)], path, GraphForm(inputs=("clip",), outputs=("map",)))
    assert report.unfit == () and report.worst < 5e-3
    facts = inspect_onnx(path)
    assert facts.nodes == report.nodes < 1200
    path.unlink()  # half a gigabyte
