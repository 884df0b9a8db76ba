"""How many pixels are darker than some chosen ones: what every area under a ROC curve comes down to.

Sorting complete maps is what makes such metrics slow. Here pixels are binned instead, and only those that share a bin
with a chosen pixel are compared one by one; so the counts are exact for any values, on any device, for all maps of a
batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gazenet.metrics.functional.common import PIECE, extremes, pieces, places

BINS, LEVELS = 1 << 14, 256
"""Bins of a map; a map of bytes needs one for each level only."""
Pool = tuple[slice, Tensor, Tensor]


@dataclass(frozen=True)
class Chosen:
    """Q chosen pixels of a batch of maps ``[B, P]``, in the order of ``rows``.

    ``rows`` and ``columns`` int64 ``[Q]`` say which; ``counts`` int64 ``[B]`` how many of each map.
    """

    rows: Tensor
    columns: Tensor
    counts: Tensor

    @staticmethod
    def where(mask: Tensor) -> Chosen:
        """The pixels where bool ``[B, P]`` holds."""
        found = places(mask.flatten())
        rows = found // mask.shape[1]
        return Chosen(rows, found - rows * mask.shape[1], torch.bincount(rows, minlength=len(mask)))

    def of(self, maps: Tensor) -> Tensor:
        """Their values ``[Q]`` in maps ``[B, P]``."""
        return maps[self.rows, self.columns]

    def sums(self, values: Tensor) -> Tensor:
        """The sum ``[B]`` over the chosen pixels of each map of ``values`` ``[Q]``, float64."""
        zeros = torch.zeros(len(self.counts), dtype=torch.float64, device=values.device)
        return zeros.index_add_(0, self.rows, values.double())


@dataclass(frozen=True)
class _Bins:
    """Bins of maps ``[B, P]``: never falling where values rise, the first one for the darkest value alone.

    ``count`` of them; ``single``: every bin holds one value only. ``low`` and ``scale`` ``[B, 1]``. ``careful``:
    products may underflow.
    """

    count: int
    single: bool
    low: Tensor
    scale: Tensor
    careful: bool

    @staticmethod
    def fit(maps: Tensor) -> _Bins:
        if maps.dtype == torch.uint8:
            return _Bins(LEVELS, True, maps[:, :1], maps[:, :1], False)
        low, high = extremes(maps)
        scale = ((BINS - 1) / (high - low)).nan_to_num(0.0)
        return _Bins(BINS, False, low, scale, bool((scale < 1).any()))

    def of(self, values: Tensor, rows: slice | Tensor) -> Tensor:
        """Bins of values ``[R, n]`` of the maps ``rows``, or ``[Q, 1]`` of single pixels of them."""
        if self.single:
            return values
        above = values - self.low[rows]
        lowest = above.sign() if self.careful else None
        bins = above.mul_(self.scale[rows]).ceil_().clamp_(max=self.count - 1)
        # A product that underflows to 0 must not bring a value into the bin of the darkest; nor must one that is
        # undefined, because the range itself overflows, become any bin.
        return (bins if lowest is None else torch.maximum(bins.nan_to_num_(0.0), lowest)).int()


def count_darker(
    maps: Tensor, chosen: Chosen, among: Chosen | None = None, ties: bool = True
) -> tuple[Tensor, Tensor]:
    """For each chosen pixel: how many pixels of its map are darker, and how many are not brighter; int64 ``[Q]`` each.

    ``maps`` ``[B, P]``, finite. ``among``: only these pixels are counted. Without ``ties`` the second is the first.
    """
    bins, levels = _Bins.fit(maps), chosen.of(maps)
    wanted = bins.of(levels[:, None], chosen.rows)[:, 0] + chosen.rows * bins.count
    close = torch.zeros(len(maps), bins.count, dtype=torch.bool, device=maps.device)
    close.view(-1)[wanted] = True
    # The first bin holds one value, however often: often the whole background.
    close[:, 0] = False
    histogram = torch.zeros(len(maps), bins.count, dtype=torch.int64, device=maps.device)
    shared = [(wanted[:0], levels[:0])]
    for rows, keys, values in _everything(maps, bins) if among is None else _some(maps, bins, among):
        here = histogram[rows]
        here += torch.bincount(keys, minlength=here.numel()).view_as(here)
        if not bins.single:
            same = places(close[rows].view(-1).index_select(0, keys))
            shared.append((keys[same] + rows.start * bins.count, values[same]))
    before = (histogram.cumsum(1) - histogram).view(-1)[wanted]
    everywhere = histogram.view(-1)[wanted]
    if bins.single:
        return before, before + everywhere
    pool, values = (torch.cat(parts) for parts in zip(*shared, strict=True))
    darker, not_brighter = _within_bins(pool, values, wanted, levels, ties)
    return before + darker, before + torch.where(wanted % bins.count == 0, everywhere, not_brighter)


def _everything(maps: Tensor, bins: _Bins) -> Iterator[Pool]:
    """All pixels: the maps they are of, their bins counted from the first of these, their values."""
    for rows, columns in pieces(maps, maps.shape[1] if bins.single else PIECE):
        part = maps[rows, columns]
        keys = bins.of(part, rows)
        if len(part) > 1:
            keys = keys + torch.arange(len(part), device=maps.device)[:, None] * bins.count
        yield rows, keys.reshape(-1), part.reshape(-1)


def _some(maps: Tensor, bins: _Bins, among: Chosen) -> Iterator[Pool]:
    values = among.of(maps)
    yield slice(0, len(maps)), bins.of(values[:, None], among.rows)[:, 0] + among.rows * bins.count, values


def _within_bins(pool: Tensor, values: Tensor, wanted: Tensor, chosen: Tensor, ties: bool) -> tuple[Tensor, Tensor]:
    """As :func:`count_darker`, among pixels of one bin: ``values`` in bins ``pool``, ``chosen`` in bins ``wanted``."""
    levels = chosen.unique()
    width = len(levels) + 1
    # A value is replaced by its place among the chosen values: places can be joined with bins to one whole number.
    place = wanted * width + torch.searchsorted(levels, chosen)
    found = []
    for right in (True, False) if ties else (True,):
        joined = (pool * width + torch.searchsorted(levels, values, right=right)).sort().values
        until = torch.searchsorted(joined, place, right=True)
        found.append(until - torch.searchsorted(joined, wanted * width))
    return found[0], found[-1]
