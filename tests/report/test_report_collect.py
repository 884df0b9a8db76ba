"""What the report keeps of long videos."""

from __future__ import annotations

import numpy as np
import pytest

from gazenet.report.report_data import KeyFrame, KeyFrames, ReportPeople, Timeline

SIZE = (90, 160)
IMAGE = np.full((*SIZE, 3), 90, np.uint8)


def fed(count: int, most: int, budget: int, size: int = 10) -> KeyFrames:
    frames = KeyFrames(most, budget)
    for index in range(count):
        if frames.wants(index):
            frames.add(KeyFrame(index, {}, {"frame": b"x" * size}))
    return frames


@pytest.mark.parametrize("count", [0, 1, 8, 9, 100, 1001])
def test_key_frames_are_evenly_spaced_and_few(count: int) -> None:
    kept = [frame.index for frame in fed(count, 8, 10**9).items]
    assert len(kept) <= 8
    assert len(kept) >= min(count, 4)
    assert set(np.diff(kept)) <= {np.diff(kept)[0]} if len(kept) > 1 else True
    assert kept[:1] == [0][:count]


def test_key_frames_stay_within_their_budget() -> None:
    frames = fed(500, 100, 1000, size=90)
    assert 5 <= len(frames.items) <= 11 and sum(frame.bytes for frame in frames.items) <= 1000
    assert len(fed(3, 100, 10, size=90).items) == 1


@pytest.mark.parametrize("count", [1, 7, 10, 11, 63])
def test_the_time_line_keeps_means(count: int) -> None:
    line = Timeline(10)
    for k in range(count):
        line.add(k / 25, [float(k), 1.0], {4: k / 100} if k % 2 else {})
    assert len(line.bins) <= 10
    assert sum(one.frames for one in line.bins) == count
    total = sum(one.gates[0] for one in line.bins)
    assert total == pytest.approx(sum(range(count)))
    assert line.gates(2)[1] == [1.0] * len(line.bins)
    assert line.times() == sorted(line.times())


def test_who_is_absent_has_no_share() -> None:
    line = Timeline(10)
    line.add(0.0, [], {1: 0.2})
    line.add(0.1, [], {})
    line.add(0.2, [], {1: 0.6})
    assert line.share(1) == [0.2, None, 0.6] and line.share(9) == [None, None, None]
    assert line.gates(1) == [[None, None, None]]


def test_people_are_ranked_by_attention() -> None:
    people = ReportPeople(side=16, pictures=4)
    for k in range(10):
        people.see(k / 10, IMAGE, {1: (10, 10, 40, 40), 2: (60, 10, 90, 40)}, {1: 0.1, 2: 0.4}, SIZE)
    people.see(1.5, IMAGE, {1: (10, 10, 40, 40)}, {1: float("nan")}, SIZE)
    first, second = people.ranked()
    assert (first.track, second.track) == (2, 1)
    assert second.frames == 11 and second.last == 1.5 and second.first == 0
    assert second.attention == pytest.approx(1.0)
    assert first.face is not None and first.face[:2] == b"\xff\xd8"


def test_pictures_of_a_crowd_are_bounded() -> None:
    people = ReportPeople(side=8, pictures=5)
    for track in range(60):
        people.see(float(track), IMAGE, {track: (0, 0, 20, 20)}, {track: 0.5}, SIZE)
    assert sum(person.face is not None for person in people.ranked()) <= 12
    assert len(people.ranked()) == 60


def test_a_face_outside_the_frame_has_no_picture() -> None:
    people = ReportPeople(side=8, pictures=5)
    people.see(0.0, IMAGE, {0: (-90.0, -90.0, -50.0, -50.0)}, {}, SIZE)
    assert people.ranked()[0].face is None
