"""A run whose networks onnxruntime runs gives the maps of PyTorch; what cannot be exported is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gazenet.config.inference import InferConfig
from gazenet.errors import UsageError
from gazenet.inference.cache.run_record import run_fingerprint
from gazenet.inference.engine.pipeline import run
from gazenet.inference.engine.stage_graph import build_graph

pytest.importorskip("onnxscript", reason="the exporter is an extra")

CUES = ("saliency", "gaze_direction", "gaze_following", "facial_expression", "active_speaker")
WITH_NETWORK = ("saliency", "facial_expression", "active_speaker")


def elsewhere(precision: str = "fp32") -> list[str]:
    """What makes a config run its networks by onnxruntime."""
    runtime = f'"backend": "onnxruntime", "precision": "{precision}"'
    cues = (f'{{"name": "{name}"{", " + runtime if name in WITH_NETWORK else ""}}}' for name in CUES)
    backend = ["integrator.backend=onnxruntime", f"integrator.precision={precision}"]
    return [f"extractors=[{', '.join(cues)}]", *backend]


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_weights")
def test_maps_are_those_of_pytorch(
    clip: Path, tmp_path: Path, settings: Callable[..., InferConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ["outputs.overlay=false", "outputs.report=false"]
    assert run(settings(*quick), [clip], tmp_path / "torch").exit_code == 0
    here = settings(*quick, *elsewhere(), f"cache_dir={tmp_path / 'other'}")
    assert run(here, [clip], tmp_path / "onnx").exit_code == 0
    wanted, found = (np.load(tmp_path / name / "clip" / "saliency.npy") for name in ("torch", "onnx"))
    assert wanted.shape == found.shape and np.abs(wanted - found).max() < 0.01
    files = sorted(path.name.partition("-")[0] for path in (tmp_path / "other" / "networks").glob("*.onnx"))
    assert set(files) >= {"embedded", "saliency"}
    told = capsys.readouterr().err
    assert "networks " in told and "attention.csv, run.json" in told


@pytest.mark.usefixtures("embedded_weights")
def test_only_precision_counts_in_the_cache(settings: Callable[..., InferConfig]) -> None:
    torch, single, half = (build_graph(settings(*sets), idle=True) for sets in ((), elsewhere(), elsewhere("fp16")))
    keys = [{cue.name: cue.fingerprint for cue in graph.cues} for graph in (torch, single, half)]
    assert keys[0] == keys[1]
    assert {name for name in CUES if keys[0][name] != keys[2][name]} == {*WITH_NETWORK, "gaze_following"}
    prints = [run_fingerprint(graph, "video", []) for graph in (torch, single, half)]
    assert prints[0] == prints[1] != prints[2]


def test_an_extractor_without_a_network_is_named(settings: Callable[..., InferConfig]) -> None:
    config = settings('extractors=[{"name": "gaze_direction", "backend": "onnxruntime"}]', "integrator=null")
    with pytest.raises(UsageError, match="gaze_direction: backend onnxruntime: cannot be exported: geometry without"):
        build_graph(config)
