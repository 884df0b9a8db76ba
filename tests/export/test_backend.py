"""Networks run by onnxruntime in the place of PyTorch: the same results, one file each, refusals in one line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from gazenet.config.runtime import RuntimeConfig
from gazenet.cues.exportable import Call, Exportable
from gazenet.errors import UsageError
from gazenet.export import backend as room
from gazenet.export.backend import FOLDER, BackendOwner, OnnxRunner, attach_backend
from gazenet.export.onnx_export import GraphForm, export_onnx

pytest.importorskip("onnxscript", reason="the exporter is an extra: pip install 'gazenet[export]'")

CPU = torch.device("cpu")
ONNX = RuntimeConfig(backend="onnxruntime")
OWNER = BackendOwner("toy", {"version": "1"})


class Seeing(nn.Module):
    """A clip, and its sound if there is any, to two values."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv1d(3, 4, 3, padding=1)

    def forward(self, clip: Tensor, sound: Tensor | None = None) -> tuple[Tensor, Tensor]:
        seen = torch.sigmoid(self.layer(clip))
        return seen if sound is None else seen + sound, seen.mean(2)


class Toy:
    def __init__(self) -> None:
        self.network = Seeing().eval()
        self.run: Call = self.network

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        examples = torch.rand(2, 3, 8), torch.rand(2, 4, 8)
        names = ("clip", "sound"), ("map", "mean")
        return Exportable(self.network, examples, *names, use=partial(setattr, self, "run"))


class InParts(Toy):
    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        whole = super().exportable()
        return Exportable(whole.network, whole.examples, parts={"whole": whole})


@pytest.fixture
def toy() -> Toy:
    return Toy()


def same(toy: Toy, *inputs: Tensor | None, tolerance: float = 1e-6) -> None:
    with torch.inference_mode():
        found, wanted = toy.run(*inputs), toy.network(*inputs)
    assert isinstance(found, tuple) and len(found) == 2
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=0)


def test_a_network_is_called_elsewhere(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attach_backend(OWNER, toy, ONNX, tmp_path, CPU)
    assert toy.run is not toy.network
    for count in (1, 3):
        same(toy, torch.rand(count, 3, 8))
    assert len(list((tmp_path / FOLDER).glob("toy-*.onnx"))) == 1
    same(toy, torch.rand(1, 3, 8), torch.rand(1, 4, 8))
    same(toy, torch.rand(1, 3, 8), None)
    assert len(list((tmp_path / FOLDER).glob("toy-*.onnx"))) == 3

    def never(*args: object, **options: object) -> None:
        raise AssertionError("written twice")

    monkeypatch.setattr(room, "export_onnx", never)
    again = Toy()
    attach_backend(OWNER, again, ONNX, tmp_path, CPU)
    same(again, torch.rand(2, 3, 8))
    other = Toy()
    nn.init.zeros_(other.network.layer.bias)  # type: ignore[arg-type]
    attach_backend(OWNER, other, ONNX, tmp_path, CPU)
    with pytest.raises(AssertionError, match="written twice"):
        other.run(torch.rand(2, 3, 8))


def test_half_precision_is_another_file(toy: Toy, tmp_path: Path) -> None:
    attach_backend(OWNER, toy, RuntimeConfig(backend="onnxruntime", precision="fp16"), tmp_path, CPU)
    x = torch.rand(2, 3, 8)
    same(toy, x, tolerance=5e-3)
    assert not torch.equal(toy.run(x)[0], toy.network(x)[0]) and toy.run(x)[0].dtype == torch.float32


def test_a_graph_that_is_another_function_is_refused(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LARGEST_ERROR", -1.0)
    attach_backend(OWNER, toy, ONNX, tmp_path, CPU)
    with pytest.raises(UsageError, match=r"toy: its graph differs from PyTorch by .* use backend torch"):
        toy.run(torch.rand(1, 3, 8))
    assert not list((tmp_path / FOLDER).glob("*.onnx"))


def test_a_file_of_ones_own(toy: Toy, tmp_path: Path) -> None:
    from gazenet.export.export_subject import ExportSubject

    path = tmp_path / "toy.onnx"
    ExportSubject("toy", toy.exportable()).write(path)
    settings = RuntimeConfig(backend="onnxruntime", file=str(path))
    attach_backend(OWNER, toy, settings, tmp_path, CPU)
    same(toy, torch.rand(3, 3, 8), torch.rand(3, 4, 8))
    with pytest.raises(UsageError, match=r"toy\.onnx: onnxruntime: .*(shape|dimension)"):
        toy.run(torch.rand(3, 3, 7), torch.rand(3, 4, 8))
    with pytest.raises(UsageError, match="takes 2 inputs, not 1"):
        toy.run(torch.rand(3, 3, 8))
    assert not (tmp_path / FOLDER).exists()
    halves = RuntimeConfig(backend="onnxruntime", file=str(path), precision="fp16")
    with pytest.raises(UsageError, match=r"toy\.onnx is fp32, not fp16"):
        attach_backend(OWNER, Toy(), halves, tmp_path, CPU)
    with pytest.raises(
        UsageError, match=r"other: file .* is of toy, of other weights; write it with gasp_export other"
    ):
        attach_backend(BackendOwner("other", {}), Toy(), settings, tmp_path, CPU)
    with pytest.raises(UsageError, match=r"calls its network in parts \(whole\), a file holds the whole"):
        attach_backend(OWNER, InParts(), settings, tmp_path, CPU)


def test_files_that_are_not_ours(toy: Toy, tmp_path: Path) -> None:
    def refuse(path: Path, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            attach_backend(OWNER, toy, RuntimeConfig(backend="onnxruntime", file=str(path)), tmp_path, CPU)

    foreign = tmp_path / "foreign.onnx"
    export_onnx(toy.network, toy.exportable().examples, foreign, GraphForm(inputs=("a", "b"), outputs=("c", "d")))
    refuse(foreign, r"toy: file .*foreign\.onnx is not written by gasp_export")
    for content in (b"", b"no graph at all"):
        (tmp_path / "text.onnx").write_bytes(content)
        refuse(tmp_path / "text.onnx", r"text\.onnx: not an ONNX file")
    refuse(tmp_path / "none.onnx", "there is no such file; write it with gasp_export toy")


def test_what_has_no_network_is_named(tmp_path: Path) -> None:
    class Geometry:
        not_exportable = "geometry without a network"

    with pytest.raises(UsageError, match="toy: backend onnxruntime: cannot be exported: geometry without a network"):
        attach_backend(OWNER, Geometry(), ONNX, tmp_path, CPU)
    attach_backend(OWNER, Geometry(), RuntimeConfig(), tmp_path, CPU)


def test_what_is_missing_is_named(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"backend onnxruntime needs onnxscript: pip install 'gazenet\[export\]'"):
        attach_backend(OWNER, toy, ONNX, tmp_path, CPU)
    with pytest.raises(UsageError, match="this onnxruntime does not support CUDA"):
        OnnxRunner(tmp_path / "any.onnx", torch.device("cuda:0"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"precision": "fp16"}, "precision fp16 needs backend onnxruntime or tensorrt"),
        ({"backend": "onnxruntime", "precision": "bf16"}, "precision bf16 needs backend torch; backend onnxruntime"),
        ({"file": "a.onnx"}, "backend torch takes no file"),
        ({"backend": "tensorrt", "file": "a.onnx"}, "backend tensorrt takes .engine"),
        ({"backend": "openvino"}, "onnxruntime"),
    ],
)
def test_settings_that_do_not_fit(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RuntimeConfig(**fields)
