"""How UNISAL's maps are finished."""

from __future__ import annotations

from torch import Tensor

WINDOW = 41
"""Frames of the running median in the released pipeline; clips of 12 are covered entirely."""


def running_median(log_density: Tensor, frame: int, window: int = WINDOW) -> Tensor:
    """The median over time, pixel by pixel, around ``frame``: ``[T, h, w]`` to ``[h, w]``.

    At the ends the window is cut off; of an even number of values the mean of the middle two.
    """
    half = window // 2
    near = log_density[max(0, frame - half) : frame + half + 1].sort(0).values
    middle = len(near) // 2
    return near[middle] if len(near) % 2 else (near[middle - 1] + near[middle]) / 2
