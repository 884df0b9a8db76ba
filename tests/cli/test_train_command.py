"""gasp_train: published flags are short forms of config keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gazenet.cli import train
from gazenet.config.load import config_names, load_config
from gazenet.config.training import TrainConfig
from gazenet.config.training_experiments import FAMILIES, experiment_names
from gazenet.cues.registry import PluginEntry
from gazenet.training import recipe_run
from gazenet.training.recipe_loading import installed_recipes
from gazenet.training.recipe_spec import DEFAULT_RECIPE, RecipeSpec


def sets(*argv: str) -> list[str]:
    return train.flag_sets(train.build_parser().parse_args(list(argv)))


def test_flags_come_after_sets_and_only_when_given() -> None:
    assert sets() == []
    given = sets("--max_epochs", "3", "--set", "trainer.seed=1", "a=b")
    assert given == ["trainer.seed=1", "a=b", "trainer.max_epochs=3"]
    assert sets("--logger_name", "") == ['logger=""']
    assert sets("--gpus", "0,") == ['device="cuda:0"']
    assert sets("--gpus", "3") == ['device="cuda:3"']
    assert sets("--gpus", "0,1") == ['device="cuda:0"', "trainer.devices=2"]


@pytest.mark.parametrize("gpus", ["1,2", "0,0", "0,x", "all", "", "-1"])
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
    calls: list[tuple[Any, ...]] = []

    def fake(entry: PluginEntry[RecipeSpec], config: TrainConfig, resume: bool, set_aside: bool) -> None:
        assert entry.name == config.recipe == DEFAULT_RECIPE
        scores = (config.compute_metrics, config.infer_configs)
        calls.append((config.name, config.trainer.max_epochs, (resume, set_aside), scores))

    monkeypatch.setattr(recipe_run, "train_recipe", fake)
    assert train.main(["--train_config_file", str(mine), "--max_epochs", "3", "--resume"]) == 0
    assert train.main(["--train_config_file", str(mine), "--compute_metrics", "--set_aside"]) == 2
    validation = ["--set", 'data.validation=[{"dataset":"osie"}]']
    assert train.main(["--train_config_file", str(mine), "--compute_metrics", "--set_aside", *validation]) == 0
    assert train.main(["--infer_configs", "default", "default", *validation]) == 0
    own = mine.with_name("infer")
    own.write_text('{"extractors": [{"name": "mine"}]}')
    monkeypatch.chdir(own.parent)
    assert train.main(["--max_epochs", "1", "--infer_config_files", "infer", *validation]) == 0
    embedded = load_config("train", "embedded")
    assert calls == [
        ("trained", 3, (True, False), (False, ())),
        ("trained", 20, (False, True), (True, ())),
        ("embedded", embedded.trainer.max_epochs, (False, False), (False, ("default", "default"))),
        ("embedded", 1, (False, False), (False, (str(own),))),
    ]


FLAGSHIP = "GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"


def dry_run(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert train.main([*argv, "--dry_run"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def test_without_a_config_the_installed_default_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.DEFAULT in config_names("train")
    assert dry_run(capsys) == json.loads(load_config("train", train.DEFAULT).model_dump_json())
    with pytest.raises(SystemExit):
        train.main(["--help"])
    assert f"(default: {train.DEFAULT})" in capsys.readouterr().out


def test_a_published_name_resolves_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = dry_run(capsys, "--train_config", FLAGSHIP)
    assert shown["network"]["class"] == "SequenceGASPDAMEncALSTMGMUConv"
    assert shown["cues"][0] == "captured" and shown["experiment"] == FLAGSHIP
    assert list(tmp_path.iterdir()) == []


def test_the_published_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    argv = (
        "--max_epochs 2000 --check_val_every_n_epoch 49 --checkpoint_save_every_n_epoch 50 --checkpoint_save_n_top 5"
    )
    more = ["--gpus", "0,", "--logger_name", "comet", "--compute_metrics", "--infer_configs", "default"]
    shown = dry_run(capsys, "--train_config", FLAGSHIP, *argv.split(), *more, "--val_store_image_samples")
    settings = shown["trainer"]
    assert (settings["max_epochs"], settings["check_val_every_n_epoch"]) == (2000, 49)
    assert (settings["checkpoint_save_every_n_epoch"], settings["checkpoint_save_n_top"]) == (50, 5)
    assert (settings["checkpoint_monitor"], settings["val_store_image_samples"]) == ("val_loss", True)
    assert (shown["device"], shown["logger"]) == ("cuda:0", "comet")


def test_embedded_cues_take_the_places_of_the_published_maps(capsys: pytest.CaptureFixture[str]) -> None:
    shown = dry_run(
        capsys, "--train_config", FLAGSHIP, "--embedded_cues", "--set", 'colours=["bone","hot","jet","jet","jet"]'
    )
    assert shown["cues"][:2] == ["active_speaker", "saliency"]
    assert shown["data"]["frames_root"] is None and shown["colours"][0] == "bone"


def test_placeholders_are_read_from_the_command_line(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(mine.read_text())
    mine.write_text(json.dumps({**data, "trainer": {"batch_size": "@BS"}, "output": "runs/@NAME"}))
    shown = dry_run(capsys, "--train_config_file", str(mine), "--@BS", "3", "--@NAME=trial")
    assert (shown["trainer"]["batch_size"], shown["output"]) == (3, "runs/trial")


def test_dry_run_prints_a_config_that_loads(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config_file", str(mine), "--dry_run"]) == 0
    again = tmp_path / "again.json"
    again.write_text(capsys.readouterr().out)
    assert load_config("train", again) == load_config("train", mine)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--@NAME"], "--@NAME: write --@NAME VALUE"),
        (["--@NAME", "x"], "--@NAME: no text of the config contains @NAME"),
        (["--infer_configs", "nope"], "--infer_config nope: no such config"),
        (["--infer_config_files", "nope.json"], "nope.json: no such file"),
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


def test_list_shows_installed_configs_and_every_experiment_in_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--list"]) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    titles = [block.partition(":")[0] for block in blocks]
    assert titles == ['recipes ("recipe"', "installed configs (--train_config NAME)", *FAMILIES]
    recipes = [line.split()[0] for line in blocks[0].splitlines()[1:]]
    assert recipes == list(installed_recipes().usable) and DEFAULT_RECIPE in recipes
    shown = [line.split()[0] for block in blocks[1:] for line in block.splitlines()[1:]]
    assert shown == [*config_names("train"), *experiment_names()]
