"""gasp_export: files that run elsewhere, a table of errors, and refusals in one line before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gazenet.cli import export
from gazenet.cues.exportable import Exportable
from gazenet.errors import UsageError
from gazenet.export import tensorrt_build
from gazenet.export.export_subject import ExportSubject, extractor_subject, integrator_subject
from gazenet.export.onnx_export import run_onnx


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_embedded_integrator_runs_elsewhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript", reason="the exporter is an extra")
    assert export.main(["embedded", "--size", "24x32", "--output", "fusion.onnx"]) == 0
    header, row = capsys.readouterr().out.splitlines()[1:3]
    assert header.split()[:2] == ["output", "shape"] and row.split()[1] == "2x1x24x32"
    assert float(row.split()[3]) < 1e-4
    subject = integrator_subject("embedded", (24, 32))
    three = torch.rand(3, 5, 24, 32)
    _, (output,) = run_onnx(here / "fusion.onnx", [three.numpy()])
    with torch.inference_mode():
        assert np.allclose(output, subject.whole.network(three).numpy(), atol=1e-3)


def test_half_precision_and_a_fixed_batch(here: Path) -> None:
    pytest.importorskip("onnxscript", reason="the exporter is an extra")
    assert export.main(["embedded", "--size", "24x32", "--precision", "fp16", "--batch", "1"]) == 0
    maps = np.random.default_rng(0).random((1, 5, 24, 32), np.float32)
    _, (output,) = run_onnx(here / "embedded.onnx", [maps])
    assert output.dtype == np.float32 and output.shape == (1, 1, 24, 32)
    with torch.inference_mode():
        wanted = integrator_subject("embedded", (24, 32)).whole.network(torch.from_numpy(maps)).numpy()
    assert 0 < np.abs(output - wanted).max() < 0.05
    with pytest.raises(Exception, match="invalid dimensions"):
        run_onnx(here / "embedded.onnx", [np.zeros((2, 5, 24, 32), np.float32)])


def test_a_batch_of_any_size_repeats_the_examples() -> None:
    lent = Exportable(nn.Identity(), (torch.arange(2.0),))
    subject = ExportSubject("same", lent).with_batch(3)
    assert subject.whole.examples[0].tolist() == [0, 1, 0] and not subject.whole.free_batch
    with pytest.raises(UsageError, match="same: only takes a batch of 3; leave --batch out"):
        subject.with_batch(2)


def test_checkpoints_of_another_size_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from gazenet_plugins.deeplab_saliency import extractor as room
    from gazenet_plugins.deeplab_saliency.variant import Variant

    network = nn.Conv2d(3, 1, 1)
    monkeypatch.setattr(network, "variant", Variant(), raising=False)
    monkeypatch.setattr(room, "load_saliency", lambda _: network)
    with pytest.raises(UsageError, match="deeplab_saliency: its weights are made for 216x384"):
        extractor_subject("deeplab_saliency", {"weights": str(tmp_path)}, Path, (64, 96))


def test_tensorrt_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        __name__ = "tensorrt"

    monkeypatch.setattr(tensorrt_build, "tensorrt_module", Full)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="none is usable here; use --format onnx"):
        tensorrt_build.check_builder()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an extractor or integrator"),
        (["embeded"], "unknown extractor 'embeded'"),
        (["embedded", "--size", "53x96"], "must be multiples of 2"),
        (["embedded", "--size", "96"], "is not HEIGHTxWIDTH"),
        (["embedded", "--batch", "0"], "neither a positive number nor dynamic"),
        ([__file__], "test_export_command.py: is not an integrator's file (.safetensors, .pt, .pth, .ckpt): name one"),
        (["captured"], "captured: cannot be exported: the frame itself"),
        (["external"], "external: cannot be exported: its maps come from an external program"),
        (["gaze_direction"], "gaze_direction: cannot be exported: geometry without a network"),
        (["embedded", "--opset", "16"], "opset 16 is too old"),
        (["embedded", "--set", "mode=published"], "only extractors have parameters; embedded is an integrator"),
        (["unisal", "--set", "mode"], "is not KEY=VALUE"),
        (["tased", "--weights", "none.pt"], "none.pt"),
        (["a.pth", "--weights", "b.pth"], "is a file of weights itself"),
        (["none.safetensors"], "none.safetensors"),
    ],
)
def test_refusals(here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = export.main(arguments)
    except SystemExit as end:
        assert isinstance(end.code, int)
        code = end.code
    error = capsys.readouterr().err
    assert code == 2 and message in error and error.count("\n") == 1, error
    assert list(here.iterdir()) == []


def test_a_file_that_is_no_checkpoint_is_named_in_one_short_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise, pickled = tmp_path / "noise.pth", tmp_path / "network.pt"
    noise.write_bytes(bytes(range(256)) * 20)
    torch.save(nn.Linear(2, 2), pickled)
    for file, cause, remedy in (
        (noise, "damaged, or not written by torch.save", "download it again"),
        (pickled, "it asks for torch.nn.modules.linear.Linear", "save the network's state_dict() instead"),
    ):
        for arguments in ([str(file)], ["tased", "--weights", str(file)]):
            assert export.main(arguments) == 2
            error = capsys.readouterr().err.removeprefix(f"gasp_export: {file}: ")
            assert cause in error and remedy in error and error.count("\n") == 1 and len(error) < 160, error


def test_missing_tensorrt_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tensorrt_build, "MODULES", ("tensorrt_that_is_nowhere",))
    assert export.main(["embedded", "--format", "tensorrt"]) == 2
    assert capsys.readouterr().err.startswith("gasp_export: TensorRT is not installed")
    assert list(here.iterdir()) == []


def test_a_checkpoint_is_not_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gazenet.fusion.embedded_integrator import WEIGHTS

    Path("mine.safetensors").write_bytes(Path(WEIGHTS).read_bytes())
    before = Path("mine.safetensors").read_bytes()
    assert export.main(["mine.safetensors", "--size", "24x32", "--output", "mine.safetensors"]) == 2
    assert "--output: mine.safetensors would replace the input mine.safetensors" in capsys.readouterr().err
    assert Path("mine.safetensors").read_bytes() == before
