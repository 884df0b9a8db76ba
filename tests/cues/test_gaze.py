"""Gaze angles from synthetic heads: signs, accuracy, and the fall-back to the head axis."""

from __future__ import annotations

import numpy as np
import pytest

from gazenet.cues.extractor import Face
from gazenet.cues.faces import head_gaze as g

EYE_CENTRES = {-1: np.array([-32.0, -28.0, -35.0]), 1: np.array([32.0, -28.0, -35.0])}
"""In millimetres of a head that looks into the camera: x right, y down, z away from the camera."""

EYEBALL, HALF_OPENING, LID_DEPTH = 12.5, 15.0, 10.0


def forward(yaw: float, pitch: float) -> np.ndarray:
    """The unit vector of a gaze: yaw towards the image's right, pitch upwards, degrees."""
    y, p = np.deg2rad([yaw, pitch])
    return np.array([np.sin(y) * np.cos(p), -np.sin(p), -np.cos(y) * np.cos(p)])


def rotation(yaw: float, pitch: float) -> np.ndarray:
    """Turns a head that looks into the camera towards (yaw, pitch) without roll."""
    ahead = forward(yaw, pitch)
    right = np.cross(np.array([0.0, 1.0, 0.0]), -ahead)
    right /= np.linalg.norm(right)
    down = np.cross(-ahead, right)
    return np.stack([right, down, -ahead], 1)


def head(head_yaw: float, head_pitch: float, gaze_yaw: float, gaze_pitch: float, presence: float = 1.0) -> Face:
    """A face mesh by weak perspective of a head with two eyeballs, 2 pixels per millimetre."""
    turn = rotation(head_yaw, head_pitch)
    points = np.zeros((478, 3))
    points[g.FOREHEAD], points[g.CHIN] = [0, -90, -40], [0, 90, -40]
    points[g.LEFT_SIDE], points[g.RIGHT_SIDE] = [-72, 0, 10], [72, 0, 10]
    for side, (left, right, _) in zip((-1, 1), g.EYES, strict=True):
        points[left] = EYE_CENTRES[side] + [-HALF_OPENING, 0, -LID_DEPTH]
        points[right] = EYE_CENTRES[side] + [HALF_OPENING, 0, -LID_DEPTH]
    points = points @ turn.T
    for side, (_, _, iris) in zip((-1, 1), g.EYES, strict=True):
        points[iris] = turn @ EYE_CENTRES[side] + EYEBALL * forward(gaze_yaw, gaze_pitch)
    mesh = (points * 2 + [400, 300, 0]).astype(np.float32)
    return Face(0, (250, 120, 550, 480), 0.9, mesh, presence)


def degrees(face: Face) -> tuple[float, float]:
    found = g.gaze_of(face)
    assert found is not None
    return float(np.rad2deg(found.yaw)), float(np.rad2deg(found.pitch))


@pytest.mark.parametrize(("yaw", "pitch"), [(30, 0), (-30, 0), (0, 20), (0, -20), (45, 10), (-60, -10)])
def test_head_axis_has_the_right_signs_and_angles(yaw: float, pitch: float) -> None:
    found = np.rad2deg(g.angles(g.head_axis(head(yaw, pitch, yaw, pitch).landmarks)))
    assert found == pytest.approx([yaw, pitch], abs=1.0)


@pytest.mark.parametrize("head_yaw", [-60, -40, -15, 0, 30, 50])
@pytest.mark.parametrize("eye_yaw", [-20, 0, 20])
@pytest.mark.parametrize("pitch", [-10, 0, 10])
def test_gaze_is_within_eight_degrees(head_yaw: float, eye_yaw: float, pitch: float) -> None:
    yaw, found_pitch = degrees(head(head_yaw, pitch / 2, head_yaw + eye_yaw, pitch))
    assert abs(yaw - head_yaw - eye_yaw) <= 8
    assert abs(found_pitch - pitch) <= 8


def test_eyes_alone_move_the_gaze_in_the_right_direction() -> None:
    assert degrees(head(0, 0, 20, 0))[0] > 10
    assert degrees(head(0, 0, -20, 0))[0] < -10
    assert degrees(head(0, 0, 0, 15))[1] > 7
    assert degrees(head(0, 0, 0, -15))[1] < -7


def test_a_profile_falls_back_to_the_head_axis() -> None:
    face = head(70, 0, 40, 0, presence=0.1)
    found = g.gaze_of(face)
    assert found is not None and not found.eyes
    assert np.rad2deg(found.yaw) == pytest.approx(70, abs=1)


def test_without_landmarks_there_is_no_gaze() -> None:
    assert g.gaze_of(Face(0, (0, 0, 10, 10), 0.5)) is None


def test_image_direction_follows_the_angles() -> None:
    right, up = g.gaze_of(head(40, 0, 40, 0)), g.gaze_of(head(0, 30, 0, 30))
    assert right is not None and up is not None
    assert right.direction[0] > 0.5 and abs(right.direction[1]) < 0.1
    assert up.direction[1] < -0.4 and abs(up.direction[0]) < 0.1
