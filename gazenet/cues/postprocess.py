"""The last steps from a network's output to a map in 0..1, as published networks take them; constant maps give 0."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]

BLUR = 11
"""Side of the kernel by which ViNet's maps are smoothed."""

GUARD = 1e-5


def relative(values: NDArray[np.floating]) -> FloatMap:
    """Divided by the maximum; zeros where that is not positive."""
    highest = float(values.max())
    return np.asarray(values / highest if highest > 0 else np.zeros_like(values), np.float32)


def stretched(values: NDArray[np.floating], guard: float = 0.0) -> FloatMap:
    """From the minimum at 0 to the maximum at 1; ``guard`` is added to the span. Zeros where nothing varies."""
    low, high = float(values.min()), float(values.max())
    span = high - low
    return np.asarray((values - low) / (span + guard) if span > 0 else np.zeros_like(values), np.float32)


def truncated(values: FloatMap) -> FloatMap:
    """0..1 in whole steps of 1/255, rounded down, as bytes hold it."""
    return np.asarray(np.floor(values * np.float32(255)) / np.float32(255), np.float32)


def sigmoid(values: NDArray[np.floating]) -> FloatMap:
    """Of logits, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(values, np.float64))), np.float32)


def twice_squashed(values: NDArray[np.floating]) -> FloatMap:
    """A map in 0..1 through a sigmoid once more, stretched, in bytes: how the platform finishes ViNet's maps."""
    return truncated(stretched(sigmoid(values)))


def blurred(values: NDArray[np.floating], size: tuple[int, int]) -> FloatMap:
    """Resized to ``size`` (height, width), smoothed by 11x11 with OpenCV's deviation for it (2.0), stretched.

    Source: ViNet's evaluation.
    """
    large = cv2.resize(np.asarray(values, np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    return stretched(np.asarray(cv2.GaussianBlur(large, (BLUR, BLUR), 0), np.float32), GUARD)


def resized_map(values: FloatMap, size: tuple[int, int]) -> FloatMap:
    """``[h, w]`` to ``size`` (height, width): by area where it shrinks, bilinear where it grows."""
    if values.shape == size:
        return values
    method = cv2.INTER_AREA if size[0] * size[1] < values.size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size[::-1], interpolation=method), np.float32)
