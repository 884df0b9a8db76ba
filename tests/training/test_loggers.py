"""Loggers: none, csv, tensorboard, comet without its package or key."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gazenet.errors import UsageError
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
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(UsageError, match=rf"gazenet\[{name}\]"):
        make_logger(name, tmp_path, "p")


def test_comet_without_key_stays_offline_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lightning.pytorch.loggers as loggers

    asked: dict[str, Any] = {}
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: types.SimpleNamespace())
    monkeypatch.setattr(loggers, "CometLogger", lambda **settings: asked.update(settings) or "comet")
    for name in ("COMET_KEY", "COMET_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", "")
    logger, message = make_logger("comet", tmp_path, "mine")
    assert logger == "comet"
    assert (asked["online"], asked["project"]) == (False, "mine")
    assert "COMET_KEY is not set" in message and str(tmp_path) in message
    asked.clear()
    monkeypatch.setenv("COMET_KEY", "secret")
    assert make_logger("comet", tmp_path, "mine") == ("comet", "")
    assert asked["api_key"] == "secret" and "online" not in asked


def test_importing_the_module_imports_no_logger() -> None:
    assert "comet_ml" not in sys.modules


def test_unknown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose csv"):
        make_logger("paper", tmp_path, "p")
