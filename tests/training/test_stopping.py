"""A recipe that a signal ends at any moment keeps its step, says so, and is continued to the same end."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import Trainer

from gazenet.cli import train
from gazenet.training import stop_signals
from gazenet.training.recipe_task import Batch, LossTerms
from gazenet.training.step_log import LOG, log_folders
from tests.training.line_recipe import LineTask

pytestmark = pytest.mark.usefixtures("installed")
Write = Callable[..., Path]
OUTCOME = LineTask.outcome
KEYS = {"trainer": {"max_epochs": 3}}
IN_EPOCH = 6
"""Batches of an epoch: three of the training, three of its validation."""


def restless(calls: list[int], at: int = 0, number: signal.Signals = signal.SIGTERM) -> Callable[..., LossTerms]:
    """The outcome with noise from Python's and numpy's own generators; in the ``at``-th batch a signal comes."""

    def made(self: LineTask, batch: Batch) -> LossTerms:
        calls.append(len(calls) + 1)
        if len(calls) == at:
            os.kill(os.getpid(), number)
        found = OUTCOME(self, batch)
        noise = 0.1 * (random.random() + np.random.random())
        return LossTerms({**found.terms, "noise": found.terms["square"] * noise}, found.values)

    return made


def logged(folder: Path) -> list[tuple[str, ...]]:
    """Every row of every log as its filled cells, so that the order of columns says nothing."""
    rows = []
    for place in log_folders(folder):
        if (place / LOG).is_file():
            rows += list(csv.DictReader((place / LOG).open()))
    return sorted(tuple(sorted(f"{key}={value}" for key, value in row.items() if value)) for row in rows)


def run(path: Path, *argv: str) -> int:
    return train.main(["--train_config_file", str(path), *argv])


def same_end(whole: Path, cut: Path) -> None:
    weights = [torch.load(path / "first.pth", weights_only=True) for path in (whole, cut)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert (whole / "first" / "epochs.csv").read_text() == (cut / "first" / "epochs.csv").read_text()
    assert logged(whole / "first") == logged(cut / "first"), "every step and epoch is in the log once"


@pytest.mark.parametrize("at", [1, 2, 3, 4, 6, 8, 13, 3 * IN_EPOCH])
def test_ended_in_any_batch_it_is_continued_to_the_same_end(
    at: int, write_config: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = signal.SIGTERM if at % 2 else signal.SIGINT
    whole, cut = write_config("whole", **KEYS), write_config("cut", **KEYS)
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(whole) == 0
    monkeypatch.setattr(LineTask, "outcome", restless([], at, number))
    capsys.readouterr()
    assert run(cut) == 128 + number
    epoch, batch = divmod(at - 1, IN_EPOCH)
    said = capsys.readouterr().err
    step = 3 * epoch + min(batch + 1, 3)
    assert f"at step {step} (epoch {epoch + 1} of 3), which is kept; the same command with --resume" in said
    assert said.count("\n") == 1
    kept = torch.load(cut.with_suffix("") / "first" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == step
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(cut, "--resume") == 0
    same_end(whole.with_suffix(""), cut.with_suffix(""))


def test_processes_that_make_samples_begin_with_the_epoch_that_is_next(
    write_config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"trainer": {"max_epochs": 3, "workers": 1}}
    whole, cut = write_config("whole", **keys), write_config("cut", **keys)
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(whole) == 0
    monkeypatch.setattr(LineTask, "outcome", restless([], IN_EPOCH))
    assert run(cut) == 143
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(cut, "--resume") == 0
    same_end(whole.with_suffix(""), cut.with_suffix(""))


def test_ended_again_and_again(write_config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = write_config("whole", **KEYS), write_config("cut", **KEYS)
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(whole) == 0
    codes, argv = [], []
    for _ in range(20):
        with monkeypatch.context() as patched:
            # A validation of three batches is done again as a whole: more than that must be done between two signals.
            patched.setattr(LineTask, "outcome", restless([], 4))
            codes.append(run(cut, *argv))
        argv = ["--resume"]
        if codes[-1] == 0:
            break
    assert codes[-1] == 0 and set(codes[:-1]) == {143} and len(codes) > 3
    same_end(whole.with_suffix(""), cut.with_suffix(""))


def test_what_is_logged_after_the_last_checkpoint_is_not_there_twice(
    write_config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a SIGKILL leaves it: a checkpoint, and a log that is ahead of it."""
    whole, cut = write_config("whole", **KEYS), write_config("cut", **KEYS)
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(whole) == 0
    monkeypatch.setattr(LineTask, "outcome", restless([], 8))
    assert run(cut) == 143
    first = cut.with_suffix("") / "first"
    shutil.copy(first / "last.ckpt", first / "kept")
    monkeypatch.setattr(LineTask, "outcome", restless([], 6))
    assert run(cut, "--resume") == 143
    (first / "kept").replace(first / "last.ckpt")
    monkeypatch.setattr(LineTask, "outcome", restless([]))
    assert run(cut, "--resume") == 0
    same_end(whole.with_suffix(""), cut.with_suffix(""))


