"""gasp_train: published flags are short forms of config keys."""

from __future__ import annotations

import pytest

from gazenet.cli import train
from gazenet.config.load import config_names, load_config


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
    assert train.main(["--gpus=" + gpus]) == 2
    assert "name one GPU" in capsys.readouterr().err


def test_every_flag_is_a_key_of_the_config() -> None:
    values = {str: "csv", int: 2}
    for name in config_names("train")[:1]:
        given = [f"--{flag}={values[kind]}" for flag, (_, kind, _) in train.FLAGS.items()]
        config = load_config("train", name, sets(*given, "--gpus=0"))
        dumped = config.model_dump()
        for key, kind, _ in train.FLAGS.values():
            value = dumped
            for part in key.split("."):
                value = value[part]
            assert value == values[kind]
    assert config_names("train")


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--list"]) == 0
    assert capsys.readouterr().out.startswith("config")
