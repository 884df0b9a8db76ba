"""Un-pooling of overlapping windows with one defined result.

Where windows of a pool overlap, one value can be the maximum of several of them, and un-pooling then writes to one
place several times. Written in order, the window that comes last wins; written at once, as on a GPU, nobody knows.
Here the winner is chosen first, by a maximum over the numbers of the windows, and the values follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


def unpool(values: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    """``values`` put back to where the maxima stood, zero elsewhere; of several for one place the last window's.

    Args:
        values: ``[N, C, t, h, w]``.
        places: int64 of the same shape: position of each window's maximum in the flattened ``size``.
        size: (T, H, W) of what was pooled.

    Returns:
        ``[N, C, T, H, W]``.
    """
    flat, where = values.flatten(2), places.flatten(2)
    windows = torch.arange(flat.shape[2], device=flat.device).expand_as(where)
    winner = torch.full((*flat.shape[:2], prod(size)), -1, dtype=torch.long, device=flat.device)
    winner = winner.scatter_reduce(2, where, windows, "amax")
    found = torch.where(winner >= 0, flat.gather(2, winner.clamp_min(0)), flat.new_zeros(()))
    return found.view(*flat.shape[:2], *size)
