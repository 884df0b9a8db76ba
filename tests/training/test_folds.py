"""The table of parameters per video left out: read, checked, its files found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gazenet.errors import UsageError
from gazenet.training.folds import read_folds


def table(folder: Path, **folds: object) -> Path:
    path = folder / "folds.json"
    path.write_text(json.dumps(folds))
    return path


def test_files_lie_beside_the_table_or_where_the_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.safetensors").write_bytes(b"")
    (tmp_path / "b.safetensors").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    folds = {name: {"active_speaker": {"weights": f"{name}.safetensors", "base": 0.1}} for name in ("a", "b")}
    found = read_folds(table(tmp_path / "kept", **folds))
    assert found["a"] == {"active_speaker": {"weights": str(tmp_path / "kept" / "a.safetensors"), "base": 0.1}}
    assert found["b"] == {"active_speaker": {"weights": "b.safetensors", "base": 0.1}}


@pytest.mark.parametrize(
    ("fold", "words"),
    [
        (3, "011: write the parameters of its cues"),
        ({"active_speaker": "x.safetensors"}, "011: active_speaker: write an object of parameters"),
        ({"active_speakr": {}}, "011: unknown extractor 'active_speakr'; did you mean 'active_speaker'"),
        (
            {"active_speaker": {"weight": "x"}},
            "011: active_speaker: unknown parameter 'weight'; did you mean 'weights'",
        ),
        ({"active_speaker": {"weights": "gone.st"}}, "011: active_speaker: weights: there is no gone.st, neither in"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_fold(tmp_path: Path, fold: object, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        read_folds(table(tmp_path, **{"011": fold}))
    assert str(tmp_path / "folds.json") in str(error.value)
