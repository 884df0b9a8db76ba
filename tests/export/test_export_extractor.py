"""An extractor's network becomes a file; those without one say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gazenet.cues.registry import Entry
from gazenet.cues.spec import ExtractorSpec
from gazenet.cues.types import AssetPath
from gazenet.errors import UsageError
from gazenet.export import extractor as room
from gazenet.export.extractor import export_extractor
from gazenet.export.onnx import run_onnx
from gazenet.testing.fakes import entry_of


class Bright:
    """An extractor of brightness with a gain that is known only after loading."""

    spec = ExtractorSpec(
        name="bright", summary="Bright", cue="other", implementation="tests:Bright", parameters={"bias": 0.5}
    )

    def __init__(self, bias: float) -> None:
        self.bias = bias

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        self.loaded = nn.Conv2d(3, 1, 1, device=device, dtype=dtype)
        nn.init.constant_(self.loaded.weight, float(asset_path("gain").name))
        nn.init.constant_(self.loaded.bias, self.bias)

    def network(self) -> tuple[nn.Module, tuple[Tensor, ...]]:
        return self.loaded, (torch.rand(2, 3, 4, 6),)


class Opaque(Bright):
    network = None  # type: ignore[assignment]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(name: str) -> Entry[ExtractorSpec]:
        return entry_of({"bright": Bright, "opaque": Opaque}[name])

    monkeypatch.setattr(room, "get", get)


@pytest.mark.usefixtures("installed")
def test_the_loaded_network_is_written(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the exporter is an extra")
    path = tmp_path / "bright.onnx"
    report = export_extractor("bright", {"bias": 0.25}, path, lambda _: Path("2"))
    assert report.worst < 1e-6
    x = torch.rand(3, 3, 4, 6)
    names, (found,) = run_onnx(path, [x.numpy()])
    assert names == ["output"]
    assert torch.allclose(torch.from_numpy(found), 2 * x.sum(1, keepdim=True) + 0.25, atol=1e-5)


@pytest.mark.usefixtures("installed")
def test_extractors_without_a_network_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="opaque: its network cannot be exported: Opaque has no method network"):
        export_extractor("opaque", {}, tmp_path / "opaque.onnx", Path)
    with pytest.raises(UsageError, match="unknown parameter 'bais'; did you mean 'bias'"):
        export_extractor("bright", {"bais": 1.0}, tmp_path / "bright.onnx", Path)
