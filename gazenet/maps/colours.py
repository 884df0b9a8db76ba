"""Colour maps, with the names and the values of OpenCV.

Colours serve pictures for people, and the input of released integrators, which were trained on coloured maps; scalar
maps are coloured when they are loaded. Metrics never see colours: most colour maps are not monotone in grey. The way
from colours back to a map is an estimate: pictures blended with others (cones, boxes) come back only roughly.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.config.load import suggest
from gazenet.errors import UsageError

if TYPE_CHECKING:
    import torch

_PREFIX = "COLORMAP_"
_BITS = 6
_DARK = 48
"""Below this on every channel a pixel is the black around boxes, in colour maps that begin with another colour."""


def names() -> list[str]:
    """Return all known colour maps, lower case: OpenCV's (jet, bone, hot, viridis, inferno, ...) and ``grey``."""
    return sorted(["grey", *(name.removeprefix(_PREFIX).lower() for name in dir(cv2) if name.startswith(_PREFIX))])


@functools.cache
def table(name: str) -> NDArray[np.uint8]:
    """Return the colour map as RGB uint8 ``[256, 3]``, read-only, by its name in any case.

    Raises:
        UsageError: unknown name; the message has the nearest one and all names.
    """
    ramp = np.arange(256, dtype=np.uint8)
    if name.lower() == "grey":
        colours = np.repeat(ramp[:, None], 3, axis=1)
    elif name.lower() in names():
        bgr = cv2.applyColorMap(ramp[:, None], getattr(cv2, _PREFIX + name.upper()))
        colours = np.ascontiguousarray(bgr[:, 0, ::-1], dtype=np.uint8)
    else:
        raise UsageError(f"colour map {name!r}: unknown{suggest(name.lower(), names())}; known: {', '.join(names())}")
    colours.setflags(write=False)
    return colours


def colourise(grey: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Colour maps uint8 ``[..., h, w]``: RGB uint8 ``[..., h, w, 3]``.

    Raises ValueError for other types, UsageError for an unknown name.
    """
    if grey.dtype != np.uint8:
        raise ValueError(f"colours need uint8 maps, not {grey.dtype}")
    return table(name)[grey]


@functools.cache
def _tensor_table(name: str, device: torch.device) -> torch.Tensor:
    import torch

    return torch.tensor(table(name), device=device)


def colourise_tensor(grey: torch.Tensor, name: str) -> torch.Tensor:
    """Colour a tensor uint8 ``[..., h, w]`` on its device: RGB uint8 ``[..., h, w, 3]``."""
    import torch

    if grey.dtype != torch.uint8:
        raise ValueError(f"colours need uint8 maps, not {grey.dtype}")
    return _tensor_table(name, grey.device)[grey.int()]


def colour_of(picture: str) -> str | None:
    """Return the colour map of a published picture; None for pictures in their own colours, such as ``captured``."""
    if picture.startswith("det_transformed_"):
        return "jet"
    if picture.startswith("transformed_salmap"):
        return "bone"
    return "grey" if picture.startswith("transformed_fixmap") else None


def decolourise(image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return the maps uint8 ``[..., h, w]`` of RGB pictures uint8 ``[..., h, w, 3]`` by their nearest colours.

    Black is 0 in every colour map.
    """
    levels = (image >> (8 - _BITS)).astype(np.int32)
    red, green, blue = levels[..., 0], levels[..., 1], levels[..., 2]
    return _inverse(name)[(red << 2 * _BITS) | (green << _BITS) | blue]


@functools.cache
def _inverse(name: str) -> NDArray[np.uint8]:
    """Return for each colour of ``_BITS`` bits per channel the value of the nearest one in the colour map."""
    step = 1 << (8 - _BITS)
    axis = np.arange(1 << _BITS, dtype=np.float32) * step + (step - 1) / 2
    colours = table(name).astype(np.float32)
    begins_black = colours[0].max() < _DARK
    half = 0.5 * (colours**2).sum(axis=1)
    values = np.empty((len(axis),) * 3, np.uint8)
    for k, red in enumerate(axis):
        green, blue = np.meshgrid(axis, axis, indexing="ij")
        points = np.stack([np.full_like(green, red), green, blue], axis=-1).reshape(-1, 3)
        # argmin |p - c|^2 = argmin |c|^2 / 2 - p.c
        nearest = (half - points @ colours.T).argmin(axis=1)
        if not begins_black:
            nearest[points.max(axis=1) < _DARK] = 0
        values[k] = nearest.reshape(green.shape)
    return values.reshape(-1)
