"""Training from config to exported network, on a made-up cache."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_cache import blob_maps, fake_extract, make_config, train
from safetensors.torch import load_file

from gazenet.config.training import TrainConfig
from gazenet.errors import GazenetError, UsageError
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.fusion.integrator_files import open_integrator
from gazenet.recipes.gasp import gasp_task as fitting
from gazenet.training.preflight import CONFIG
from gazenet.training.recipe_run import RecipeResult


def run(config: TrainConfig, resume: bool = False) -> RecipeResult:
    return train(config, resume=resume, extract=fake_extract)


def test_learns_where_the_blob_is_and_exports_it(data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", trainer__max_epochs=6)
    before = run(make_config(data_root, tmp_path / "poor", trainer__max_epochs=1, trainer__learning_rate=1e-9))
    result = run(config)
    assert result.values["validation"]["nss"]["mean"] > before.values["validation"]["nss"]["mean"] + 0.3
    assert result.values["validation"]["cc"]["mean"] > 0.7
    assert json.loads((tmp_path / "out" / "scores.json").read_text()) == result.values
    assert {value.dtype for value in load_file(result.weights).values() if value.is_floating_point()} == {
        torch.float16
    }
    _, spec, facts = open_integrator(result.weights)
    assert spec.cues == config.cues
    assert facts["config"]["trainer"]["max_epochs"] == 6
    assert facts["scores"]["validation"]["nss"]["count"] == 12
    maps = blob_maps(3)
    fused = load_gasp(str(result.weights)).fuse(maps)
    assert fused.saliency.shape == (24, 18, 32)
    peak = np.unravel_index(fused.saliency[5].argmax(), (18, 32))
    blob = np.unravel_index(maps["active_speaker"][5].argmax(), (18, 32))
    assert np.abs(np.subtract(peak, blob)).max() <= 2


def test_it_leaves_and_says_what_every_recipe_does(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    result = run(make_config(data_root, out, trainer__max_epochs=2, trainer__check_val_every_n_epoch=2))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(", val_loss")[0].rpartition(" ")[0] for line in lines[:2]] == [
        f"epoch {k} of 2: train_loss" for k in (1, 2)
    ]
    assert lines[2:] == [f"gasp: {out / 'integrator.safetensors'}"]
    rows = list(csv.DictReader((out / "epochs.csv").open()))
    assert {"train_loss", "train_cc", "val_loss", "val_nss", "avg_val_loss"} <= rows[0].keys()
    assert [bool(row["val_nss"]) for row in rows] == [False, True]
    record = json.loads((out / "result.json").read_text())
    assert record["recipe"] == "gasp" and record["values"] == result.values
    assert {"curve.png", "last.ckpt", "best-epoch=001.ckpt", "scores.json", "last_model.pt", "log"} <= {
        path.name for path in out.iterdir()
    }


@pytest.mark.slow
def test_any_name_of_the_output_and_no_credentials_in_its_records(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gasp_train", "--comet-api-key", "s3cret", "--set", "logger.token=s3cret"])
    out = tmp_path / os.fsdecode(b"out\xfe")
    config = make_config(data_root, out, trainer__max_epochs=1)
    run(config)
    result = run(config, resume=True)
    assert json.loads((out / CONFIG).read_text(encoding="utf-8"))["output"] == rf"{tmp_path}/out\xfe"
    data = result.weights.read_bytes()
    assert b"gasp_train" in data and b"s3cret" not in data


def test_weights_that_are_read_are_not_written_over(data_root: Path, tmp_path: Path) -> None:
    from gazenet.training.preflight import check_request

    config = make_config(data_root, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "last_model.pt").write_bytes(b"weights")
    check_request(config)
    with pytest.raises(UsageError, match=r"output: .*last_model.pt would replace the input"):
        check_request(config.model_copy(update={"summary": str(tmp_path / "out" / "last_model.pt")}))


@pytest.mark.slow
def test_training_loss_falls_and_is_logged(data_root: Path, tmp_path: Path) -> None:
    run(make_config(data_root, tmp_path / "out", trainer__max_epochs=8))
    lines = (tmp_path / "out" / "log" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("val_loss")
    losses = [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]
    assert len(losses) == 8
    assert losses[-1] < losses[0] - 0.3


class Killed(GazenetError):
    pass


@pytest.mark.promise("training resumes exactly")
@pytest.mark.parametrize("samples", [pytest.param(16, marks=pytest.mark.slow), "null"])
def test_resume_ends_in_the_same_weights(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: object
) -> None:
    changes = {"trainer__samples_per_epoch": samples, "trainer__batch_size": 8, "data__frame_stride": 3}
    whole = run(make_config(data_root, tmp_path / "whole", **changes))
    cut = make_config(data_root, tmp_path / "cut", **changes)
    step = fitting.IntegratorTask.training_step

    def dies(self: fitting.IntegratorTask, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor:
        if self.current_epoch == 2 and index == 1:
            raise Killed
        return step(self, batch, index)

    monkeypatch.setattr(fitting.IntegratorTask, "training_step", dies)
    with pytest.raises(Killed):
        run(cut)
    monkeypatch.setattr(fitting.IntegratorTask, "training_step", step)
    assert not (tmp_path / "cut" / "integrator.safetensors").exists()
    resumed = run(cut, resume=True)
    first, second = load_file(whole.weights), load_file(resumed.weights)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.slow
def test_same_seed_same_network_other_seed_another(data_root: Path, tmp_path: Path) -> None:
    weights = [
        load_file(run(make_config(data_root, tmp_path / name, trainer__max_epochs=1, trainer__seed=seed)).weights)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])


@pytest.mark.slow
def test_leave_one_video_out_scores_every_training_video(data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", folds="video", trainer__max_epochs=2)
    folds = run(config).values["folds"]
    assert set(folds["nss"]["clips"]) == {"findwho/001", "findwho/002"}
    assert folds["nss"]["count"] == 24
    with pytest.raises(UsageError, match="two training videos"):
        run(
            make_config(
                data_root, tmp_path / "o", folds="video", data__train='[{"dataset":"findwho","items":["001"]}]'
            )
        )


@pytest.mark.slow
def test_best_checkpoint_can_be_exported(data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", trainer__keep="best", trainer__checkpoint_monitor="val_nss")
    result = run(config)
    kept = list((tmp_path / "out").glob("best-*.ckpt"))
    assert len(kept) == 1
    stored = torch.load(kept[0], weights_only=False)["state_dict"]
    final = load_file(result.weights)
    assert all(torch.equal(final[key], stored[f"network.{key}"].half()) for key in final)


@pytest.mark.parametrize(
    "changes",
    [
        {
            "network": '{"order":["gmu","alstm"],"sequential":true,"sequence_len":3,"in_channels":1,'
            '"latent":4,"encoder":"Light"}'
        },
        {
            "network": '{"order":["gmu"],"front":"dam","in_channels":3,"latent":4,"encoder":"Light"}',
            "rendering": "published",
            "trainer.loss.mode": "published",
            "trainer.loss.kld": "0",
        },
        {
            "network": '{"order":["alstm","gmu"],"front":"dam","sequential":true,"sequence_len":2,"in_channels":1,'
            '"latent":4,"encoder":"Light"}',
        },
    ],
)
@pytest.mark.slow
def test_other_members_of_the_family_train(data_root: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    result = run(make_config(data_root, tmp_path / "out", trainer__max_epochs=1, logger="", **changes))
    assert np.isfinite(result.values["logged"]["train_loss"])
    assert load_gasp(str(result.weights)).fuse(blob_maps(1)).saliency.shape[0] == 24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cuda:7"}, "device cuda:7"),
        ({"network": '{"colour":1}'}, "network: .*colour"),
        ({"network": '{"order":["gmu"]}'}, "in_channels is 3"),
        ({"trainer__loss__mode": "published"}, "corrected"),
        ({"trainer__checkpoint_monitor": "val_luck"}, "no value val_luck"),
        ({"data__train": '[{"dataset":"findwho","items":["009"]}]'}, "no item 009"),
        ({"data__train": '[{"dataset":"findwho","split":"train_ave"}]'}, "no Social row"),
        ({"data__train": '[{"dataset":"osie","options":{"behaviour":"published"}}]'}, "osie: no option behaviour"),
        ({"data__min_observers": 10}, "no frame to learn from"),
        ({"cues": '["saliency","smell"]'}, "smell"),
    ],
)
def test_wrong_requests_are_one_clear_line(
    data_root: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(make_config(data_root, tmp_path / "out", **changes))


def test_a_wrong_source_is_found_before_anything_is_written(data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", data__validation='[{"dataset":"findwho","items":["009"]}]')
    with pytest.raises(UsageError, match="no item 009"):
        run(config)
    assert not (tmp_path / "out").exists()


def test_resume_refuses_another_config_and_a_broken_checkpoint(data_root: Path, tmp_path: Path) -> None:
    run(make_config(data_root, tmp_path / "out", trainer__max_epochs=1))
    with pytest.raises(UsageError, match=r"--resume: trainer\.max_epochs \(1 there, 2 here\) differs"):
        run(make_config(data_root, tmp_path / "out", trainer__max_epochs=2), resume=True)
    (tmp_path / "out" / "last.ckpt").write_bytes(b"half a file")
    with pytest.raises(UsageError, match="cannot read checkpoint"):
        run(make_config(data_root, tmp_path / "out", trainer__max_epochs=1), resume=True)
    assert (tmp_path / "out" / CONFIG).exists()


def test_a_diverged_training_ends_with_the_step_and_the_remedy(data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", trainer__learning_rate=1e30, trainer__gradient_clip="null")
    with pytest.raises(GazenetError, match=r"diverged at step .*diverged_batch.pt: lower trainer.learning_rate"):
        run(config)
    batch = torch.load(tmp_path / "out" / "diverged_batch.pt", weights_only=True)
    assert batch["maps"].shape == (4, 2, 18, 32) and batch["clip"].tolist() != []
    assert not (tmp_path / "out" / "integrator.safetensors").exists()


@pytest.mark.slow
def test_validation_logs_the_score_of_the_finished_integrator(data_root: Path, tmp_path: Path) -> None:
    """Training, its scores and the scores of a folder of maps are one number for the same maps."""
    config = make_config(data_root, tmp_path / "out", trainer__max_epochs=1, trainer__keep="last")
    values = train(config, extract=fake_extract).values
    for metric in ("nss", "cc"):
        assert values["logged"][f"val_{metric}"] == pytest.approx(values["validation"][metric]["mean"], rel=2e-3)
    assert values["validation"]["grids"] == ["480x270"]
