"""Split tables: published counts, ids as text, errors with a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gazenet.data.splits import parse_split, read_split, social, split_names
from gazenet.errors import UsageError


@pytest.mark.parametrize(
    ("name", "rows", "kept"),
    [("train_ave", 93, 37), ("validation_ave", 29, 16), ("test_ave", 29, 11), ("train_stavis_1", 114, 48)],
)
def test_published_counts(name: str, rows: int, kept: int) -> None:
    table = read_split(name)
    assert (len(table), len(social(table))) == (rows, kept)


def test_a_video_listed_twice_is_used_once() -> None:
    assert (len(read_split("validation_findwho")), len(social(read_split("validation_findwho")))) == (12, 11)


def test_every_installed_split_can_be_read() -> None:
    names = split_names()
    assert "train_findwho" in names and "wtmsimgaze2020_video_conditions" not in names
    assert all(read_split(name) for name in names)
    assert "011" in {row.video_id for row in read_split("train_findwho")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video_id,fps\n1,2\n", "scene_type, dataset is missing"),
        ("video_id,fps,scene_type,dataset\n1,25,Social,diem\n2,x,Social,diem\n", "line 3: fps"),
        ("video_id,fps,scene_type,dataset\n1,25,Party,diem\n", "line 2: scene_type"),
        ("video_id,fps,scene_type,dataset\n,25,Social,diem\n", "video_id"),
    ],
)
def test_bad_tables(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_split(text, "mine.csv")


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'train_findwho'"):
        read_split("train_findwo")
    with pytest.raises(UsageError, match="cannot be read"):
        read_split(tmp_path / "none.csv")
    (tmp_path / "mine.csv").write_text("video_id,fps,scene_type,dataset\n007,25,Social,mvva\n")
    assert read_split(tmp_path / "mine.csv")[0].video_id == "007"
