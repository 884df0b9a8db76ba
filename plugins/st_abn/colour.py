"""Random colours as published: group jitter, then light along the principal axes of ImageNet's colours.

Works on float BGR in 0..255 and clips nothing. Two oddities are kept because they made the released weights: the
weights of grey and the hue rotation are those of RGB, applied to BGR; the hue's parameter is in half turns, so that
its range of 36 of them allows every hue.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]

BRIGHTNESS, CONTRAST, SATURATION, HUE = 32.0, (0.6, 1.4), (0.6, 1.4), 18.0
GREY = np.array([0.299, 0.587, 0.114], np.float32)
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
FROM_YIQ = np.array([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.107, 1.705]])
EIGENVALUES = np.array([55.46, 4.794, 1.148])
EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


def jitter(clip: Frames, random: np.random.Generator) -> Frames:
    """Change the colours of a clip ``[T, H, W, 3]``: the amounts are drawn per clip, their use per frame."""
    delta, contrast = random.uniform(-BRIGHTNESS, BRIGHTNESS), random.uniform(*CONTRAST)
    saturation, hue = random.uniform(*SATURATION), random.uniform(-HUE, HUE)
    changed = [_frame(frame, delta, contrast, saturation, hue, random) for frame in clip]
    return np.stack(changed) + light(random.normal(0, 0.1, 3))


def _frame(
    frame: Frames, delta: float, contrast: float, saturation: float, hue: float, random: np.random.Generator
) -> Frames:
    def perhaps() -> bool:
        return bool(random.random() < 0.5)

    if perhaps():
        frame = frame + np.float32(delta)
    contrast_first = perhaps()
    if contrast_first and perhaps():
        frame = frame * np.float32(contrast)
    if perhaps():
        frame = saturated(frame, saturation)
    if perhaps():
        frame = turned(frame, hue)
    if not contrast_first and perhaps():
        frame = frame * np.float32(contrast)
    return frame


def saturated(frame: Frames, amount: float) -> Frames:
    """Interpolate between the grey picture (0) and the picture (1), and beyond."""
    grey = (frame * GREY).sum(-1, keepdims=True)
    return np.asarray(frame * np.float32(amount) + grey * np.float32(1 - amount), np.float32)


def turned(frame: Frames, half_turns: float) -> Frames:
    """Rotate the hue by ``half_turns`` * pi in YIQ."""
    u, w = math.cos(half_turns * math.pi), math.sin(half_turns * math.pi)
    turn = FROM_YIQ @ np.array([[1, 0, 0], [0, u, -w], [0, w, u]]) @ TO_YIQ
    return np.asarray(frame @ turn.T.astype(np.float32), np.float32)


def light(amounts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the BGR offset of every pixel for amounts along the three axes of colour."""
    rgb = (EIGENVECTORS * amounts * EIGENVALUES).sum(1)
    return np.asarray(rgb[::-1], np.float32)
