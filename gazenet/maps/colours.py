"""Colour maps, with the names and the values of OpenCV.

For two uses only: pictures that people look at, and input of published integrators, which were trained on coloured
maps. Scalar maps get them when they are loaded; the metrics never see any: most maps are not monotone in grey.
"""

from __future__ import annotations

import difflib
import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.errors import UsageError

if TYPE_CHECKING:
    import torch

_PREFIX = "COLORMAP_"


def names() -> list[str]:
    """All known colour maps, lower case: OpenCV's (jet, bone, hot, viridis, inferno, ...) and ``grey``."""
    return sorted(["grey", *(name.removeprefix(_PREFIX).lower() for name in dir(cv2) if name.startswith(_PREFIX))])


@functools.cache
def table(name: str) -> NDArray[np.uint8]:
    """The colour map as RGB uint8 ``[256, 3]``, read-only, by its name in any case.

    Raises:
        UsageError: an unknown name; the message has the nearest and the known ones.
    """
    ramp = np.arange(256, dtype=np.uint8)
    if name.lower() == "grey":
        colours = np.repeat(ramp[:, None], 3, axis=1)
    elif name.lower() in names():
        bgr = cv2.applyColorMap(ramp[:, None], getattr(cv2, _PREFIX + name.upper()))
        colours = np.ascontiguousarray(bgr[:, 0, ::-1], dtype=np.uint8)
    else:
        near = difflib.get_close_matches(name.lower(), names(), n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise UsageError(f"colour map {name!r}: unknown{hint}; known: {', '.join(names())}")
    colours.setflags(write=False)
    return colours


def colourise(grey: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Maps uint8 ``[..., h, w]`` as RGB uint8 ``[..., h, w, 3]``. Raises ValueError for other types, UsageError."""
    if grey.dtype != np.uint8:
        raise ValueError(f"colours need uint8 maps, not {grey.dtype}")
    return table(name)[grey]


@functools.cache
def _tensor_table(name: str, device: torch.device) -> torch.Tensor:
    import torch

    return torch.tensor(table(name), device=device)


def colourise_tensor(grey: torch.Tensor, name: str) -> torch.Tensor:
    """:func:`colourise` for a tensor uint8 ``[..., h, w]``, on its device: RGB uint8 ``[..., h, w, 3]``."""
    import torch

    if grey.dtype != torch.uint8:
        raise ValueError(f"colours need uint8 maps, not {grey.dtype}")
    return _tensor_table(name, grey.device)[grey.int()]
