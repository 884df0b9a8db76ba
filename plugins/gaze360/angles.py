"""Gaze as angles and vectors.

Axes of the data set, seen from the camera: x to the left, y up, z away from it; (0, 0, -1) looks into the camera.
Hence yaw is positive towards the left of the picture, pitch is positive upwards.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cartesian(angles: Tensor) -> Tensor:
    """Return unit vectors ``[N, 3]`` of angles ``[N, 2]`` (yaw, pitch; radians)."""
    yaw, pitch = angles.unbind(-1)
    return torch.stack([pitch.cos() * yaw.sin(), pitch.sin(), -pitch.cos() * yaw.cos()], -1)
