"""Published experiments as training configs: fields, files, embedded cues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gazenet.config.load import load_config, read_config, validate
from gazenet.config.training import TrainConfig
from gazenet.config.training_experiment_data import on_embedded_cues, trainer
from gazenet.config.training_experiments import BASE, experiment_names, find_experiment
from gazenet.errors import UsageError
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES
from gazenet.recipes.gasp.gasp_task import class_of, network_config

FLAGSHIP = "GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"
PUBLISHED: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "train_configs.json").read_text()
)
DEFAULTS = PUBLISHED["module_defaults_not_overridden_by_any_config"]


def embedded_form(name: str) -> TrainConfig:
    data, where = read_config("train", name)
    return validate(TrainConfig, on_embedded_cues(data), where)


@pytest.mark.parametrize("name", experiment_names())
def test_every_name_loads_with_the_published_values(name: str) -> None:
    config, published = load_config("train", name), PUBLISHED["configs"][name]
    network = network_config(config.network, len(config.cues))
    assert config.experiment == name
    if name == BASE:
        return
    kwargs = published["model_kwargs"]
    assert class_of(network) == published["model"]
    assert (network.modalities, network.in_channels) == (kwargs["modalities"], 3)
    assert config.network.get("sequence_len", 1) == network.sequence_len == published["context"]
    assert network.sequence_norm == bool(published["temporal_norm"])
    maps = published["input_maps"]
    phases = maps if isinstance(maps, dict) else dict.fromkeys(("train", "val", "test"), maps)
    assert list(config.cues) == phases["train"] == phases["val"]
    assert list(config.test_cues or config.cues) == phases["test"]
    assert config.trainer.batch_size == kwargs.get("batch_size", DEFAULTS["batch_size_when_absent"])
    assert (config.project, config.logger) == (published["project"], published["logger"])
    assert config.data.frames_root == published["frames_root"]
    assert list(config.data.targets) == published["ground_truth_maps"]
    for sources, key in ((config.data.train, "train"), (config.data.validation, "val"), (config.data.test, "test")):
        assert [source.dataset for source in sources] == ["coutrot1", "coutrot2", "diem"]
        assert {f"datasets/processed/{source.split}.csv" for source in sources} == {published["split_files"][key]}


def test_the_optimisation_is_the_released_one() -> None:
    config = load_config("train", FLAGSHIP)
    settings, loss = config.trainer, config.trainer.loss
    assert settings.learning_rate == DEFAULTS["learning_rate"]
    assert settings.optimizer == DEFAULTS["optimizer"].lower()
    assert {name: getattr(loss, name) for name in DEFAULTS["loss_weights"]} == DEFAULTS["loss_weights"]
    assert loss.dam == DEFAULTS["dam_loss_weight"] and loss.mode == "published"
    assert list(config.input_size) == DEFAULTS["input_size"]
    assert (settings.schedule, settings.weight_decay, settings.gradient_clip) == ("constant", 0, None)
    assert (config.data.sampling, config.data.window, settings.drop_last) == ("videos", "starts", False)


def test_loss_weights_are_read_as_list_and_as_object() -> None:
    listed = trainer({"loss_weights": [1, 2, 3, 4, 5]})["loss"]
    named = trainer({"loss_weights": {"bce": 1, "cc": 2, "nss": 3, "kld": 4, "nll": 5}})["loss"]
    assert listed == named and listed["nll"] == 5


def test_the_embedded_form_keeps_everything_but_the_maps() -> None:
    plain = load_config("train", FLAGSHIP)
    config = embedded_form(FLAGSHIP)
    assert config.cues == ("active_speaker", "saliency", "facial_expression", "gaze_following", "gaze_direction")
    assert config.colours == ("jet",) * 5
    assert config.data.frames_root is None
    same = {"cues": plain.cues, "colours": plain.colours, "data": plain.data}
    assert config.model_copy(update=same) == plain
    other = embedded_form("GASPExp003_SeqDAMALSTMGMU1x1Conv_10Norm_TASED")
    assert other.test_cues == () and other.cues == config.cues


def test_the_installed_flagship_is_the_published_network_on_embedded_cues() -> None:
    installed = load_config("train", "flagship")
    embedded = embedded_form(FLAGSHIP)
    networks = [network_config(config.network, len(config.cues)) for config in (installed, embedded)]
    assert networks[0] == networks[1]
    assert (installed.cues, installed.colours, installed.data.sampling) == (
        embedded.cues,
        embedded.colours,
        embedded.data.sampling,
    )
    ours, theirs = installed.trainer.model_dump(), embedded.trainer.model_dump()
    # docs/flagship.md gives the reason of each.
    assert {key for key in ours if ours[key] != theirs[key]} == {
        "max_epochs",
        "learning_rate",
        "schedule",
        "gradient_clip",
        "loss",
        "check_val_every_n_epoch",
        "checkpoint_save_every_n_epoch",
        "checkpoint_save_n_top",
    }
    assert ours["loss"] == {**theirs["loss"], "mode": "corrected"}


@pytest.mark.parametrize("name", ["embedded", "flagship", FLAGSHIP, "GASPExp003_SeqDAMALSTMGMU1x1Conv_10Norm_UNISAL"])
def test_a_written_config_loads_equal(name: str, tmp_path: Path) -> None:
    config = load_config("train", name)
    path = tmp_path / "again.json"
    path.write_text(config.model_dump_json())
    assert load_config("train", path) == config


def test_every_published_class_is_a_network() -> None:
    classes = {str(load_config("train", name).network["class"]) for name in experiment_names() if name != BASE}
    assert classes == set(PUBLISHED_CLASSES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('test_cues=["a"]', "test_cues: 1 cues"),
        ("rendering=scalar", "coloured pictures"),
        ("trainer.devices=3", "cannot be shared out evenly between 3 devices"),
        ("data.sampling=days", "'frames' or 'videos'"),
        ('data.train=[{"dataset":"*"}]', "needs frames_root and a split"),
    ],
)
def test_what_does_not_fit_is_refused(change: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("train", FLAGSHIP, [change])
    assert said in str(caught.value)


def test_experiments_are_only_training_configs() -> None:
    assert find_experiment(FLAGSHIP) is not None
    with pytest.raises(UsageError, match="no such config"):
        load_config("infer", FLAGSHIP)
    with pytest.raises(UsageError, match="134 published experiments"):
        load_config("train", "nothing_like_it")
    with pytest.raises(UsageError, match=f"did you mean '{FLAGSHIP}'"):
        load_config("train", FLAGSHIP[:-1])
