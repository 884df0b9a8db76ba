"""TensorRT engines: built where TensorRT is installed; refusals need none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.unpool import unpool
from gazenet.errors import UsageError
from gazenet.export import tensorrt_build as room
from gazenet.export.onnx_export import GraphForm, export_onnx
from gazenet.export.tensorrt_build import build_engine, tensorrt_module

pytest.importorskip("onnxscript", reason="the exporter is an extra")


class PutBack(nn.Module):
    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return unpool(x, values)


class ByIndices(nn.Module):
    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return F.max_unpool3d(values, F.max_pool3d(x, (1, 2, 2), return_indices=True)[1], (1, 2, 2))


def examples(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return torch.rand(2, 3, 4, 8, 12).to(dtype), torch.rand(2, 3, 4, 4, 6).to(dtype)


@pytest.fixture
def installed() -> None:
    try:
        tensorrt_module()
    except UsageError as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_exact_unpooling_becomes_an_engine(dtype: torch.dtype, tmp_path: Path) -> None:
    export_onnx(PutBack(), examples(dtype), tmp_path / "unpool.onnx")
    size = build_engine(tmp_path / "unpool.onnx", tmp_path / "unpool.engine", batch=(1, 2, 4), workspace=1 << 28)
    assert size == (tmp_path / "unpool.engine").stat().st_size > 1000


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_other_free_axes_are_refused(tmp_path: Path) -> None:
    pooling = nn.MaxPool2d(2).eval()
    free = {0: torch.export.Dim("n"), 2: torch.export.Dim("h", min=2)}
    torch.onnx.export(
        pooling, (torch.rand(2, 3, 8, 8),), tmp_path / "pool.onnx", dynamic_shapes=(free,), dynamo=True, verbose=False
    )
    with pytest.raises(UsageError, match="has free axes beside the first"):
        build_engine(tmp_path / "pool.onnx", tmp_path / "pool.engine")


def test_index_tensors_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    export_onnx(ByIndices(), examples(), tmp_path / "indices.onnx", GraphForm(free_batch=False))
    with pytest.raises(UsageError, match=r"indices\.onnx: TensorRT cannot take ScatterND .*MaxPool with indices"):
        build_engine(tmp_path / "indices.onnx", tmp_path / "indices.engine")
    assert not (tmp_path / "indices.engine").exists()


def test_without_tensorrt_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_onnx(PutBack(), examples(), tmp_path / "unpool.onnx")
    monkeypatch.setattr(room, "MODULES", ("no_such_tensorrt",))
    with pytest.raises(UsageError, match="TensorRT is not installed: pip install"):
        build_engine(tmp_path / "unpool.onnx", tmp_path / "unpool.engine")
