"""Class activation maps as pictures, and their fusion weighted by confidence.

Source: Wang et al., From Semantic Categories to Fixations, CVPR 2021, selective class activation mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

GRID = 356
"""Side of the square on which maps are fused, in pixels."""
EIGHT_BIT_EPS = 1e-8
COARSE_EPS, FINE_EPS = 1e-4, 1e-5
HEAT, PICTURE = 0.3, 0.5
"""Shares of colour map and picture in an overlay."""


def class_maps(first: Tensor, fused: Tensor, classes: Tensor) -> Tensor:
    """Return the mean of both maps ``[N, C, h, w]`` of a classifier for one class id per sample: ``[N, h, w]``."""
    mean = (first + fused) / 2
    return mean[torch.arange(len(mean), device=mean.device), classes]


def eight_bit(class_map: NDArray[np.floating], eps: float = EIGHT_BIT_EPS) -> Image:
    """Clip negative evidence, scale the maximum to 255 and round: uint8 of the same shape."""
    positive = np.maximum(class_map, 0)
    return np.rint(positive / (positive.max() + eps) * 255).astype(np.uint8)


def resized(image: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    """Resize ``[H, W]`` or ``[H, W, 3]`` by OpenCV's bilinear filter, without antialiasing, in its own dtype."""
    return np.asarray(cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=cv2.INTER_LINEAR))


def cam_image(class_map: NDArray[np.floating], size: int = GRID) -> Image:
    """Draw a class map ``[h, w]`` as grey ``[size, size]``: eight bits first, then resized, as published."""
    return np.asarray(resized(eight_bit(class_map), size, size), np.uint8)


def heat_colours(cam: Image) -> Image:
    """Colour a grey picture ``[H, W]`` with JET, BGR ``[H, W, 3]``."""
    return np.asarray(cv2.applyColorMap(cam, cv2.COLORMAP_JET), np.uint8)


def overlay(cam: Image, picture: Image, heat: float = HEAT, share: float = PICTURE) -> Array:
    """Blend the colours of a grey map ``[H, W]`` over a BGR picture of any size: float64 ``[H, W, 3]``."""
    under = resized(picture, *cam.shape[:2]).astype(np.float64)
    return heat * heat_colours(cam).astype(np.float64) + share * under


def saturated(image: NDArray[np.floating]) -> Image:
    """Round to even and clip to 0..255, as a writer of 8-bit pictures does."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def normalised(values: NDArray[np.generic]) -> Array:
    """Rescale to 0..1 over all axes, float64; constant values stay unchanged."""
    array = values.astype(np.float64)
    low, high = array.min(), array.max()
    return array if high == low else (array - low) / (high - low)


def fused(maps: Sequence[NDArray[np.generic]], confidences: Sequence[float], eps: float = COARSE_EPS) -> Array:
    """Average rescaled maps ``[H, W]``, weighted by confidence, and rescale the result: float64 in 0..1.

    Any number of sources: three in the first paper, eleven in STANet+ (where the published denominator does not
    parse; the sum of all is meant). Raises ValueError where maps and confidences differ in number.
    """
    weighted = sum(
        (normalised(one) * float(p) for one, p in zip(maps, confidences, strict=True)), np.zeros(maps[0].shape)
    )
    return normalised((weighted + eps) / (sum(float(p) for p in confidences) + eps))
