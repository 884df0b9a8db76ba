"""gasp_evaluate: requests are checked before anything is read, the table is printed and kept."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gazenet.cli import evaluate

ROWS = [{"video": "a", "frames": 50, "nss": 1.23456}, {"video": "mean", "frames": 50, "nss": 1.23456}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What the scoring was asked for; the scoring itself is replaced."""
    calls: list[dict[str, Any]] = []
    module = types.ModuleType("gazenet.metrics.evaluate")
    module.evaluate_predictions = lambda predictions, **rest: calls.append({"p": predictions, **rest}) or ROWS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gazenet.metrics.evaluate", module)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "f.csv").write_text("video\n")
    return calls


def test_table_is_printed_and_written(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--predictions", "runs", "--fixations", "f.csv", "--output", "scores.csv"]) == 0
    assert asked == [{"p": Path("runs"), "dataset": None, "root": None, "fixations": Path("f.csv")}]
    assert capsys.readouterr().out == "video  frames  nss\na      50      1.235\nmean   50      1.235\n"
    assert (tmp_path / "scores.csv").read_text() == "video,frames,nss\na,50,1.23456\nmean,50,1.23456\n"


def test_dataset_and_root_are_handed_on(asked: list[dict[str, Any]]) -> None:
    assert evaluate.main(["--predictions", "runs", "--dataset", "findwho", "--root", "runs"]) == 0
    assert asked == [{"p": Path("runs"), "dataset": "findwho", "root": Path("runs"), "fixations": None}]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--predictions is missing"),
        (["--predictions", "runs"], "nothing to score against"),
        (["--predictions", "runs", "--dataset", "osie"], "--dataset osie: add --root"),
        (["--predictions", "absent", "--fixations", "f.csv"], "--predictions absent: there is no such folder"),
        (["--predictions", "runs", "--fixations", "runs"], "--fixations runs: there is no such file"),
        (["--predictions", "runs", "--dataset", "osie", "--root", "x"], "--root x: there is no such folder"),
    ],
)
def test_wrong_requests(
    asked: list[dict[str, Any]], argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gasp_evaluate: {said}") and error.count("\n") == 1
    assert asked == []
