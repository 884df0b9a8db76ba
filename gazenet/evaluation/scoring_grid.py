"""The grid on which maps are scored: that of the frame, never that of the predicted map.

A score must not depend on how finely a predictor happens to store its maps: on a coarse grid neighbouring fixations
share a cell, peaks are flattened, and a mark per cell says little of where people look. So predictions, densities and
fixations are all brought to one grid, the frame's own size with its longer side at most ``SIDE`` pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.data.density import Size

SIDE = 480
"""Default longer side of the grid, in pixels."""


def scoring_grid(size: Size, side: int | None = None) -> Size:
    """Compute the (height, width) at which a frame of ``size`` is scored: its longer side is at most ``side``.

    Raises ValueError for a side below 1.
    """
    side = SIDE if side is None else side
    if side < 1:
        raise ValueError(f"the longer side of the scoring grid must be at least 1, not {side}")
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def on_grid(maps: Tensor, shape: Size) -> Tensor:
    """Stretch maps ``[n, h, w]`` to ``[n, *shape]``: bilinear, cell centres over equal shares of the frame.

    Cell i of n covers the share i/n to (i+1)/n of the frame. Where maps become smaller, the triangle of the filter is
    widened to the new cells, so that no pixel is passed over.
    """
    height, width = maps.shape[1:]
    if (height, width) == shape:
        return maps
    smaller = shape[0] < height or shape[1] < width
    stretched = torch.nn.functional.interpolate(
        maps[:, None], shape, mode="bilinear", align_corners=False, antialias=smaller
    )
    return stretched[:, 0]


def as_text(shape: Size) -> str:
    """Format a grid as tables show it, width first: ``480x270``."""
    return f"{shape[1]}x{shape[0]}"
