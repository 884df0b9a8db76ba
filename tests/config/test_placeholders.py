"""--@NAME VALUE: taken from the command line, put into texts, never evaluated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gazenet.config.load import load_config
from gazenet.config.placeholders import split_placeholders, substitute
from gazenet.errors import UsageError


def test_pairs_are_taken_wherever_they_stand() -> None:
    rest, values = split_placeholders(["--a", "1", "--@BS", "4", "--b", "--@ROOT=/x=y", "--@LAST"])
    assert rest == ["--a", "1", "--b"]
    assert values == {"BS": "4", "ROOT": "/x=y", "LAST": None}


def test_values_have_types_where_they_are_the_whole_text() -> None:
    data = {"a": ["@N", "x@N.csv"], "b": {"c": "@T"}, "d": "@W", "@N": 1, "e": 3}
    replaced = substitute(data, {"N": "4", "T": "true", "W": "some words"})
    assert replaced == {"a": [4, "x4.csv"], "b": {"c": True}, "d": "some words", "@N": 1, "e": 3}
    assert data["a"] == ["@N", "x@N.csv"]


def test_the_longest_name_wins() -> None:
    assert substitute({"a": "@FOLD_1/@FOLD"}, {"FOLD": "x", "FOLD_1": "y"}) == {"a": "y/x"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"N": None}, "--@N: write --@NAME VALUE"),
        ({"": "1"}, "--@: write --@NAME VALUE"),
        ({"M": "1"}, "--@M: no text of the config contains @M"),
    ],
)
def test_wrong_pairs_are_refused(values: dict[str, str | None], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        substitute({"a": "@N"}, values)
    assert str(caught.value).startswith(said)


def test_a_config_file_with_placeholders(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"extractors": [{"name": "@WHO", "stride": "@STRIDE"}], "output_dir": "runs/@WHO"}))
    config = load_config("infer", path, placeholders={"WHO": "saliency", "STRIDE": "3"})
    assert config.extractors[0].stride == 3 and config.output_dir == "runs/saliency"
    with pytest.raises(UsageError, match="configs hold data, not code"):
        load_config("infer", path, placeholders={"WHO": "eval(1)", "STRIDE": "3"})
