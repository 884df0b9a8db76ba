"""Tracking: one id per person, interpolation between detections, and the form in the cache."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazenet.cues.faces.detections import Detection
from gazenet.cues.faces.tracker import FaceTracker, overlap


def found(x: float, y: float = 100, side: float = 60, mesh: bool = False) -> dict:
    points = np.random.default_rng(int(x)).uniform(0, side, (478, 3)).astype(np.float32) if mesh else None
    if points is not None:
        points[:, :2] += (x, y)
    return Detection((x, y, x + side, y + side), 0.9, points, 0.8).to_record()


def test_two_people_keep_their_ids_whatever_the_order_of_detections() -> None:
    tracker = FaceTracker()
    for k in range(0, 20, 2):
        people = [found(100 + 3 * k), found(400 - 3 * k)]
        tracker.push(k, people if k % 4 == 0 else people[::-1])
    tracker.close(19)
    left = {face.track for k in range(20) for face in tracker.faces(k) if face.centre[0] < 250}
    right = {face.track for k in range(20) for face in tracker.faces(k) if face.centre[0] > 300}
    assert len(left) == len(right) == 1 and left != right


def test_a_person_found_again_after_a_short_gap_keeps_the_id() -> None:
    tracker = FaceTracker(patience=10)
    tracker.push(0, [found(100)])
    tracker.push(4, [])
    tracker.push(8, [found(104)])
    tracker.push(30, [found(104)])
    tracker.close(30)
    assert tracker.faces(0)[0].track == tracker.faces(8)[0].track
    assert tracker.faces(4) == ()
    assert tracker.faces(30)[0].track != tracker.faces(8)[0].track


def test_boxes_and_landmarks_between_detections_are_interpolated() -> None:
    tracker = FaceTracker()
    tracker.push(0, [found(100, mesh=True)])
    tracker.push(4, [found(108, mesh=True)])
    first, middle, last = (tracker.faces(k)[0] for k in (0, 2, 4))
    assert middle.box[0] == pytest.approx(104)
    assert middle.landmarks == pytest.approx((first.landmarks + last.landmarks) / 2, abs=0.01)


def test_frames_settle_when_the_next_detection_is_known() -> None:
    tracker = FaceTracker()
    tracker.push(0, [found(10)])
    assert tracker.settled(0) and not tracker.settled(1)
    with pytest.raises(LookupError):
        tracker.faces(1)
    tracker.close(3)
    assert tracker.faces(3) == tracker.faces(0)


def test_old_frames_can_be_dropped_without_losing_the_next() -> None:
    tracker = FaceTracker()
    for k in range(0, 10, 2):
        tracker.push(k, [found(100 + k)])
    tracker.drop_before(5)
    assert tracker.faces(5)[0].box[0] == pytest.approx(105)
    with pytest.raises(LookupError):
        tracker.faces(1)


def test_frames_come_in_order() -> None:
    tracker = FaceTracker()
    tracker.push(4, [])
    with pytest.raises(ValueError, match="comes after"):
        tracker.push(4, [])


@settings(max_examples=40, deadline=None)
@given(
    left=st.floats(-50, 5000),
    top=st.floats(-50, 5000),
    side=st.floats(4, 900),
    seed=st.integers(0, 99),
)
def test_a_detection_survives_the_cache(left: float, top: float, side: float, seed: int) -> None:
    mesh = np.random.default_rng(seed).uniform(-0.3, 1.3, (478, 3)).astype(np.float32) * side
    mesh[:, :2] += (left, top)
    one = Detection((left, top, left + side, top + side), 0.77, mesh, 0.5)
    record = one.to_record()
    back = Detection.from_record(record)
    assert back.mesh == pytest.approx(mesh, abs=side / 8192 + 0.02)
    assert back.box == pytest.approx(one.box, abs=0.006)
    assert back.to_record() == record


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (20, 0, 30, 10)) == 0
