"""The gaze direction of a head and its eyes, from the face mesh.

Axes: x to the image's right, y down, z away from the camera. Yaw is positive towards the image's right, pitch is
positive upwards, both 0 when looking into the camera, in radians. The mesh's depth follows weak perspective with the
scale of x, so directions can be read from its points without camera parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face

Vector = NDArray[np.float64]

FOREHEAD, CHIN, LEFT_SIDE, RIGHT_SIDE = 10, 152, 234, 454
"""Mesh points; left and right as seen in the image of a frontal face."""

EYES = ((33, 133, 468), (362, 263, 473))
"""Per eye: its corner on the image's left, on the image's right, and the iris centre."""

IRIS_SWING, LID_DEPTH = 0.42, 0.33
"""In widths of the eye opening (about 30 mm): the radius on which the iris turns (12.5 mm), and the depth of the
eyeball's centre behind the middle of the corners (10 mm)."""

EYE_LIMIT = np.deg2rad(50)
"""Largest angle (radians) between the gaze and the axis of the head."""

TRUSTED_PRESENCE = 0.5
"""Below this presence (mostly profiles) the irises are unreliable and the gaze follows the head axis alone."""


@dataclass(frozen=True)
class GazeRay:
    """A gaze ray from ``origin`` (x, y in pixels, between the eyes), angles in radians; ``eyes``: irises were used."""

    origin: tuple[float, float]
    yaw: float
    pitch: float
    eyes: bool

    @property
    def direction(self) -> tuple[float, float]:
        """The component of the unit gaze vector in the image plane (x right, y down); of length 0 into the camera."""
        return float(np.sin(self.yaw) * np.cos(self.pitch)), float(-np.sin(self.pitch))


def head_axis(landmarks: NDArray[np.float32]) -> Vector:
    """Return the unit vector ``[3]`` out of the face: the normal of the plane of forehead, chin and both sides."""
    right = landmarks[RIGHT_SIDE] - landmarks[LEFT_SIDE]
    down = landmarks[CHIN] - landmarks[FOREHEAD]
    forward = np.cross(down.astype(np.float64), right.astype(np.float64))
    return forward / max(float(np.linalg.norm(forward)), 1e-9)


def angles(direction: Vector) -> tuple[float, float]:
    """Return (yaw, pitch) of a unit vector ``[3]``, in radians."""
    return float(np.arctan2(direction[0], -direction[2])), float(np.arcsin(np.clip(-direction[1], -1, 1)))


def eye_axis(landmarks: NDArray[np.float32], axis: Vector) -> Vector:
    """Return the unit vector ``[3]`` of the gaze, the mean of both eyes; ``axis`` is that of the head.

    The centre of an eyeball lies behind the middle of its corners along the head's axis, and the iris on a sphere
    around it: its position gives the component of the gaze in the image plane, however the head is turned.
    """
    total = np.zeros(2)
    weights = 0.0
    for left, right, iris in EYES:
        corners = landmarks[[left, right]].astype(np.float64)
        width = max(float(np.linalg.norm(corners[1] - corners[0])), 1e-6)
        # The far eye of a turned head is seen at an angle, and its iris is located less exactly.
        weight = float(np.linalg.norm(corners[1, :2] - corners[0, :2])) / width + 1e-6
        centre = corners.mean(axis=0)[:2] - LID_DEPTH * width * axis[:2]
        total += weight * (landmarks[iris, :2] - centre) / (IRIS_SWING * width)
        weights += weight
    flat = total / weights
    length = float(np.linalg.norm(flat))
    flat *= min(1.0, 0.99 / max(length, 1e-9))
    return _limited(np.array([*flat, -np.sqrt(1 - flat @ flat)]), axis)


def _limited(direction: Vector, axis: Vector) -> Vector:
    """Return the direction, turned back towards the axis if it is further from it than eyes can turn."""
    cosine = float(np.clip(direction @ axis, -1, 1))
    if np.arccos(cosine) <= EYE_LIMIT:
        return direction
    aside = direction - cosine * axis
    aside /= max(float(np.linalg.norm(aside)), 1e-9)
    return np.cos(EYE_LIMIT) * axis + np.sin(EYE_LIMIT) * aside


def gaze_of(face: Face) -> GazeRay | None:
    """Return the gaze of a face; None without landmarks."""
    points = face.landmarks
    if points is None:
        return None
    axis = head_axis(points)
    trusted = face.presence >= TRUSTED_PRESENCE
    yaw, pitch = angles(eye_axis(points, axis) if trusted else axis)
    corners = [index for eye in EYES for index in eye[:2]]
    x, y = points[corners, :2].mean(axis=0)
    limit = np.deg2rad(110)
    return GazeRay((float(x), float(y)), float(np.clip(yaw, -limit, limit)), float(np.clip(pitch, -1.4, 1.4)), trusted)
