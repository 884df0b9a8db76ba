"""Recipes of other people's packages: found, refused with a reason, run, killed and continued."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from gazenet.cli import train
from gazenet.config.fit_config import differing
from gazenet.errors import UsageError
from gazenet.training.fit import FitRequest, fit
from gazenet.training.recipe_loading import find_recipe
from gazenet.training.recipe_spec import RecipeSpec
from gazenet.training.recipe_task import Batch
from gazenet.training.seeded_samples import OrderedSamples, SeededSamples
from tests.training.line_recipe import SPEC, LineConfig, LineData, LineFit, LineTask, Points

pytestmark = pytest.mark.usefixtures("installed")
Write = Callable[..., Path]


def weights(folder: Path, name: str = "first") -> dict[str, torch.Tensor]:
    return torch.load(folder / f"{name}.pth", weights_only=True)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_recipe_is_listed_and_a_broken_one_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--list"]) == 0
    first = capsys.readouterr().out.split("\n\n")[0]
    assert "line" in first and "A line through points" in first
    assert "broken" in first and "cannot import tests.training.no_such" in first


def test_a_run_leaves_what_it_promises(write_config: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_config("run", trainer={"val_store_image_samples": True})
    assert train.main(["--train_config_file", str(path), "--max_epochs", "3", "--set", "data.noise=0.01"]) == 0
    assert "first epoch 3 of 3: train_loss" in capsys.readouterr().out
    folder = path.with_suffix("")
    assert sorted(one.name for one in (folder / "first" / "weights").iterdir()) == ["001.pth", "002.pth", "003.pth"]
    rows = list(csv.DictReader((folder / "first" / "epochs.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"train_loss", "val_loss", "val_square", "train_size", "val_bias"} <= rows[0].keys()
    assert float(rows[2]["val_loss"]) < float(rows[0]["val_loss"])
    assert Image.open(folder / "first" / "curve.png").size == (600, 400)
    assert Image.open(folder / "first" / "samples" / "epoch-002_batch-00_points.png").size == (9, 8)
    assert (folder / "first" / "log" / "metrics.csv").exists()
    result = json.loads((folder / "result.json").read_text())
    assert result["recipe"] == "line" and result["values"]["first"]["val_loss"] == float(rows[2]["val_loss"])
    assert result["config"]["data"]["noise"] == 0.01
    loaded = find_recipe(folder / "train_config.json").config()
    assert isinstance(loaded, LineConfig) and loaded.trainer.max_epochs == 3


def test_the_same_seed_gives_the_same_network_and_the_best_can_be_kept(write_config: Write) -> None:
    for name, keys in (
        ("a", {}),
        ("b", {}),
        ("c", {"seed": 1}),
        ("d", {"keep": "best", "learning_rate": 30.0, "max_epochs": 3}),
    ):
        assert train.main(["--train_config_file", str(write_config(name, trainer=keys, logger=""))]) == 0
    folder = write_config("a").parent
    one, again, other = (weights(folder / name) for name in "abc")
    assert same(one, again) and not same(one, other)
    rows = list(csv.DictReader((folder / "d" / "first" / "epochs.csv").open()))
    best = 1 + int(np.argmin([float(row["val_loss"]) for row in rows]))
    assert best < len(rows), "where the last epoch is the best one this test shows nothing"
    assert same(weights(folder / "d"), torch.load(folder / "d" / "first" / "weights" / f"{best:03d}.pth"))


@pytest.mark.promise("training resumes exactly")
def test_killed_in_the_second_of_two_steps_it_continues_to_the_same_weights(
    write_config: Write, command: Callable[..., subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"steps": ["first", "second"], "trainer": {"max_epochs": 6}, "logger": "csv"}
    whole, cut = write_config("whole", **keys), write_config("cut", **keys)
    process = command("--train_config_file", str(cut))
    assert train.main(["--train_config_file", str(whole)]) == 0
    table = cut.with_suffix("") / "second" / "epochs.csv"
    deadline = time.monotonic() + 200
    # The second epoch in the table: the checkpoint of the first is there.
    while not (table.exists() and table.read_text().count("\n") > 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cut.with_suffix("") / "result.json").exists()
    capsys.readouterr()
    assert train.main(["--train_config_file", str(cut), "--resume"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "first: done before" and not any("epoch 1 of" in line for line in told)
    for name in ("first", "second"):
        assert same(weights(whole.with_suffix(""), name), weights(cut.with_suffix(""), name)), name
        tables = [(path.with_suffix("") / name / "epochs.csv").read_text() for path in (whole, cut)]
        assert tables[0] == tables[1], name


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(
    write_config: Write, command: Callable[..., subprocess.Popen[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = (write_config(str(n), trainer={"devices": n, "threads": 1}, dropout=0.0) for n in (1, 2))
    assert train.main(["--train_config_file", str(one)]) == 0
    process = command("--train_config_file", str(two))
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err[-2000:]
    # The second process trains and leaves everything else to the first.
    assert [line for line in out.splitlines() if line.startswith("first epoch")] == [
        line for line in capfd.readouterr().out.splitlines() if line.startswith("first epoch")
    ]
    alone, together = (weights(path.with_suffix("")) for path in (one, two))
    assert all(torch.allclose(alone[key], together[key], atol=1e-5) for key in alone)
    tables = [list(csv.DictReader((path.with_suffix("") / "first" / "epochs.csv").open())) for path in (one, two)]
    for mine, other in zip(*tables, strict=True):
        assert {key: float(value) for key, value in other.items()} == pytest.approx(
            {key: float(value) for key, value in mine.items()}, abs=1e-4
        )


@pytest.mark.parametrize(
    ("keys", "argv", "said"),
    [
        ({"recipe": "lime"}, [], "own.json: recipe: unknown recipe 'lime'; did you mean 'line'?"),
        ({"recipe": "broken"}, [], "recipe 'broken' of somebodys 1.0 cannot be used: cannot import"),
        ({"recipe": 3}, [], "own.json: recipe: write the name of a recipe"),
        ({"data": {"point": 3}}, [], "own.json: data.point: unknown key (did you mean 'points'?)"),
        ({}, ["--set", "data.points=0"], "--set: data.points: input should be greater than or equal to 1"),
        ({}, ["--set", "recipe=other"], "--set: recipe: input should be 'line'"),
        ({"data": {"noise": -1.0}}, [], "data.noise: must not be negative"),
        ({}, ["--gpus", "99"], "device cuda:99: "),
        ({}, ["--gpus", "0,98"], "--gpus 0,98: name one GPU"),
        ({}, ["--gpus", ",".join(map(str, range(4)))], "device cuda:0: "),
        ({"trainer": {"devices": 3}}, [], "trainer: batch_size 4 cannot be shared out evenly between 3 devices"),
        ({}, ["--compute_metrics"], "--compute_metrics: not supported by the recipe line"),
        ({}, ["--embedded_cues"], "--embedded_cues: not supported by the recipe line"),
    ],
)
def test_wrong_requests_are_one_line_and_leave_nothing(
    keys: dict[str, object], argv: list[str], said: str, write_config: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config("own", **keys)
    assert train.main(["--train_config_file", str(path), *argv]) != 0
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not path.with_suffix("").exists()


def test_a_dry_run_prints_a_config_that_loads(write_config: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config_file", str(write_config("own")), "--dry_run", "--logger_name", ""]) == 0
    again = write_config("again", **json.loads(capsys.readouterr().out))
    assert find_recipe(again).config().logger == ""


def test_configs_of_the_integrator_may_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"recipe": "gasp", "network": {}, "cues": ["saliency"], "data": {"train": [{"dataset": "osie"}]}})
    )
    assert find_recipe(path).entry.name == "gasp" == find_recipe("embedded").entry.name
    assert train.main(["--train_config_file", str(path), "--dry_run"]) == 0
    assert json.loads(capsys.readouterr().out)["cues"] == ["saliency"]


def test_a_resume_under_another_config_is_refused(write_config: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config_file", str(write_config("own")), "--max_epochs", "1"]) == 0
    changed = write_config("own", data={"noise": 0.5}, logger="", trainer={"seed": 3})
    assert train.main(["--train_config_file", str(changed), "--max_epochs", "1", "--resume"]) == 2
    assert (
        "--resume: trainer.seed (0 there, 3 here), data.noise (0.1 there, 0.5 here) differs" in capsys.readouterr().err
    )
    (changed.with_suffix("") / "first" / "last.ckpt").write_bytes(b"half a file")
    (changed.with_suffix("") / "steps" / "first.json").unlink()
    assert train.main(["--train_config_file", str(write_config("own")), "--max_epochs", "1", "--resume"]) == 2
    assert "cannot read checkpoint" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_ends_the_run(write_config: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_config("own", trainer={"learning_rate": 1e30, "max_epochs": 20})
    assert train.main(["--train_config_file", str(path)]) == 1
    error = capsys.readouterr().err
    assert "training diverged at step" in error and "trainer.learning_rate" in error
    kept = torch.load(path.with_suffix("") / "first" / "diverged_batch.pt", weights_only=True)
    assert kept["x"].shape == (4, 1) and not (path.with_suffix("") / "first.pth").exists()


def test_an_interrupt_is_told_as_one_and_leaves_others_possible(
    write_config: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = LineTask.outcome

    def interrupted(*given: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return outcome(*given)

    path = write_config("own")
    with monkeypatch.context() as patched:
        patched.setattr("tests.training.line_recipe.LineTask.outcome", interrupted)
        assert train.main(["--train_config_file", str(path)]) == 130
    assert "the same command with --resume continues" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert train.main(["--train_config_file", str(path), "--resume"]) == 0


def test_a_resumed_table_has_values_of_a_validation_where_one_was_done(
    write_config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"trainer": {"max_epochs": 4, "check_val_every_n_epoch": 2}, "logger": ""}
    whole, cut = write_config("whole", **keys), write_config("cut", **keys)
    assert train.main(["--train_config_file", str(whole)]) == 0
    outcome, calls = LineTask.outcome, []

    def struck(self: LineTask, batch: Batch) -> Any:
        calls.append(1)
        if len(calls) == 11:  # in the third epoch: three steps each, after the second one a validation of three
            signal.raise_signal(signal.SIGTERM)
        return outcome(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(LineTask, "outcome", struck)
        assert train.main(["--train_config_file", str(cut)]) == 143
    assert train.main(["--train_config_file", str(cut), "--resume"]) == 0
    tables = [(path.with_suffix("") / "first" / "epochs.csv").read_text() for path in (whole, cut)]
    assert tables[0] == tables[1]
    rows = list(csv.DictReader(tables[0].splitlines()))
    assert [bool(row["val_loss"]) for row in rows] == [False, True, False, True]
    assert json.loads((whole.with_suffix("") / "result.json").read_text())["values"]["first"]["val_loss"] > 0


@pytest.mark.parametrize(("monitor", "mode"), [("val_loss", "min"), ("val_nss", "max"), ("val_error", "min")])
def test_the_best_score_is_the_greatest_and_the_best_loss_the_least(tmp_path: Path, monitor: str, mode: str) -> None:
    config = LineConfig(trainer=LineFit(checkpoint_monitor=monitor))
    (best,) = FitRequest(config, tmp_path).keep_best(LineTask.maximised)
    assert (best.monitor, best.mode) == (monitor, mode)


def test_every_epoch_shows_every_sample_once_in_an_order_of_its_own() -> None:
    points = Points(LineData())
    drawn = SeededSamples(points, seed=5)
    first = [drawn[draw]["x"].item() for draw in range(24)]
    epochs = [points.asked[:12], points.asked[12:]]
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 2
    assert epochs[0] != epochs[1]
    again = SeededSamples(Points(LineData()), seed=5)
    assert [again[draw]["x"].item() for draw in reversed(range(24))] == first[::-1]
    ordered = OrderedSamples(points)
    assert [ordered[k]["x"].item() for k in range(12)] == pytest.approx([k / 12 for k in range(12)])


def test_specs_are_checked() -> None:
    for change in ({"name": "No Name"}, {"implementation": "no class"}, {"config": dict}):
        with pytest.raises(ValidationError):
            RecipeSpec.model_validate({**SPEC.model_dump(), **change})
    free = LineConfig(logger="", output="elsewhere")
    assert differing(LineConfig(), free) == {}
    assert differing(LineConfig(), LineConfig(steps=("a", "b"))) == {"steps": (["first"], ["a", "b"])}


def test_a_config_without_samples_or_validation_is_refused(write_config: Write) -> None:
    config = LineConfig(output=str(write_config("own").with_suffix("")))
    request = FitRequest(config, Path(config.output))
    empty = Points(LineData())
    empty.config = LineData.model_construct(points=0)
    with pytest.raises(UsageError, match="no sample"):
        fit(request, lambda: LineTask(config), empty)
    best = config.trainer.model_copy(update={"keep": "best"})
    with pytest.raises(UsageError, match="no validation set"):
        fit(replace(request, own_settings=best), lambda: LineTask(config), Points(LineData()))
