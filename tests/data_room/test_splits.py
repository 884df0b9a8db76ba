"""Split tables: published counts, ids as text, errors with a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazenet.data.splits import COLUMNS, SCENES, SplitRow, parse_split, read_split, social, split_items, split_names
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
        ("video_id,fps,scene_type,dataset\n", "lists no video; add a line per video"),
        ("", "column video_id, fps, scene_type, dataset is missing; .* add it to the first line"),
        ("video_id,fps,scene_type,dataset\n1,25,Social,dime\n", "line 2: dataset 'dime' has no reader .*'diem'"),
        ("video_id,fps,scene_type,dataset\n1,0,Social,diem\n", "line 2: fps"),
        ("video_id,fps,scene_type,dataset\n1,25,Social\n", "line 2: video_id and dataset must not be empty"),
    ],
)
def test_bad_tables(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_split(text, "mine.csv")


@pytest.mark.parametrize("cells", ["v,{},Social,ave", "v,25,{},ave", "v,25,Social,{}"])
def test_a_long_cell_is_told_in_a_short_line(cells: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_split(f"video_id,fps,scene_type,dataset\n{cells.format('9' * 5000)}\n", "mine.csv")
    assert str(caught.value).startswith("mine.csv: line 2: ") and "(5000 characters)" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'train_findwho'"):
        read_split("train_findwo")
    with pytest.raises(UsageError, match="cannot be read"):
        read_split(tmp_path / "none.csv")
    (tmp_path / "mine.csv").write_text("video_id,fps,scene_type,dataset\n007,25,Social,mvva\n")
    assert read_split(tmp_path / "mine.csv")[0].video_id == "007"


def test_line_ends_and_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"\xef\xbb\xbfvideo_id,fps,scene_type,dataset\r\n007,25,Social,mvva\r\n")
    assert read_split(path) == [SplitRow("007", 25, "Social", "mvva")]


def test_items_of_a_data_set_and_of_the_cache() -> None:
    assert len(split_items("train_ave", "coutrot2")) == 12
    assert split_items("test_ave", "coutrot2") == ["clip_2"]
    cached = split_items("train_ave", "processed")
    assert len(cached) == 37 and "coutrot2/clip_1" in cached
    assert "063" in split_items("validation_findwho", "findwho")
    with pytest.raises(UsageError, match="split test: has no Social row of data set coutrot2; it has coutrot1, diem"):
        split_items("test", "coutrot2")


def test_published_facts_of_all_tables() -> None:
    counts = {name: len(read_split(name)) for name in split_names()}
    assert counts == {
        **{"train": 88, "validation": 28, "test": 27, "train_ave": 93, "validation_ave": 29, "test_ave": 29},
        **{f"train_stavis_{fold}": 114 for fold in (1, 2, 3)},
        **{f"test_stavis_{fold}": 42 for fold in (1, 2, 3)},
        **{"train_findwho": 35, "validation_findwho": 12, "test_findwho": 15, "validation_test_findwho": 27},
        **{"train_mvva": 179, "validation_mvva": 60, "test_mvva": 60},
        **{"train_fairplay_subset": 500, "validation_fairplay_subset": 200, "test_fairplay_subset": 200},
    }
    excluded = [row.video_id for row in read_split("train_stavis_1") if row.scene_type == "SocialEXCLUDE"]
    assert len(excluded) == 2 and all("no_voices" in name for name in excluded)


@pytest.mark.parametrize("family", ["", "_ave", "_findwho", "_mvva", "_fairplay_subset"])
def test_parts_of_a_family_are_disjoint(family: str) -> None:
    parts = [
        {(row.dataset, row.video_id) for row in read_split(f"{part}{family}")}
        for part in ("train", "validation", "test")
    ]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


ROWS = st.builds(
    SplitRow,
    st.text("abc 019_-.\u00e9", min_size=1).map(str.strip).filter(bool),
    st.integers(1, 240),
    st.sampled_from(SCENES),
    st.sampled_from(["diem", "mvva", "coutrot1"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_tables_are_read_as_written(rows: list[SplitRow]) -> None:
    lines = [",".join(COLUMNS), *(f"{r.video_id},{r.fps},{r.scene_type},{r.dataset}" for r in rows)]
    assert parse_split("\n".join(lines), "made") == rows


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_table_or_refused(text: str) -> None:
    try:
        assert parse_split(",".join(COLUMNS) + "\n" + text, "made")
    except UsageError as error:
        assert str(error).startswith("made")
