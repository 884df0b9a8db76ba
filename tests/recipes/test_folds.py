"""Leave one video out with learned cues: the table of their parameters, and the mark where there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from made_up_cache import fake_extract, make_config, train

from gazenet.config.inference import InferConfig
from gazenet.errors import UsageError
from gazenet.fusion.integrator_files import open_integrator
from gazenet.inference.cache.recall import Recalled
from gazenet.recipes.gasp.folds import read_folds
from gazenet.recipes.gasp.gasp_run import SEEN


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


def test_cues_run_with_the_weights_of_the_fold(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "without_001").write_bytes(b"")
    given = {"active_speaker": {"weights": "without_001"}}
    folds = table(tmp_path, **{"001": given})
    asked: list[tuple[str, tuple[str, ...]]] = []

    def extract(config: InferConfig, paths: Sequence[Path]) -> Mapping[Path, Recalled]:
        weights = {one.name: one.parameters for one in config.extractors}["active_speaker"].get("weights", "")
        asked.append((Path(str(weights)).name, tuple(path.stem for path in paths)))
        return fake_extract(config, paths)

    config = make_config(data_root, tmp_path / "out", folds=json.dumps(str(folds)), trainer__max_epochs=1)
    result = train(config, extract=extract, compute_metrics=True)
    head, row = (tmp_path / "out" / "evaluation.csv").read_text().splitlines()[:2]
    assert head.endswith(",seen_by") and "findwho,003" in row and row.endswith(",active_speaker")
    assert asked == [("", ("001", "002", "003")), ("without_001", ("001", "002"))]
    assert result.values["folds"][SEEN] == {"active_speaker": ["findwho/002"]}
    assert result.values["validation"][SEEN] == {"active_speaker": ["findwho/003"]}
    first, second = capsys.readouterr().err.strip().splitlines()
    assert first.startswith("folds: cue active_speaker has learned from findwho/002: these scores are better")
    assert second.startswith("data.validation: cue active_speaker has learned from findwho/003")


def test_without_a_table_the_run_warns_and_marks_the_scores(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"data__validation": "[]", "trainer__max_epochs": 1}
    result = train(make_config(data_root, tmp_path / "out", folds="video", **changes), extract=fake_extract)
    said = capsys.readouterr().err
    assert "cue active_speaker has learned from findwho/001, findwho/002: these scores" in said
    assert "benchmarks/training/folds.py makes it" in said and said.count("\n") == 1
    seen = {"active_speaker": ["findwho/001", "findwho/002"]}
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["folds"][SEEN] == seen
    assert open_integrator(result.weights)[2]["scores"]["folds"][SEEN] == seen


def test_weights_of_ones_own_and_complete_tables_are_not_marked(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w").write_bytes(b"")
    given = {name: {"active_speaker": {"weights": "w"}} for name in ("001", "002")}
    changes = {"data__validation": "[]", "trainer__max_epochs": 1}
    config = make_config(data_root, tmp_path / "out", folds=json.dumps(str(table(tmp_path, **given))), **changes)
    assert SEEN not in train(config, extract=fake_extract).values["folds"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("folds", ["videos", "[]", '{"011": {}}'])
def test_folds_are_video_or_a_file(data_root: Path, tmp_path: Path, folds: str) -> None:
    with pytest.raises(UsageError, match="folds: "):
        make_config(data_root, tmp_path / "out", folds=folds)


def test_a_table_that_is_not_there_ends_the_run_before_any_work(data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", folds=json.dumps(str(tmp_path / "gone.json")))
    with pytest.raises(UsageError, match=r"gone.json: no such file"):
        train(config, extract=lambda *given: pytest.fail("work was begun"))
    assert not (tmp_path / "out").exists()