def test_the_state_is_kept_every_so_many_minutes(write_config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []

    def save(self: Trainer, path: Path, weights_only: bool) -> None:
        saved.append(self.global_step)

    monkeypatch.setattr(Trainer, "save_checkpoint", save)
    keys = {"trainer": {"max_epochs": 2, "checkpoint_save_every_minutes": 1e-9, "checkpoint_save_n_top": 0}}
    assert run(write_config("often", **keys)) == 0
    # After every step, before the validation, whose counters follow those of the last step, and after the epoch.
    assert saved == [1, 2, 3, 3, 4, 5, 6, 6]
    saved.clear()
    assert run(write_config("seldom", trainer={"max_epochs": 2, "checkpoint_save_n_top": 0})) == 0
    assert saved == [3, 6]


def test_the_last_epoch_is_always_kept(write_config: Write) -> None:
    path = write_config("own", trainer={"max_epochs": 3, "checkpoint_save_every_n_epoch": 2})
    assert run(path) == 0
    assert torch.load(path.with_suffix("") / "first" / "last.ckpt", weights_only=True)["global_step"] == 9


def test_a_signal_outside_of_a_fit_interrupts_at_once(
    write_config: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepares(self: object, run: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    path = write_config("own")
    with monkeypatch.context() as patched:
        patched.setattr("tests.training.line_recipe.Line.train", prepares)
        began = time.monotonic()
        assert run(path) == 143 and time.monotonic() - began < 25
    assert "ended by SIGTERM; the same command with --resume continues" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert run(path, "--resume") == 0


def test_the_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with stop_signals.stopping() as stop, stop.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop_signals.stop_requested() and not codes
        os.kill(os.getpid(), signal.SIGINT)
    assert codes == [130] and not stop_signals.stop_requested()


def test_a_real_process_with_workers_and_its_whole_group_is_ended(
    write_config: Write, command: Callable[..., subprocess.Popen[str]]
) -> None:
    keys = {"trainer": {"max_epochs": 4000, "workers": 1}, "data": {"points": 12}}
    cut = write_config("cut", **keys)
    process = command("--train_config_file", str(cut), group=True)
    table, deadline = cut.with_suffix("") / "first" / "epochs.csv", time.monotonic() + 250
    while not table.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err[-2000:]
    assert "gasp_train: ended by SIGTERM at step " in err and "Traceback" not in err
    kept = torch.load(cut.with_suffix("") / "first" / "last.ckpt", weights_only=True)
    assert f"at step {kept['global_step']} (" in err


def test_weights_that_are_not_finite_do_not_take_the_place_of_good_ones(
    write_config: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(self: LineTask, *given: object) -> None:
        if self.trainer.global_step == 6:
            self.network[1].bias.data.fill_(torch.nan)

    monkeypatch.setattr(LineTask, "on_train_batch_end", spoil)
    path = write_config("own", trainer={"max_epochs": 2, "check_val_every_n_epoch": 5, "checkpoint_save_n_top": 0})
    assert run(path) == 1
    last = path.with_suffix("") / "first" / "last.ckpt"
    said = capsys.readouterr().err
    assert f"network.1.bias is not finite after step 6; {last} holds the state before" in said
    assert torch.load(last, weights_only=True)["global_step"] == 3
