"""Max unpooling by comparisons, without indices.

Networks keep the indices of a max pooling and later put other values back at those positions. Indices cannot be
exported to every runtime, and a comparison with the pooled value hits several positions where values tie, as zeros
after a ReLU do. Comparisons among the values of a window need neither: they select the first maximum in raster order,
always exactly one. Where windows overlap, one position can be the maximum of several; the last window wins, as it does
when indices are written in order (in parallel, as on a GPU, the result of indices is undefined).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

LOWEST = -65504.0
"""The padding value: the lowest number of half precision."""


def unpool(pooled_from: Tensor, values: Tensor, kernel: int = 2) -> Tensor:
    """Put ``values`` at the positions of the maxima, zeros elsewhere; exact, also in half precision.

    With windows of 2 x 2 it equals ``max_unpool3d``.

    Args:
        pooled_from: the input of the pooling, ``[B, C, T, H, W]``, H and W even, above :data:`LOWEST`; windows have
            ``kernel`` x ``kernel`` pixels, stride 2, padding 0 (kernel 2) or 1 (kernel 3).
        values: the values to put back, ``[B, C, T, H/2, W/2]``.

    Returns:
        ``[B, C, T, H, W]``.
    """
    channels, frames, height, width = pooled_from.shape[1:]
    # Folding channels and frames keeps the rank at six: deployment runtimes support at most eight.
    folded = values.reshape(-1, channels * frames, height // 2, width // 2)
    hits = _first_maxima(pooled_from.reshape(-1, channels * frames, height, width), kernel)
    corners = [[_placed(hits, folded, kernel, row, column) for column in (0, 1)] for row in (0, 1)]
    rows = torch.stack([torch.stack(pair, -1) for pair in corners], 3)
    return rows.reshape(-1, channels, frames, height, width)


def _first_maxima(x: Tensor, kernel: int) -> dict[tuple[int, int], Tensor]:
    """Return, for each position in a window, whether it holds the window's first maximum, ``[B, C, H/2, W/2]``."""
    height, width = x.shape[-2:]
    padding = (kernel - 1) // 2
    if padding:
        x = F.pad(x, (padding, padding, padding, padding), value=LOWEST)
    places = [(row, column) for row in range(kernel) for column in range(kernel)]
    slots = [x[..., a : a + height - 1 : 2, b : b + width - 1 : 2] for a, b in places]
    hits: dict[tuple[int, int], Tensor] = {}
    decided: Tensor | None = None
    for number, (place, slot) in enumerate(zip(places, slots, strict=True)):
        conditions = [slot >= later for later in slots[number + 1 :]]
        if decided is not None:
            conditions.append(~decided)
        hit = conditions[0]
        for condition in conditions[1:]:
            hit = hit & condition
        hits[place] = hit
        decided = hit if decided is None else decided | hit
    return hits


def _placed(hits: dict[tuple[int, int], Tensor], values: Tensor, kernel: int, row: int, column: int) -> Tensor:
    """Return the values at the pixels (2 i + ``row``, 2 j + ``column``), ``[B, C, H/2, W/2]``."""
    out = torch.zeros_like(values)
    for (a, down), (b, right) in product(_windows(kernel, row), _windows(kernel, column)):
        hit = hits[a, b]
        if down or right:
            hit = _moved(hit.to(values.dtype), down, right) > 0
        out = torch.where(hit, _moved(values, down, right), out)
    return out


def _windows(kernel: int, parity: int) -> Iterator[tuple[int, int]]:
    """Yield (position in a window, offset of that window) for pixels of a parity, first windows first."""
    for place in reversed(range(kernel)):
        step, remainder = divmod(parity + (kernel - 1) // 2 - place, 2)
        if not remainder:
            yield place, step


def _moved(x: Tensor, down: int, right: int) -> Tensor:
    """Shift cells up by ``down`` and left by ``right``, filling with zeros."""
    if not (down or right):
        return x
    return F.pad(x[..., down:, right:], (0, right, 0, down))
