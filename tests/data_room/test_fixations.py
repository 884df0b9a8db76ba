"""Which frame a fixation belongs to, and what is said of bad tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazenet.data.fixations import Fixations, constant, per_frame, read_table, shown_at
from gazenet.errors import UsageError


def table(rows: list[tuple[int, float, float, float, float]]) -> Fixations:
    values = np.array(rows, np.float64)
    return Fixations(values[:, 0].astype(np.int64), values[:, 1], values[:, 2], values[:, 3:])


@pytest.mark.parametrize("rate", [25.0, 24000 / 1001, 9600 / 401])
def test_frame_on_screen_is_the_floor_of_time_times_rate(rate: float) -> None:
    times = 1.08 + np.arange(100) / rate
    moments = np.arange(0, 4000, 7) / 1000
    expected = np.floor(moments * rate + 1e-6 * rate).astype(int)
    assert np.array_equal(shown_at(moments, times), np.minimum(expected, 100))


def test_uneven_frame_times_decide() -> None:
    times = np.array([0.0, 0.5, 0.6, 2.0])
    moments = np.array([-0.1, 0.0, 0.49, 0.5, 1.99, 2.0, 3.39, 3.5])
    assert shown_at(moments, times).tolist() == [
        -1,
        0,
        0,
        1,
        2,
        3,
        3,
        4,
    ]


def test_a_fixation_counts_for_every_frame_it_lasts() -> None:
    times = np.arange(10) / 10
    found = per_frame(
        table(
            [
                (1, 0.15, 0.2, 5, 6),
                (1, 0.2, 0.05, 7, 8),
                (2, -0.5, 0.55, 1, 1),
                (3, 0.95, 9.0, 2, 2),
                (4, 1.0, 1.0, 3, 3),
            ]
        ),
        times,
        (20, 30),
    )
    assert [len(points) for points in found] == [1, 1, 2, 1, 0, 0, 0, 0, 0, 1]
    assert found[2].tolist() == [[5, 6], [7, 8]]
    assert found.observers.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 1]
    assert found[9].tolist() == [[2, 2]]
    assert found.density(4, 10, 15, 3).max() == 0


def test_one_frame_shows_for_ever_and_none_is_an_error() -> None:
    one = table([(1, 7.0, 0.1, 5, 6)])
    assert len(per_frame(one, np.array([3.0]), (20, 30))[0]) == 1
    with pytest.raises(ValueError, match="without frames"):
        per_frame(one, np.empty(0), (20, 30))


def test_a_still_keeps_all_its_fixations() -> None:
    found = constant(table([(1, 0, 0, 5, 6), (1, 0, 0, 8, 6), (2, 0, 0, 9, 9)]), 4, (20, 30))
    assert [len(points) for points in found] == [3] * 4
    assert found.observers.tolist() == [2] * 4


def test_table_reads_ids_as_text(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("video,subject,start_ms,duration_ms,x,y\n011,1,40,200,3.5,4\n011,2,0,1,1,1\n12,1,0,1,1,1\n")
    found = read_table(path, "video", timed=True)
    assert list(found) == ["011", "12"]
    assert found["011"].start.tolist() == [0.04, 0.0]
    assert found["011"].points.tolist() == [[3.5, 4.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column .* is missing; found nothing"),
        ("video,subject,x,y\n1,1,2,3\n", "start_ms, duration_ms is missing"),
        ("video,subject,start_ms,duration_ms,x,y\na,1,0,1,1,1\na,1,0,1,north,1\n", "line 3: column x .*'north'"),
        ("video,subject,start_ms,duration_ms,x,y\na,1,0,1,1\n", "line 2: column y .*None"),
        ("video,subject,start_ms,duration_ms,x,y\na,1,nan,1,1,1\n", "column start_ms"),
    ],
)
def test_bad_tables_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_table(path, "video", timed=True)


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["1", "2.0", "1.0"], [1, 2, 1]),
        (["P01", "P02", "P01 "], [0, 1, 0]),
        (["1.2", "1.7", "1.2"], [0, 1, 0]),
        (["7", "seven", "7"], [0, 1, 0]),
    ],
)
def test_subjects_are_whole_numbers_or_names(tmp_path: Path, names: list[str], numbers: list[int]) -> None:
    path = tmp_path / "f.csv"
    path.write_text("image,subject,x,y\n" + "".join(f"{'ab'[k % 2]},{one},1,1\n" for k, one in enumerate(names)))
    found = read_table(path, "image", timed=False)
    assert [found["a"].subject[0], found["b"].subject[0], found["a"].subject[1]] == numbers


@pytest.mark.parametrize("name", ["", " ", "nan"])
def test_somebody_must_have_looked(tmp_path: Path, name: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"image,subject,x,y\na,1,1,1\na,{name},1,1\n")
    with pytest.raises(UsageError, match="line 3: column subject must say who looked"):
        read_table(path, "image", timed=False)


def test_missing_and_binary_tables(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "none.csv", "video", timed=True)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "b.csv", "video", timed=True)


def test_columns_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match="one length"):
        Fixations(np.zeros(2, np.int64), np.zeros(2), np.zeros(2), np.zeros((3, 2)))
