"""Where a head and its eyes point, from the face mesh.

Axes: x to the image's right, y down, z away from the camera. Yaw is positive towards the image's right, pitch is
positive upwards, both 0 when looking into the camera, in radians. The mesh's depth follows weak perspective with the
scale of x, so directions can be read from its points without camera parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.types import Face

FOREHEAD, CHIN, LEFT_SIDE, RIGHT_SIDE = 10, 152, 234, 454
"""Mesh points; left and right as seen in the image of a frontal face."""

EYES = ((33, 133, 468), (362, 263, 473))
"""Per eye: its corner on the image's left, on the image's right, and the iris centre."""

IRIS_SWING = 0.42
"""Radius on which the iris turns, in widths of the eye opening (about 12.5 mm of 30 mm)."""

TRUSTED_PRESENCE = 0.5
"""Below this presence (mostly profiles) irises are guesses and the head axis alone tells the gaze."""


@dataclass(frozen=True)
class Gaze:
    """A gaze ray from ``origin`` (x, y; pixels, between the eyes), angles in radians; ``eyes``: irises were used."""

    origin: tuple[float, float]
    yaw: float
    pitch: float
    eyes: bool

    @property
    def direction(self) -> tuple[float, float]:
        """The unit gaze vector's part in the image plane (x right, y down); its length is 0 into the camera."""
        return float(np.sin(self.yaw) * np.cos(self.pitch)), float(-np.sin(self.pitch))


def head_angles(landmarks: NDArray[np.float32]) -> tuple[float, float]:
    """(yaw, pitch) of the head axis: the normal of the plane through forehead, chin and both sides of the face."""
    right = landmarks[RIGHT_SIDE] - landmarks[LEFT_SIDE]
    down = landmarks[CHIN] - landmarks[FOREHEAD]
    forward = np.cross(down.astype(np.float64), right.astype(np.float64))
    forward /= max(float(np.linalg.norm(forward)), 1e-9)
    return float(np.arctan2(forward[0], -forward[2])), float(np.arcsin(np.clip(-forward[1], -1, 1)))


def eye_angles(landmarks: NDArray[np.float32]) -> tuple[float, float]:
    """(yaw, pitch) of the eyes in the head, from the irises' place between the corners, mean of both eyes."""
    angles = []
    for left, right, iris in EYES:
        corner, other = landmarks[left, :2].astype(np.float64), landmarks[right, :2].astype(np.float64)
        along = other - corner
        width = max(float(np.linalg.norm(along)), 1e-6)
        along /= width
        shift = landmarks[iris, :2] - (corner + other) / 2
        across = shift[0] * along[1] - shift[1] * along[0]
        swing = np.array([shift @ along, across]) / (width * IRIS_SWING)
        angles.append(np.arcsin(np.clip(swing, -0.85, 0.85)))
    yaw, pitch = np.mean(angles, axis=0)
    return float(yaw), float(pitch)


def gaze_of(face: Face) -> Gaze | None:
    """The gaze of a face; None without landmarks."""
    points = face.landmarks
    if points is None:
        return None
    yaw, pitch = head_angles(points)
    trusted = face.presence >= TRUSTED_PRESENCE
    if trusted:
        eye_yaw, eye_pitch = eye_angles(points)
        yaw, pitch = yaw + eye_yaw, pitch + eye_pitch
    corners = [index for eye in EYES for index in eye[:2]]
    x, y = points[corners, :2].mean(axis=0)
    limit = np.deg2rad(110)
    return Gaze((float(x), float(y)), float(np.clip(yaw, -limit, limit)), float(np.clip(pitch, -1.4, 1.4)), trusted)
