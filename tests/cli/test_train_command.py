"""gasp_train: published flags are short forms of config keys."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gazenet.cli import train
from gazenet.config.load import load_config


def sets(*argv: str) -> list[str]:
    return train.flag_sets(train.build_parser().parse_args(list(argv)))


def test_flags_come_after_sets_and_only_when_given() -> None:
    assert sets() == []
    given = sets("--max_epochs", "3", "--set", "trainer.seed=1", "a=b")
    assert given == ["trainer.seed=1", "a=b", "trainer.max_epochs=3"]
    assert sets("--logger_name", "") == ['logger=""']
    assert sets("--gpus", "0,") == ['device="cuda:0"']


@pytest.mark.parametrize("gpus", ["0,1", "all", "", "-1"])
def test_bad_gpus_are_refused(gpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config", "any", "--gpus=" + gpus]) == 2
    assert "name one GPU" in capsys.readouterr().err


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The shortest training config."""
    path = tmp_path / "mine.json"
    data = {"train": [{"dataset": "findwho"}]}
    path.write_text(json.dumps({"network": {}, "cues": ["saliency", "gaze_direction"], "data": data}))
    return path


def test_every_flag_is_a_key_of_the_config(mine: Path) -> None:
    values = {str: "csv", int: 2}
    given = [f"--{flag}={values[kind]}" for flag, (_, kind, _) in train.FLAGS.items()]
    config = load_config("train", mine, sets(*given, "--gpus=0"))
    assert config.device == "cuda:0"
    for key, kind, _ in train.FLAGS.values():
        value: Any = config.model_dump()
        for part in key.split("."):
            value = value[part]
        assert value == values[kind]


def test_config_and_resume_reach_the_training(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, bool]] = []
    module = types.ModuleType("gazenet.training.run")
    module.train = lambda config, resume: calls.append((config.trainer.max_epochs, resume))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gazenet.training.run", module)
    assert train.main(["--train_config_file", str(mine), "--max_epochs", "3", "--resume"]) == 0
    assert train.main(["--train_config_file", str(mine)]) == 0
    assert calls == [(3, True), (20, False)]


def test_dry_run_prints_a_config_that_loads(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config_file", str(mine), "--dry_run"]) == 0
    again = tmp_path / "again.json"
    again.write_text(capsys.readouterr().out)
    assert load_config("train", again) == load_config("train", mine)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "name --train_config NAME or --train_config_file FILE; installed: "),
        (["--train_config", "nope"], "--train_config nope: no such config"),
        (["--set", "trainer.max_epoch=3"], "--set: trainer.max_epoch: unknown key (did you mean 'max_epochs'?)"),
        (["--max_epochs", "0"], "--set: trainer.max_epochs: input should be greater than or equal to 1"),
        (["--gpus", "99"], "device cuda:99: "),
    ],
)
def test_wrong_requests(mine: Path, argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = [] if not argv or argv[0] == "--train_config" else ["--train_config_file", str(mine)]
    assert train.main([*file, *argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gasp_train: {said}") and error.count("\n") == 1


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--list"]) == 0
    assert capsys.readouterr().out.startswith("config")
