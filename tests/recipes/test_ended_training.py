"""An integrator's training that a signal ends at any moment: its step is kept, and the resume ends in the same."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

import pytest
import torch
from made_up_cache import fake_extract, make_config, train
from safetensors.torch import load_file

from gazenet.config.training import TrainConfig
from gazenet.recipes.gasp.gasp_task import IntegratorTask
from gazenet.training.recipe_run import RecipeResult
from gazenet.training.step_log import LOG, log_folders


def config_of(root: Path, output: Path, **changes: object) -> TrainConfig:
    return make_config(root, output, trainer__max_epochs=2, trainer__threads=1, **changes)


def run(config: TrainConfig, resume: bool = False) -> RecipeResult:
    return train(config, resume=resume, extract=fake_extract)


def signal_at(patched: pytest.MonkeyPatch, hook: str, at: int, number: signal.Signals) -> None:
    """A signal comes in the middle of the ``at``-th call of a hook of the task, counted from 1."""
    real, calls = getattr(IntegratorTask, hook), []

    def struck(self: IntegratorTask, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor | None:
        calls.append(index)
        if len(calls) == at:
            os.kill(os.getpid(), number)
        return real(self, batch, index)

    patched.setattr(IntegratorTask, hook, struck)


def logged(folder: Path) -> list[tuple[str, ...]]:
    """All rows of all logs by their filled cells, the times of day aside."""
    files = [place / LOG for place in log_folders(folder) if (place / LOG).is_file()]
    rows = [row for path in files for row in csv.DictReader(path.open())]
    return sorted(tuple(sorted(f"{key}={value}" for key, value in row.items() if value)) for row in rows)


@pytest.mark.parametrize(
    ("hook", "at", "number", "step", "workers"),
    [
        ("training_step", 2, signal.SIGTERM, 2, 0),
        ("training_step", 4, signal.SIGINT, 4, 0),
        ("training_step", 7, signal.SIGINT, 7, 1),
        ("validation_step", 1, signal.SIGTERM, 4, 0),
        ("validation_step", 6, signal.SIGTERM, 8, 0),
    ],
)
def test_its_resume_ends_in_the_same_weights_and_log(
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hook: str,
    at: int,
    number: signal.Signals,
    step: int,
    workers: int,
) -> None:
    uninterrupted = run(config_of(data_root, tmp_path / "whole", trainer__workers=workers))
    cut = config_of(data_root, tmp_path / "cut", trainer__workers=workers)
    with monkeypatch.context() as patched:
        signal_at(patched, hook, at, number)
        with pytest.raises(KeyboardInterrupt, match=rf"step {step} \(epoch {(step + 3) // 4} of 2\)") as stopped:
            run(cut)
    assert getattr(stopped.value, "signal", signal.SIGINT) == number
    assert torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)["global_step"] == step
    assert not (tmp_path / "cut" / "integrator.safetensors").exists()
    resumed = run(cut, resume=True)
    first, second = load_file(uninterrupted.weights), load_file(resumed.weights)
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    assert uninterrupted.values == resumed.values
    assert logged(tmp_path / "whole") == logged(tmp_path / "cut"), "every step is in the log once"


def test_a_signal_while_cues_are_made_interrupts_at_once(data_root: Path, tmp_path: Path) -> None:
    def interrupted(*given: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    config = config_of(data_root, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(config, extract=interrupted)
    assert getattr(stopped.value, "signal", None) == signal.SIGTERM
    assert run(config, resume=True).weights.exists()


def test_a_signal_in_the_second_fold_leaves_the_first_one_done(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = run(config_of(data_root, tmp_path / "whole", folds="video"))
    cut = config_of(data_root, tmp_path / "cut", folds="video")
    with monkeypatch.context() as patched:
        signal_at(patched, "training_step", 11, signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="step 3"):
            run(cut)
    assert run(cut, resume=True).values == uninterrupted.values
