"""Every network as a file: onnxruntime makes of it what PyTorch does, in both precisions, whole and in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lent_networks import DISTINCT, NETWORKS, gasp

from gazenet.backbones.onnx_graph import read_graph
from gazenet.cues.exportable import Exportable
from gazenet.export.half_precision import halved
from gazenet.export.onnx_export import ExportReport, GraphForm, compare_onnx, export_onnx
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript", reason="the exporter is an extra: pip install 'gazenet[export]'")

FAST = ("esr9", "active_speaker")
FAST_CLASSES = ("GASPDAMEncGMUConv", "SequenceGASPDAMEncALSTMGMUConv")

EXACT = 2e-3
"""Of the largest value, in single precision: weights that follow from keys amplify rounding, and normalisation by the
few values of a small clip does so again."""

ROUGH = {"tased": 0.3, "stsanet": 0.3, "videogaze": 0.2}
"""In half precision: rounding also moves single maxima, and what is put back there with them."""


def networks() -> list[object]:
    return [pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow]) for name in DISTINCT]


def classes() -> list[object]:
    return [pytest.param(name, marks=[] if name in FAST_CLASSES else [pytest.mark.slow]) for name in PUBLISHED_CLASSES]


def write(lent: Exportable, path: Path) -> ExportReport:
    return export_onnx(
        lent.network,
        lent.examples,
        path,
        GraphForm(inputs=lent.inputs, outputs=lent.outputs, free_batch=lent.free_batch),
    )


def check(lent: Exportable, path: Path, rough: float) -> None:
    """The file in both precisions, and in TensorRT's parser where that is installed."""
    report = write(lent, path)
    assert report.worst < EXACT, str(report)
    assert report.unfit == () and [one.output for one in report.differences] == list(lent.outputs)
    assert all(np.isfinite(one.largest) for one in report.differences)
    parse(path)
    onnx.save(halved(read_graph(path)), path)
    errors = compare_onnx(lent.network, lent.examples, path)
    assert max(one.relative for one in errors) < rough, [str(one) for one in errors]
    parse(path)
    path.unlink()


def parse(path: Path) -> None:
    """By the parser of TensorRT for RTX, which needs no GPU; nothing where it is not installed."""
    try:
        import tensorrt_rtx_bindings as trt  # type: ignore[import-not-found]
    except ImportError:
        return
    logger = trt.Logger(trt.Logger.ERROR)
    network = trt.Builder(logger).create_network(0)
    parser = trt.OnnxParser(network, logger)
    told = parser.parse_from_file(str(path))
    assert told, [parser.get_error(k).desc() for k in range(parser.num_errors)]


@pytest.mark.parametrize("name", networks())
def test_networks_of_extractors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = NETWORKS[name](tmp_path, monkeypatch)
    check(lent, tmp_path / f"{name}.onnx", ROUGH.get(name, 0.05))
    for part, one in lent.parts.items():
        assert one.use is not None
        check(one, tmp_path / f"{name}_{part}.onnx", 0.05)
    assert lent.parts or lent.use is not None


@pytest.mark.parametrize("name", classes())
def test_integrators(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = gasp(name)(tmp_path, monkeypatch)
    check(lent, tmp_path / f"{name}.onnx", 0.05)
    for part, one in lent.parts.items():
        check(one, tmp_path / f"{name}_{part}.onnx", 0.05)


def test_parts_make_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is called in parts gives what the file of the whole gives."""
    lent = NETWORKS["unisal"](tmp_path, monkeypatch)
    clip = lent.examples[0][:1]
    encode, step, read = (lent.parts[name].network for name in ("encode", "step", "read"))
    with torch.inference_mode():
        encoded = [encode(frame) for frame in clip.unbind(1)]
        state = torch.zeros_like(encoded[0][0])
        for one in encoded:
            state = step(one[0], state)
        assert torch.equal(read(*encoded[-1], state), lent.network(clip))
