"""The ablation of the DeepLab saliency: its rows build on each other, are run once, and end up in a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.training import deeplab_ablation as ablation
from gazenet.training.recipe_run import RecipeResult
from gazenet_plugins.deeplab_saliency.recipe import DeeplabConfig

ROWS = {row.name: row for row in ablation.ROWS}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An OSIE folder of ten empty files that stand for pictures, and their fixations."""
    folder = tmp_path / "data" / "osie"
    (folder / "images").mkdir(parents=True)
    rows = ["image,subject,order,x,y,duration_ms"]
    for number in range(10):
        (folder / "images" / f"{number}.jpg").touch()
        rows.append(f"{number}.jpg,1,1,400,300,200")
    (folder / "fixations.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "data"


@pytest.fixture
def bench(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ablation.Bench:
    monkeypatch.setattr(ablation, "HELD_PICTURES", 2)
    monkeypatch.setattr(ablation, "asset_path", lambda name: tmp_path / f"{name}.onnx")
    return ablation.Bench(data, tmp_path / "out", {"scratch": 6, "transfer": 10, "video": 10, "full": 4})


def test_every_row_is_a_config_that_adds_one_thing_to_the_row_before(bench: ablation.Bench) -> None:
    for row in ablation.ROWS:
        config = DeeplabConfig.model_validate(bench.config(row))
        steps = config.trainer.max_epochs * (config.data.draws or 0) // config.trainer.batch_size
        assert steps == bench.steps[row.block] and config.freeze == config.backbone.endswith("open_nsfw.onnx")
        if row.after:
            before = ROWS[row.after]
            assert row.block == before.block and row.sets[:-1] == before.sets
    whole = DeeplabConfig.model_validate(bench.config(ROWS["transfer_dropout"]))
    assert whole.network.model_dump() | {"dropout": 0.2, "skips": True} == whole.network.model_dump()
    assert whole.data.flip and whole.data.photometric == 0.2 and whole.loss.nss == 0.2
    plain = DeeplabConfig.model_validate(bench.config(ROWS["scratch"]))
    assert plain.network.trunk == "resnet50" and not plain.data.flip and plain.loss.cc == 0


def test_what_is_held_out_is_not_learned_from(bench: ablation.Bench) -> None:
    known, held = bench.sources("osie")
    order = np.random.RandomState(7).permutation(10)
    assert held["items"] == sorted(f"{k}.jpg" for k in order[-2:])
    assert sorted(known["items"] + held["items"]) == [f"{k}.jpg" for k in range(10)]
    known, held = bench.sources("findwho")
    assert known["exclude"] == held["items"]


def test_a_row_is_run_once_and_shown_with_its_gain(
    bench: ablation.Bench, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def trained(entry: Any, config: DeeplabConfig, resume: bool) -> RecipeResult:
        made.append(Path(config.output).name)
        assert resume
        nss = 1.0 + len(made) / 4
        return RecipeResult(Path("w.pth"), {"val_nss": nss, "val_sim": 0.5, "val_cc": 0.25, "train_loss": 1.0})

    def references(self: ablation.Bench, dataset: str) -> dict[str, Any]:
        made.append(dataset)
        return {"centre bias": {"nss": 0.875, "sim": 0.5, "cc": 0.25}}

    monkeypatch.setattr(ablation, "train_recipe", trained)
    monkeypatch.setattr(ablation.Bench, "references", references)
    argv = ["deeplab_ablation.py", "--data", str(data), "--output", str(bench.output)]
    monkeypatch.setattr(sys, "argv", [*argv, "--rows", "transfer"])
    ablation.main()
    monkeypatch.setattr(sys, "argv", [*argv, "--rows", "transfer", "transfer_augmented"])
    ablation.main()
    assert made == ["transfer", "osie", "findwho", "transfer_augmented"]
    assert set(json.loads((bench.output / "ablation.json").read_text())) == {*made[:1], *made[3:]} | {
        "references_osie",
        "references_findwho",
    }
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", [*argv[:1], "--output", str(bench.output), "--table"])
    ablation.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "transfer: osie, 112x192, 100 steps of 4"
    assert "| + flips and colours | 2.000 | 0.500 | 0.250 | +0.750, +0.000, +0.000 |" in lines[5]
    assert lines[6].startswith("| centre bias | 0.875 |") and len(lines) == 7
