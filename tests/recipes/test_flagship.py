"""The sequential flagship on cached cue maps: published losses, resume, refusals, several processes."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_cache import blob_maps, fake_extract, make_config, train
from safetensors.torch import load_file

from gazenet.config.inference import InferConfig
from gazenet.config.training import TrainConfig
from gazenet.errors import GazenetError, UsageError
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.inference.engine import pipeline
from gazenet.inference.results import InputFailure, RunResult
from gazenet.recipes.gasp import gasp_task as fitting
from gazenet.training.preflight import CONFIG, CURVE, EPOCHS
from gazenet.training.step_log import log_folders

HERE = Path(__file__).parent


def flagship(root: Path, output: Path, context: int = 3, **changes: Any) -> TrainConfig:
    """DAM + LARGMU with temporal norm on the two cues of the made-up cache, trained as published but quicker."""
    network = {
        "class": "SequenceGASPDAMEncALSTMGMUConv",
        "sequence_len": context,
        "sequence_norm": True,
        "latent": 4,
        "encoder": "Light",
    }
    given = {
        "network": json.dumps(network),
        "rendering": "published",
        "colours": '["jet","jet"]',
        "data__sampling": "videos",
        "data__window": "starts",
        "data__frame_stride": 1,
        "trainer__samples_per_epoch": "null",
        "trainer__batch_size": 2,
        "trainer__optimizer": "adam",
        "trainer__schedule": "constant",
        "trainer__gradient_clip": "null",
        "trainer__learning_rate": 0.003,
        "trainer__loss": '{"mode":"published","bce":0.5,"cc":2,"nss":1,"dam":0.5}',
        **changes,
    }
    return make_config(root, output, **given)


def logged(output: Path, column: str) -> list[float]:
    rows = list(csv.DictReader((output / "log" / "metrics.csv").open()))
    return [float(row[column]) for row in rows if row.get(column)]


@pytest.mark.parametrize("mode", [pytest.param("published", marks=pytest.mark.slow), "corrected"])
def test_the_flagship_learns_in_both_modes(data_root: Path, tmp_path: Path, mode: str) -> None:
    config = flagship(data_root, tmp_path / "out", trainer__max_epochs=20, trainer__loss__mode=mode)
    result = train(config, extract=fake_extract)
    losses = logged(tmp_path / "out", "val_loss")
    assert len(losses) == 20 and min(losses[-5:]) < losses[0] - 0.2
    assert logged(tmp_path / "out", "train_dam_bce_loss")
    # One batch per validation: its loss is the mean, and nothing varies.
    batches = 2 if mode == "published" else 1
    assert logged(tmp_path / "out", "avg_val_loss") == pytest.approx([batches * loss for loss in losses])
    assert set(logged(tmp_path / "out", "std_val_loss")) == {0.0}
    fused = load_gasp(str(result.weights)).fuse(blob_maps(3))
    assert fused.saliency.shape[0] == 24 and fused.gates.shape == (24, 2)
    # As the released inference shows its maps.
    assert set(fused.saliency.min((1, 2))) == {0.0} and set(fused.saliency.max((1, 2))) == {1.0}


class Killed(GazenetError):
    pass


@pytest.mark.slow
def test_a_resumed_sequence_training_ends_in_the_same_weights(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"trainer__max_epochs": 4, "trainer__batch_size": 1}
    whole_root, cut_root = tmp_path / "whole", tmp_path / "cut"
    whole = train(flagship(data_root, whole_root, **changes), extract=fake_extract)
    step = fitting.IntegratorTask.training_step

    def dies(self: fitting.IntegratorTask, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor:
        if self.current_epoch == 2 and index == 1:
            raise Killed
        return step(self, batch, index)

    cut = flagship(data_root, cut_root, **changes)
    monkeypatch.setattr(fitting.IntegratorTask, "training_step", dies)
    with pytest.raises(Killed):
        train(cut, extract=fake_extract)
    monkeypatch.setattr(fitting.IntegratorTask, "training_step", step)
    resumed = train(cut, resume=True, extract=fake_extract)
    first, second = load_file(whole.weights), load_file(resumed.weights)
    assert all(torch.equal(first[key], second[key]) for key in first)
    logs = [[path / "log" / "metrics.csv" for path in log_folders(root)] for root in (whole_root, cut_root)]
    assert [len(files) for files in logs] == [1, 2]
    for name in (EPOCHS, CURVE):
        assert (whole_root / name).read_bytes() == (cut_root / name).read_bytes()
    train(cut, extract=fake_extract, set_aside=True)
    assert log_folders(cut_root) == [cut_root]


@pytest.mark.slow
def test_more_epochs_continue_fewer_where_no_schedule_runs(data_root: Path, tmp_path: Path) -> None:
    whole = train(flagship(data_root, tmp_path / "whole", trainer__max_epochs=3), extract=fake_extract)
    train(flagship(data_root, tmp_path / "more", trainer__max_epochs=1), extract=fake_extract)
    changes = {"trainer__max_epochs": 3, "trainer__check_val_every_n_epoch": 3}
    more = train(flagship(data_root, tmp_path / "more", **changes), resume=True, extract=fake_extract)
    first, second = load_file(whole.weights), load_file(more.weights)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_resuming_another_network_is_refused_naming_both(data_root: Path, tmp_path: Path) -> None:
    train(flagship(data_root, tmp_path / "out", trainer__max_epochs=1), extract=fake_extract)
    before = (tmp_path / "out" / CONFIG).read_text()
    other = {"order": ["gmu"], "in_channels": 3, "latent": 4, "encoder": "Light"}
    shorter = flagship(data_root, tmp_path / "out", context=2)
    for config, key, words in (
        (shorter, "network.sequence_len (3 there, 2 here)", "SequenceGASPDAMEncALSTMGMUConv with context 2Norm"),
        (flagship(data_root, tmp_path / "out", network=json.dumps(other)), "network.class", "GASPEncGMUConv with"),
    ):
        (tmp_path / "out" / CONFIG).write_text(before)
        with pytest.raises(UsageError, match=re.escape(f"--resume: {key}")):
            train(config, resume=True, extract=fake_extract)
        # Also where the config of the run is gone.
        (tmp_path / "out" / CONFIG).unlink()
        with pytest.raises(UsageError) as caught:
            train(config, resume=True, extract=fake_extract)
        assert f"config asks for {words}" in str(caught.value)
        assert "last.ckpt holds SequenceGASPDAMEncALSTMGMUConv with context 3Norm" in str(caught.value)


def test_metrics_of_the_cached_cues(data_root: Path, tmp_path: Path) -> None:
    train(flagship(data_root, tmp_path / "out", trainer__max_epochs=1), extract=fake_extract, compute_metrics=True)
    rows = list(csv.DictReader((tmp_path / "out" / "evaluation.csv").open()))
    assert [(row["part"], row["video"], row["frames"]) for row in rows] == [
        ("validation", "003", "24"),
        ("validation", "mean", "24"),
    ]
    assert {"nss", "cc", "sim", "kld", "auc_judd"} <= set(rows[0])


def test_metrics_need_videos(data_root: Path, tmp_path: Path) -> None:
    config = flagship(data_root, tmp_path / "out", data__validation="[]")
    with pytest.raises(UsageError, match=r"compute_metrics: data\.validation and"):
        train(config, extract=fake_extract, compute_metrics=True)
    assert not (tmp_path / "out").exists()


def test_metrics_through_inference_configs(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[InferConfig] = []

    def fake_run(config: InferConfig, inputs: list[Path], output: Path) -> RunResult:
        asked.append(config)
        assert config.integrator is not None and Path(config.integrator.name).is_file()
        for path in inputs:
            folder = output / path.stem
            folder.mkdir(parents=True)
            np.save(folder / "saliency.npy", blob_maps(int(path.stem))["active_speaker"].astype(np.float16))
            lines = ["frame,time_s", *(f"{k},{k / 25}" for k in range(24))]
            (folder / "attention.csv").write_text("\n".join(lines))
            (folder / "run.json").write_text("{}")
        return RunResult()

    monkeypatch.setattr(pipeline, "run", fake_run)
    config = flagship(data_root, tmp_path / "out", trainer__max_epochs=1)
    infer, lacking = str(tmp_path / "infer.json"), str(tmp_path / "lacking.json")
    extractors = [{"name": cue} for cue in config.cues]
    Path(infer).write_text(json.dumps({"extractors": extractors, "output_dir": "elsewhere"}))
    Path(lacking).write_text(json.dumps({"extractors": [{"name": "saliency"}]}))
    with pytest.raises(UsageError, match=r"--infer_configs: integrator .* needs the cues .*active_speaker"):
        train(config, extract=fake_extract, infer_configs=[infer, lacking])
    assert not (tmp_path / "out").exists()
    train(config, extract=fake_extract, infer_configs=[infer, infer])
    assert len(asked) == 2 and asked[0].cache_dir == config.cache_dir
    rows = list(csv.DictReader((tmp_path / "out" / "infer" / "1" / "evaluation.csv").open()))
    assert [(row["dataset"], row["video"]) for row in rows] == [("findwho", "003"), ("", "mean")]
    assert float(rows[0]["cc"]) > 0.8

    failed = RunResult()
    failed.failures.append(InputFailure(Path("003.mp4"), "003.mp4: cannot be read"))
    monkeypatch.setattr(pipeline, "run", lambda *args: failed)
    with pytest.raises(GazenetError, match=r"--infer_configs: 003\.mp4: cannot be read"):
        train(config, extract=fake_extract, resume=True, infer_configs=[infer])


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from made_up_cache import fake_extract, train
from test_flagship import flagship
if __name__ == "__main__":
    root, output, devices, mode = sys.argv[1:]
    changes = {{
        "network": '{network}',
        "trainer__devices": int(devices),
        "trainer__loss__mode": mode,
        "trainer__max_epochs": 4,
        "trainer__threads": 1,
        "trainer__learning_rate": 1.4e-4,
        "data__sampling": "frames",
        "data__frame_stride": 8,
        "data__window": "ends",
        "folds": "null",
    }}
    train(flagship(Path(root), Path(output), **changes), extract=fake_extract)
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["published", "corrected"])
def test_two_processes_follow_the_curve_of_one(data_root: Path, tmp_path: Path, mode: str) -> None:
    # Without temporal norm, whose statistics are shared between GPUs only, and without the small encoder's dropout.
    network = {"class": "SequenceGASPDAMEncALSTMGMUConv", "sequence_len": 3, "latent": 4, "encoder": None}
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(here=str(HERE), network=json.dumps(network)))
    for devices in (1, 2):
        done = subprocess.run(
            [sys.executable, str(script), str(data_root), str(tmp_path / str(devices)), str(devices), mode],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    for column in ("val_loss", "val_nss", "val_cc"):
        one, two = (logged(tmp_path / devices, column) for devices in ("1", "2"))
        assert len(one) == len(two) == 4
        assert two == pytest.approx(one, rel=1e-3, abs=1e-4), column
    first, second = (load_file(tmp_path / devices / "integrator.safetensors") for devices in ("1", "2"))
    assert all(torch.allclose(first[key].float(), second[key].float(), atol=2e-3) for key in first)
