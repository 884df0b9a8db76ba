"""Postprocessing from a network's output to a map in 0..1, as published networks do it; constant maps give 0."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]

BLUR = 11
"""Side in pixels of the kernel that smooths ViNet's maps."""

GUARD = 1e-5
"""Added to the span of a smoothed map before the division by it."""


def relative(values: NDArray[np.floating]) -> FloatMap:
    """Divide by the maximum; zeros if that is not positive."""
    highest = float(values.max())
    return np.asarray(values / highest if highest > 0 else np.zeros_like(values), np.float32)


def stretched(values: NDArray[np.floating], guard: float = 0.0) -> FloatMap:
    """Rescale so that the minimum is 0 and the maximum 1; ``guard`` is added to the span. Zeros for a constant map."""
    low, high = float(values.min()), float(values.max())
    span = high - low
    return np.asarray((values - low) / (span + guard) if span > 0 else np.zeros_like(values), np.float32)


def truncated(values: FloatMap) -> FloatMap:
    """Round values in 0..1 down to whole steps of 1/255, as bytes store them."""
    return np.asarray(np.floor(values * np.float32(255)) / np.float32(255), np.float32)


def sigmoid(values: NDArray[np.floating]) -> FloatMap:
    """Apply the logistic function to logits, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(values, np.float64))), np.float32)


def twice_squashed(values: NDArray[np.floating]) -> FloatMap:
    """Apply a second sigmoid to a map in 0..1, rescale it and truncate to bytes, as the released pipeline does."""
    return truncated(stretched(sigmoid(values)))


def blurred(values: NDArray[np.floating], size: tuple[int, int]) -> FloatMap:
    """Resize to ``size`` (height, width), smooth with 11x11 pixels and OpenCV's sigma for it (2.0), and rescale.

    Source: ViNet's evaluation.
    """
    large = cv2.resize(np.asarray(values, np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    return stretched(np.asarray(cv2.GaussianBlur(large, (BLUR, BLUR), 0), np.float32), GUARD)


def resized_map(values: FloatMap, size: tuple[int, int]) -> FloatMap:
    """Resize ``[h, w]`` to ``size`` (height, width): by area if it shrinks, bilinear if it grows."""
    if values.shape == size:
        return values
    method = cv2.INTER_AREA if size[0] * size[1] < values.size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size[::-1], interpolation=method), np.float32)
