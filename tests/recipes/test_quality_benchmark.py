"""The quality benchmark on the made-up cache: complete table, folds that leave the judged video out."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from made_up_cache import FRAMES, blob_maps, fake_extract, make_config

from gazenet.config.inference import InferConfig
from gazenet.cues.extractor import Face
from gazenet.data.fixations import FrameFixations
from gazenet.inference.cache.recall import Recalled

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "quality.py"


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quality_benchmark", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_table_of_all_predictors(
    quality: ModuleType, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = '[{"dataset":"findwho"}]'
    config = make_config(data_root, tmp_path, data__train=everything, data__validation="[]", trainer__max_epochs=3)
    (tmp_path / "mine.json").write_text(config.model_dump_json())
    (tmp_path / "w.safetensors").write_bytes(b"")
    (tmp_path / "folds.json").write_text(json.dumps({"001": {"saliency": {"weights": "w.safetensors"}}}))
    asked: list[tuple[str, tuple[str, ...]]] = []

    def extract(infer: InferConfig, paths: Sequence[Path]) -> Mapping[Path, Recalled]:
        given = {one.name: one.parameters for one in infer.extractors}
        asked.append((json.dumps(given["saliency"]), tuple(path.stem for path in paths)))
        face = Face(0, (500.0, 300.0, 600.0, 400.0), 1.0)
        return {k: Recalled(v.maps, v.times, [(face,)] * FRAMES) for k, v in fake_extract(infer, paths).items()}

    argv = ["--root", str(data_root), "--train_config", str(tmp_path / "mine.json"), "--work", str(tmp_path / "w")]
    argv += ["--folds", str(tmp_path / "folds.json"), "--output", str(tmp_path / "q.json")]
    assert quality.main(argv, extract) == 0
    result = json.loads((tmp_path / "q.json").read_text())
    names = ["centre prior", "faces", "cue saliency", "cue active_speaker", "mean of cues", "fused"]
    limits = ["one by the others", "half by half", "truth by itself"]
    assert list(result["videos"]) == [*names, "fused without active_speaker", *limits]
    human = {
        name: {m: row[m]["frames"]["mean"] for m in ("nss", "cc")} for name, row in list(result["videos"].items())[-3:]
    }
    assert human["one by the others"]["cc"] is None and human["half by half"]["nss"] is None
    assert human["truth by itself"]["nss"] > human["one by the others"]["nss"] > 1
    assert human["truth by itself"]["cc"] == pytest.approx(1) and 0.5 < human["half by half"]["cc"] < 1
    nss = {name: row["nss"]["frames"]["mean"] for name, row in result["videos"].items()}
    assert nss["fused"] > nss["fused without active_speaker"] + 0.2
    assert nss["cue active_speaker"] > nss["mean of cues"] > nss["cue saliency"] + 0.2
    assert result["videos"]["cue saliency"]["nss"]["fused_minus_this"]["low"] > 0
    assert set(result["videos"]["fused"]["nss"]["per_video"]) == {"001", "002", "003"}
    # Every fold has maps of all videos, made with that fold's cues; the same cues are not made twice.
    given = json.dumps({"weights": str(tmp_path / "w.safetensors")})
    assert asked == [(given, ("001", "002", "003")), ("{}", ("001", "002", "003"))]
    assert "may have seen the video) for: 002, 003" in capsys.readouterr().out


def test_stills_are_scored_as_videos_are(quality: ModuleType) -> None:
    points = np.array([[50.5, 40.5], [50.7, 40.2], [52.5, 41.5]])
    prior = quality.centre_prior((60, 80))
    assert prior[29:31, 39:41].min() == prior.max() or prior.argmax() in (30 * 80 + 40, 29 * 80 + 39)
    good, poor = blob_maps(1)["active_speaker"][0] * 0.0, prior
    good[12, 20] = 1.0
    people = [np.array([1, 2, 2])]
    truth = FrameFixations((60, 80), [points], np.array([2]), subjects=people)
    nss = {name: one.values["nss"][0] for name, one in quality.score_still({"a": good, "b": poor}, truth, 3.0).items()}
    assert nss["a"] > 3 > nss["b"] and nss["one by the others"] > 3
