"""The output of a training: one run at a time, and an earlier training stays until the user says otherwise."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gazenet.cli import train
from gazenet.folder_lock import lock_folder
from gazenet.training.output_folder import held
from tests.training.line_recipe import LineTask

pytestmark = pytest.mark.usefixtures("installed")
Write = Callable[..., Path]
QUICK = ["--max_epochs", "1", "--logger_name", ""]


def run(path: Path, *argv: str) -> int:
    return train.main(["--train_config_file", str(path), *argv])


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names within it, what a claim leaves aside."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", ".owner"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_second_training_is_refused_while_the_first_is_at_work(
    write_config: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config("own")
    assert run(path, *QUICK) == 0
    before = content(path.with_suffix(""))
    capsys.readouterr()
    for words in ([], ["--resume"], ["--set_aside"]):
        with lock_folder(path.with_suffix("")):
            assert run(path, *QUICK, *words) == 1
        said = capsys.readouterr().err
        assert f"{path.with_suffix('')}: another run is writing here (process {os.getpid()} on" in said
        assert "choose another output\n" in said and said.count("\n") == 1
        assert content(path.with_suffix("")) == before


def test_a_training_that_is_there_is_refused_or_set_aside(
    write_config: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config("own")
    folder = path.with_suffix("")
    assert run(path, *QUICK) == 0
    before = content(folder)
    capsys.readouterr()
    assert run(path, *QUICK, "--set", "trainer.seed=3") == 2
    said = capsys.readouterr().err
    remedies = ("--resume continues", "--set output=", "--set_aside keeps it as own.1")
    assert all(words in said for words in ("own: holds a finished training", *remedies))
    assert said.count("\n") == 1 and content(folder) == before
    assert run(path, *QUICK, "--set_aside", "--set", "trainer.seed=3") == 0
    assert content(folder.with_name("own.1")) == before
    assert content(folder)["first.pth"] != before["first.pth"]
    assert run(path, *QUICK, "--set_aside") == 0 and held(folder.with_name("own.2")) == "a finished"
    assert run(path, *QUICK, "--set_aside", "--resume") == 2
    assert "leave out one of them" in capsys.readouterr().err


def test_what_left_nothing_to_lose_is_no_training(write_config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_config("own")
    with monkeypatch.context() as patched:
        patched.setattr(LineTask, "outcome", lambda self, batch: os.kill(os.getpid(), signal.SIGTERM) or 1 / 0)
        assert run(path, *QUICK) != 0
    assert (path.with_suffix("") / "train_config.json").exists() and not held(path.with_suffix(""))
    assert run(path, *QUICK) == 0


def test_what_was_set_aside_can_still_be_continued(write_config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its best checkpoint lies in the folder that has another name now."""
    keys = {"trainer": {"keep": "best", "learning_rate": 30.0, "max_epochs": 3}, "logger": ""}
    whole, path = write_config("whole", **keys), write_config("own", **keys)
    assert run(whole) == 0
    outcome, calls = LineTask.outcome, []

    def struck(self: LineTask, batch: dict[str, torch.Tensor]) -> object:
        calls.append(1)
        if len(calls) == 14:
            os.kill(os.getpid(), signal.SIGTERM)
        return outcome(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(LineTask, "outcome", struck)
        assert run(path) == 143
    assert held(path.with_suffix("")) == "an unfinished"
    assert run(path, *QUICK, "--set_aside") == 0
    aside = path.with_name("own.1")
    assert run(path, "--resume", "--set", f"output={aside}") == 0
    first, second = (torch.load(one / "first.pth", weights_only=True) for one in (whole.with_suffix(""), aside))
    assert all(torch.equal(first[key], second[key]) for key in first)
