"""One command trains learned cues without each video and each fifth of the pictures, and leaves the table of them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gazenet.recipes.gasp.folds import read_folds
from gazenet_plugins.saliency.network import LEVELS

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "training"


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("folds")


def made_up_faces(folds: ModuleType, seed: int) -> object:
    rng = np.random.default_rng(seed)
    count = folds.speaker.SpeakerNet().mean.numel()
    labels = rng.integers(0, 2, 40).astype(np.float32)
    return folds.speaker.Labelled(rng.normal(labels[:, None], 1, (40, count)).astype(np.float32), labels)


def made_up_pictures(folds: ModuleType, count: int) -> list[object]:
    found: list[object] = []
    for k in range(count):
        torch.manual_seed(k)
        levels = tuple(torch.randn(c, 8 // s, 12 // s).half() for c, s in zip(LEVELS, (1, 2, 4), strict=True))
        target = torch.rand(8, 12)
        points = np.array([[10, 10], [30, 20]])
        found.append(folds.readout.Picture(levels, target / target.sum(), points, (64, 96)))
    return found


def test_weights_and_table_of_every_fold(
    folds: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("findwho", "osie", "crowd"):
        (tmp_path / "data" / name).mkdir(parents=True)
    parts = {name: made_up_faces(folds, seed) for seed, name in enumerate(("011", "012", "021"))}
    monkeypatch.setattr(folds.speaker, "prepare", lambda data, cache: parts)
    pictures = {"osie": made_up_pictures(folds, 10), "crowd": made_up_pictures(folds, 2)}
    monkeypatch.setattr(folds.readout, "read", lambda name, root, backbone: pictures[name])
    monkeypatch.setattr(folds, "Backbone", lambda path: None)
    monkeypatch.setattr(folds, "asset_path", lambda name: tmp_path)
    assert folds.main(["--data", str(tmp_path / "data"), "--output", str(tmp_path / "made")]) == 0
    (tmp_path / "made").rename(tmp_path / "moved")
    found = read_folds(tmp_path / "moved" / "folds.json")
    assert list(found) == ["011", "012", "021", *(f"osie-{k}" for k in range(5))]
    speakers = [load_file(found[name]["active_speaker"]["weights"]) for name in parts]
    for left, weights in zip(parts, speakers, strict=True):
        others = np.concatenate([part.features for name, part in parts.items() if name != left])
        assert np.allclose(weights["mean"], others.mean(0), atol=1e-6), "learned from the others alone"
    assert all(Path(found[f"osie-{k}"]["saliency"]["weights"]).is_file() for k in range(5))
    raw = json.loads((tmp_path / "moved" / "folds.json").read_text())
    assert raw["011"] == {"active_speaker": {"weights": "speaker-011.safetensors"}}
    assert "active_speaker: mean AUC" in capsys.readouterr().out


def test_a_folder_without_data_sets_is_refused(folds: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds neither findwho/ nor osie/ and crowd/"):
        folds.main(["--data", str(tmp_path), "--output", str(tmp_path / "made")])
    assert not (tmp_path / "made").exists()
