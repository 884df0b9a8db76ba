"""Gaze as angles and vectors, and the training loss of Gaze360.

Axes of the data set, seen from the camera: x to the left, y up, z away from it; (0, 0, -1) looks into the camera.
Hence yaw is positive towards the left of the picture, pitch is positive upwards.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

QUANTILE = 0.1


def cartesian(angles: Tensor) -> Tensor:
    """Convert angles ``[N, 2]`` (yaw, pitch; radians) to unit vectors ``[N, 3]``."""
    yaw, pitch = angles.unbind(-1)
    return torch.stack([pitch.cos() * yaw.sin(), pitch.sin(), -pitch.cos() * yaw.cos()], -1)


def compatible(angles: Tensor) -> Tensor:
    """Convert angles ``[N, 2]`` to the second form of the published records, ``[N, 3]``: pitch, yaw, 1."""
    yaw, pitch = angles.unbind(-1)
    return torch.stack([pitch, yaw, torch.ones_like(yaw)], -1)


def angle_degrees(angles: Tensor, reference: Tensor) -> Tensor:
    """Return the angle ``[N]`` in degrees between two gazes ``[N, 2]``; its mean is the score of the data set."""
    cosine = F.cosine_similarity(cartesian(angles), cartesian(reference), -1)
    return torch.rad2deg(cosine.clamp(-1, 1).acos())


def pinball_loss(angles: Tensor, target: Tensor, bound: Tensor) -> Tensor:
    """Compute the mean quantile loss of the bounds ``angles -/+ bound`` (all ``[N, 2]``; section 4.2 of the paper)."""
    low, high = target - (angles - bound), target - (angles + bound)
    below = torch.maximum(QUANTILE * low, (QUANTILE - 1) * low)
    above = torch.maximum((1 - QUANTILE) * high, -QUANTILE * high)
    return below.mean() + above.mean()
