"""Loggers: none, csv, tensorboard, comet with and without its package, key and server."""

from __future__ import annotations

import json
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
from made_up_cache import fake_extract, make_config, train
from pydantic import ValidationError

from gazenet.config.fit_config import RecipeConfig
from gazenet.errors import UsageError
from gazenet.recipes.gasp import gasp_task
from gazenet.training import loggers
from gazenet.training.loggers import make_logger


def test_none_and_csv(tmp_path: Path) -> None:
    assert make_logger("", tmp_path, "p") == (False, "")
    logger, message = make_logger("csv", tmp_path, "p")
    assert (type(logger).__name__, message) == ("CSVLogger", "")


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    assert type(make_logger("tensorboard", tmp_path, "p")[0]).__name__ == "TensorBoardLogger"


@pytest.mark.parametrize("name", ["comet", "tensorboard"])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda module: None)
    with pytest.raises(UsageError, match=rf"gazenet\[{name}\]"):
        make_logger(name, tmp_path, "p")


def archived(folder: Path) -> dict[str, list[Any]]:
    """What the archive of an offline experiment holds: payloads by type of message, names of assets."""
    (archive,) = folder.glob("*.zip")
    found: dict[str, list[Any]] = {}
    with zipfile.ZipFile(archive) as file:
        for line in file.read("messages.json").decode().splitlines():
            message = json.loads(line)
            found.setdefault(message["type"], []).append(message["payload"])
    return found


def test_comet_without_key_leaves_an_archive(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("comet_ml")
    for name in ("COMET_KEY", "COMET_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gasp_task, "PICTURED", 1.0)
    out = tmp_path / "out"
    train(
        make_config(data_root, out, logger="comet", trainer__max_epochs=2, trainer__val_store_image_samples="true"),
        extract=fake_extract,
    )
    assert f"COMET_KEY is not set; values are kept offline in {out / 'comet'}" in capsys.readouterr().out
    found = archived(out / "comet")
    names = {payload["metric"]["metricName"] for payload in found["metric_msg"]}
    assert {"train_loss", "val_loss", "val_nss"} <= names
    shown = {payload["additional_params"]["figName"] for payload in found["file_upload"]}
    assert "validation/batch-00/maps" in shown
    assert "installed_packages" not in found and "git_metadata" not in found


@pytest.mark.parametrize("trouble", ["deaf", "wrong key"])
def test_comet_that_cannot_be_reached_is_told_and_kept_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    comet_ml = pytest.importorskip("comet_ml")
    start = comet_ml.start

    def begin(*, online: bool, **settings: Any) -> Any:
        if not online:
            return start(online=online, **settings)
        assert (settings["api_key"], settings["workspace"]) == ("secret", "ours")
        if trouble == "wrong key":
            raise ValueError("The API key secret is not valid\nand more")
        return types.SimpleNamespace(alive=False)

    monkeypatch.setattr(comet_ml, "start", begin)
    monkeypatch.setenv("COMET_KEY", "secret")
    monkeypatch.setenv("COMET_WORKSPACE", "ours")
    logger, message = make_logger("comet", tmp_path, "mine")
    assert ("comet.com did not answer" if trouble == "deaf" else "is not valid; values are kept offline") in message
    assert not isinstance(logger, bool)
    logger.log_metrics({"val_cc": 0.5, "epoch": 1.0}, step=3)
    logger.finalize("success")
    (metric,) = archived(tmp_path / "comet")["metric_msg"]
    assert (metric["metric"]["metricName"], metric["metric"]["metricValue"]) == ("val_cc", 0.5)
    assert (metric["metric"]["step"], metric["metric"]["epoch"]) == (3, 1)


def test_comet_with_a_key_goes_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comet_ml = pytest.importorskip("comet_ml")
    seen: list[Any] = []
    board = types.SimpleNamespace(
        alive=True, url="https://comet/1", get_key=lambda: "abc", end=lambda: seen.append("end")
    )
    monkeypatch.setattr(comet_ml, "start", lambda **settings: board)
    monkeypatch.setenv("COMET_KEY", "secret")
    logger, message = make_logger("comet", tmp_path, "mine")
    assert message == "logger comet: https://comet/1"
    assert not isinstance(logger, bool)
    assert (logger.name, logger.version) == ("mine", "abc")
    logger.finalize("success")
    assert seen == ["end"]


def test_tensorboard_shows_validation_pictures(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr(gasp_task, "PICTURED", 1.0)
    out = tmp_path / "out"
    train(
        make_config(
            data_root, out, logger="tensorboard", trainer__max_epochs=1, trainer__val_store_image_samples="true"
        ),
        extract=fake_extract,
    )
    events = accumulator.EventAccumulator(str(out / "log")).Reload()
    assert "validation/batch-00/maps" in events.Tags()["images"]
    assert "val_nss" in events.Tags()["scalars"]


def test_importing_the_module_imports_no_logger() -> None:
    asked = "import sys, gazenet.training.loggers; print('comet_ml' in sys.modules, 'tensorboard' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


def test_unknown() -> None:
    with pytest.raises(ValidationError, match="'csv', 'tensorboard', 'comet' or ''"):
        RecipeConfig.model_validate({"recipe": "gasp", "logger": "paper"})
