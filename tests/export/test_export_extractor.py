"""An extractor's network becomes a file; those without one say so."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import pytest
import torch
from lent_networks import NETWORKS
from torch import nn

from gazenet.cues.exportable import Exportable, FunctionModule, SelectedOutputs, fixed_size, free_size, noise
from gazenet.cues.extractor import AssetPath
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry
from gazenet.errors import UsageError
from gazenet.export import export_subject as room
from gazenet.export.export_subject import extractor_subject, weights_digest, why_not
from gazenet.export.onnx_export import facts_of, run_onnx
from gazenet.testing.fakes import entry_of

OF_FUNCTIONS = ("gaze360", "videogaze", "st_abn", "unisal")
"""Extractors that export functions of their networks."""


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
        self.run = self.loaded

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        height, width = free_size("bright", size, (4, 6), 2)
        use = partial(setattr, self, "run")
        return Exportable(self.loaded, (noise(2, 3, height, width),), ("frame",), ("bright",), use=use)


class Opaque(Bright):
    exportable = None  # type: ignore[assignment]


class Geometry(Opaque):
    not_exportable = "geometry without a network"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(name: str) -> PluginEntry[ExtractorSpec]:
        return entry_of({"bright": Bright, "opaque": Opaque, "geometry": Geometry}[name])

    monkeypatch.setattr(room, "get", get)


@pytest.mark.usefixtures("installed")
def test_the_loaded_network_is_written(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the exporter is an extra")
    path = tmp_path / "bright.onnx"
    report = extractor_subject("bright", {"bias": 0.25}, lambda _: Path("2")).write(path)
    assert report.worst < 1e-6
    x = torch.rand(3, 3, 4, 6)
    names, (found,) = run_onnx(path, [x.numpy()])
    assert names == ["bright"]
    assert torch.allclose(torch.from_numpy(found), 2 * x.sum(1, keepdim=True) + 0.25, atol=1e-5)
    facts = facts_of(path)
    assert (facts["network"], facts["precision"]) == ("bright", "fp32")
    again = extractor_subject("bright", {"bias": 0.25}, lambda _: Path("2"))
    other = extractor_subject("bright", {"bias": 0.5}, lambda _: Path("2"))
    assert facts["weights"] == weights_digest(again.whole.network) != weights_digest(other.whole.network)


@pytest.mark.usefixtures("installed")
def test_extractors_without_a_network_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="opaque: cannot be exported: Opaque has no method exportable"):
        extractor_subject("opaque", {}, Path).write(tmp_path / "opaque.onnx")
    with pytest.raises(UsageError, match="geometry: cannot be exported: geometry without a network"):
        extractor_subject("geometry", {}, Path).write(tmp_path / "geometry.onnx")
    with pytest.raises(UsageError, match="unknown parameter 'bais'; did you mean 'bias'"):
        extractor_subject("bright", {"bais": 1.0}, Path).write(tmp_path / "bright.onnx")
    assert why_not(Bright) is None and why_not(Bright(0.5)) is None


@pytest.mark.usefixtures("installed")
def test_sizes_are_chosen_or_refused() -> None:
    subject = extractor_subject("bright", {}, lambda _: Path("2"), (8, 2))
    assert subject.whole.examples[0].shape == (2, 3, 8, 2)
    with pytest.raises(UsageError, match="bright: size 7x6: height and width must be multiples of 2"):
        extractor_subject("bright", {}, lambda _: Path("2"), (7, 6))
    assert fixed_size("one", None, (4, 6)) == fixed_size("one", (4, 6), (4, 6)) == (4, 6)
    with pytest.raises(UsageError, match="one: its weights are made for 4x6 "):
        fixed_size("one", (6, 4), (4, 6))


def test_wrapped_networks_stay_in_the_mode_they_are_in() -> None:
    inner = nn.Dropout(0.9).eval()
    for wrapped in (SelectedOutputs(inner, lambda x: x), FunctionModule(inner, nn.Dropout.forward)):
        assert not any(module.training for module in wrapped.modules())
    assert FunctionModule(nn.Dropout(0.9), nn.Dropout.forward).training


@pytest.mark.parametrize("name", ["saliency", *(pytest.param(name, marks=pytest.mark.slow) for name in OF_FUNCTIONS)])
def test_a_copy_of_what_is_exported_computes_with_its_own_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = NETWORKS[name](tmp_path, monkeypatch)
    for part in (lent, *lent.parts.values()):
        copied = copy.deepcopy(part.network)
        for value in part.network.parameters():
            value.data.fill_(torch.nan)
        with torch.inference_mode():
            outputs = copied(*part.examples)
        assert all(torch.isfinite(one).all() for one in ([outputs] if isinstance(outputs, torch.Tensor) else outputs))
        part.network.load_state_dict(copied.state_dict())
