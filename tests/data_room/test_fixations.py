"""Which frame a fixation belongs to, and what is said of bad tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gazenet.data.fixations import Clock, Fixations, clock_note, constant, per_frame, read_table
from gazenet.errors import UsageError


def table(rows: list[tuple[int, float, float, float, float]]) -> Fixations:
    values = np.array(rows, np.float64)
    return Fixations(values[:, 0].astype(np.int64), values[:, 1], values[:, 2], values[:, 3:])


def frames_of(start: float, duration: float, times: Sequence[float], clock: Clock = "container") -> list[int]:
    """The frames that one fixation counts for."""
    found = per_frame(table([(1, start, duration, 5, 6)]), np.array(times), (20, 30), clock)
    return [frame for frame, points in enumerate(found) if len(points)]


@pytest.mark.parametrize("rate", [25.0, 24000 / 1001, 9600 / 401])
@pytest.mark.parametrize("late", [0.0, 1.08, -0.04])
def test_a_fixation_counts_for_every_frame_whose_time_lies_in_it(rate: float, late: float) -> None:
    times = late + np.arange(100) / rate
    for start_ms in range(0, 3700, 37):
        start, end = start_ms / 1000, start_ms / 1000 + 0.25
        if np.abs(np.subtract.outer([start, end], times)).min() < 3e-4:
            continue  # within what tables of times are rounded to
        expected = [k for k, time in enumerate(times) if start <= time < end]
        assert frames_of(start, 0.25, times.round(4)) == expected


def test_bounds_of_a_fixation_that_meet_frame_times() -> None:
    times = (np.arange(10) / 30).round(4)
    assert frames_of(1 / 30, 2 / 30, times) == [1, 2]


def test_a_fixation_between_two_frames_counts_for_the_one_on_display() -> None:
    slides = [0.0, 5.0, 5.1, 9.0]
    assert frames_of(2.0, 0.3, slides) == [0]
    assert frames_of(4.9, 0.3, slides) == [1, 2]
    assert frames_of(5.0, 0.0, slides) == [1]
    assert frames_of(12.8, 0.1, slides) == [3]
    assert frames_of(12.95, 0.1, slides) == []
    assert frames_of(-0.5, 0.2, slides) == []


def test_observers_are_people_not_fixations() -> None:
    looks = [(1, 0.15, 0.2, 5, 6), (1, 0.2, 0.05, 7, 8), (2, -0.5, 0.55, 1, 1), (3, 0.95, 9.0, 2, 2)]
    found = per_frame(table(looks), np.arange(10) / 10, (20, 30))
    assert [len(points) for points in found] == [1, 0, 2, 1, 0, 0, 0, 0, 0, 1]
    assert found[2].tolist() == [[5, 6], [7, 8]]
    assert found.observers.tolist() == [1, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    assert found.density(4, 10, 15, 3).max() == 0


def test_clocks_of_a_picture_that_begins_after_its_sound() -> None:
    times = [1.0, 1.1, 1.2, 1.5, 1.6]
    assert frames_of(1.1, 0.2, times) == [1, 2]
    assert frames_of(0.1, 0.2, times, "first_frame") == [1, 2]
    # On the mean rate, 4 frames in 0.6 s: 0, 0.15, 0.3, 0.45, 0.6.
    assert frames_of(0.1, 0.2, times, "frame_index") == [1]
    assert frames_of(0.1, 0.2, times) == []


def test_a_note_says_how_far_the_other_clocks_are() -> None:
    even = np.arange(50) / 25
    assert clock_note("a", even, "container") is None
    assert clock_note("a", even[:1] + 7, "container") is None
    note = clock_note("a", even + 1.08, "container")
    assert note is not None and "first picture is shown at 1.080 s" in note and "clock container" in note
    assert "first_frame would move them by +1.080 s" in note and "frame_index would move them by +1.080 s" in note
    back = clock_note("a", even + 1.08, "first_frame")
    assert back is not None and "container would move them by -1.080 s" in back
    uneven = clock_note("a", np.array([0.0, 0.1, 0.2, 3.0]), "container")
    assert uneven is not None and "frame_index would move them by up to -1.800 s" in uneven
    assert "first_frame would move them by +0.000 s" in uneven or "-0.000" in uneven


def test_one_frame_shows_for_ever_and_none_is_an_error() -> None:
    assert frames_of(7.0, 0.1, [3.0]) == [0]
    with pytest.raises(ValueError, match="without frames"):
        per_frame(table([(1, 7.0, 0.1, 5, 6)]), np.empty(0), (20, 30))


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
    with pytest.raises(UsageError, match="line 3: column subject must name a person"):
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
