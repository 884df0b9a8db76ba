"""Counts of how often chosen pixels are brighter than others, which every area under a ROC curve comes down to.

Sorting complete maps is what makes such metrics slow. Only the chosen values are sorted here. Every pixel falls into a
bin, a table says for each bin what its pixels count, and only pixels that share a bin with a chosen one are compared
one by one. Counts are whole numbers: exact for any values, on any device, for all maps of a batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import below_zero, pieces, places, positive

BINS, LEVELS, PIXELS_PER_BIN = 1 << 14, 256, 8
"""Most bins of a map, but no more than its pixels are worth; a map of bytes has one for each level."""
_UNCLEAR = -1
Pixels = tuple[slice | Tensor, int, Tensor, Tensor]
"""The maps that pixels are of, the bin that theirs are counted from, their bins ``[n]``, their values ``[n]``."""


@dataclass(frozen=True)
class ChosenPixels:
    """Q chosen pixels of a batch of maps ``[B, P]``, in the order of ``rows``; a pixel may be chosen several times.

    ``rows`` and ``columns`` int64 ``[Q]`` say which; ``counts`` int64 ``[B]`` how many of each map. ``weights`` int64
    ``[Q]``: how often each of them counts (None: once), included in ``counts``.
    """

    rows: Tensor
    columns: Tensor
    counts: Tensor
    weights: Tensor | None = None

    @staticmethod
    def where(mask: Tensor) -> ChosenPixels:
        """Return the pixels where bool ``[B, P]`` holds."""
        numbers = places(mask.flatten())
        rows = numbers // mask.shape[1]
        return ChosenPixels(rows, numbers - rows * mask.shape[1], torch.bincount(rows, minlength=len(mask)))

    @staticmethod
    def fixated(fixations: Tensor, counted: bool) -> ChosenPixels:
        """The fixated pixels of ``[..., H, W]``: every positive one once or, if ``counted``, as often as it says."""
        once = ChosenPixels.where(positive(fixations))
        if not counted:
            return once
        times = once.times(fixations)
        rows, columns = once.rows.repeat_interleave(times), once.columns.repeat_interleave(times)
        return ChosenPixels(rows, columns, torch.bincount(rows, minlength=len(once.counts)))

    @staticmethod
    def weighted(fixations: Tensor, counted: bool) -> ChosenPixels:
        """Return the pixels of :meth:`fixated`, each once with its number as weight: for millions of fixations."""
        once = ChosenPixels.where(positive(fixations))
        if not counted:
            return once
        times = once.times(fixations)
        counts = torch.zeros_like(once.counts).index_add_(0, once.rows, times)
        return ChosenPixels(once.rows, once.columns, counts, times)

    def times(self, fixations: Tensor) -> Tensor:
        """Return the numbers of maps ``[..., H, W]`` at the chosen pixels, int64 ``[Q]``."""
        return self.of(fixations.reshape(len(self.counts), -1)).long()

    def of(self, maps: Tensor) -> Tensor:
        """Return their values ``[Q]`` in maps ``[B, P]``."""
        return maps.reshape(-1).index_select(0, self.rows * maps.shape[1] + self.columns)

    def sums(self, values: Tensor) -> Tensor:
        """Return the sum ``[B]`` over the chosen pixels of each map of ``values`` ``[Q]``, float64."""
        zeros = torch.zeros(len(self.counts), dtype=torch.float64, device=values.device)
        return zeros.index_add_(0, self.rows, values.double())


def beaten(
    maps: Tensor,
    limits: tuple[Tensor, Tensor],
    chosen: ChosenPixels,
    among: ChosenPixels | None = None,
    level_steps: bool = False,
) -> Tensor:
    """Count how often the chosen pixels of each map are brighter than its pixels, twice; int64 ``[B]``.

    Each pixel counts two for every chosen one that is brighter and one for every chosen one that is equal.
    ``level_steps``: it counts those equal to the brightest chosen value not above it, even if it is above that.

    Args:
        maps: ``[B, P]``, finite.
        limits: their smallest and largest values, ``[B, 1]`` each.
        among: only these pixels are looked at.
    """
    scale = _Scale.of(maps, limits, maps.shape[1] if among is None else int(among.counts.max()))
    table = _Table.of(_Ladder.of(maps, chosen, level_steps), scale)
    total = torch.zeros(len(maps), dtype=torch.int64, device=maps.device)
    shared = []
    for rows, first, bins, values in _everything(maps, scale) if among is None else _some(maps, scale, among):
        counts = table.counts[first:].index_select(0, bins)
        if among is not None and among.weights is not None:
            total += _weighted(among, scale, table, counts, bins, values)
            continue
        if isinstance(rows, slice):
            total[rows] += counts.view(rows.stop - rows.start, -1).sum(1)
        else:
            total.index_add_(0, rows, counts)
        if not scale.single:
            unclear = below_zero(counts)
            shared.append((first + bins.index_select(0, unclear), values.index_select(0, unclear)))
    if shared:
        bins, values = (torch.cat(parts) for parts in zip(*shared, strict=True))
        total.index_add_(0, bins // scale.count, table.count(bins, values) - _UNCLEAR)
    return total


def _weighted(
    among: ChosenPixels, scale: _Scale, table: _Table, counts: Tensor, bins: Tensor, values: Tensor
) -> Tensor:
    """Sum the counts of the given pixels, times their weights; int64 ``[B]``."""
    assert among.weights is not None
    if not scale.single:
        unclear = below_zero(counts)
        counts[unclear] = table.count(bins.index_select(0, unclear), values.index_select(0, unclear))
    return torch.zeros_like(among.counts).index_add_(0, among.rows, counts * among.weights)


def _everything(maps: Tensor, scale: _Scale) -> Iterator[Pixels]:
    for rows, columns in pieces(maps):
        part = maps[rows, columns]
        bins = scale.bins(part, rows)
        if len(part) > 1:
            bins += scale.count * torch.arange(len(part), dtype=torch.int32, device=maps.device)[:, None]
        yield rows, scale.count * rows.start, bins.reshape(-1), part.reshape(-1)


def _some(maps: Tensor, scale: _Scale, among: ChosenPixels) -> Iterator[Pixels]:
    values = among.of(maps)
    yield among.rows, 0, scale.bins(values[:, None], among.rows)[:, 0] + scale.count * among.rows, values


@dataclass(frozen=True)
class _Scale:
    """Bins of maps ``[B, P]``: never falling where values rise, the first one for the darkest value alone.

    ``count`` of them; ``single``: every bin holds one value only. ``low`` and ``factor`` ``[B, 1]``. ``careful``:
    products may underflow.
    """

    count: int
    single: bool
    low: Tensor
    factor: Tensor
    careful: bool

    @staticmethod
    def of(maps: Tensor, limits: tuple[Tensor, Tensor], pixels: int) -> _Scale:
        """Return the bins of maps of which as many ``pixels`` are looked at."""
        low, high = limits
        if maps.dtype == torch.uint8:
            return _Scale(LEVELS, True, torch.zeros_like(low), low, False)
        count = min(BINS, 2 + pixels // PIXELS_PER_BIN)
        # One bin more than the range needs: rounding may lead behind its end.
        factor = ((count - 2) / (high - low)).nan_to_num(0.0)
        return _Scale(count, False, low, factor, bool((factor < 1).any()))

    def bins(self, values: Tensor, rows: slice | Tensor) -> Tensor:
        """Bins of values ``[R, n]`` of the maps ``rows``, or ``[Q, 1]`` of single pixels of them."""
        if self.single:
            return values.int()
        above = values - self.low[rows]
        lowest = above.sign() if self.careful else None
        bins = above.mul_(self.factor[rows]).ceil_()
        # A product that underflows to 0 must not bring a value into the bin of the darkest; nor must one that is
        # undefined, because the range itself overflows, become any bin.
        return (bins if lowest is None else torch.maximum(bins.nan_to_num_(0.0), lowest)).int()


@dataclass(frozen=True)
class _Ladder:
    """The count of a pixel at each rung of its map: one below all values, then the chosen values from the darkest.

    ``values`` ``[L]`` one map after the other, whose first rungs are ``starts`` ``[B]``. A pixel belongs to the last
    rung that is not above it and counts ``equal`` if it has its value, else ``over`` (int64 ``[L]``).
    """

    values: Tensor
    rows: Tensor
    starts: Tensor
    equal: Tensor
    over: Tensor

    @staticmethod
    def of(maps: Tensor, chosen: ChosenPixels, level_steps: bool) -> _Ladder:
        """Sort the chosen pixels of each map ``[B, P]``, below all of them a rung that every pixel reaches."""
        each = torch.arange(len(maps), device=maps.device)
        rows, values = torch.cat([each, chosen.rows]), chosen.of(maps)
        values = values.float() if values.dtype == torch.uint8 else values
        values = torch.cat([values.new_full((len(maps),), -torch.inf), values])
        rising = values.argsort(stable=True)
        order = rising[rows[rising].argsort(stable=True)]
        rows, values = rows[order], values[order]
        starts = chosen.counts.cumsum(0) - chosen.counts + each
        brighter = chosen.counts[rows] + starts[rows] - torch.arange(len(rows), device=maps.device)
        another = torch.ones_like(rows)
        another[1:] = (values[1:] != values[:-1]) | (rows[1:] != rows[:-1])
        run = another.cumsum(0) - 1
        alike = torch.bincount(run)[run]
        alike[starts] = 0
        equal = 2 * brighter + alike
        return _Ladder(values, rows, starts, equal, equal if level_steps else 2 * brighter)


@dataclass(frozen=True)
class _Table:
    """The counts of pixels by their bins: ``counts`` int64 ``[K]``, -1 where pixels of one bin differ in that.

    ``last`` ``[K]``: the last rung of the ladder in this bin or before it.
    """

    ladder: _Ladder
    counts: Tensor
    last: Tensor

    @staticmethod
    def of(ladder: _Ladder, scale: _Scale) -> _Table:
        """Enter the rungs of a ladder by the bins of a scale."""
        # The lowest rung stands in the bin of the darkest value.
        values = torch.maximum(ladder.values, scale.low[ladder.rows, 0])
        own = scale.bins(values[:, None], ladder.rows)[:, 0]
        bins = own + scale.count * ladder.rows
        last = torch.bincount(bins, minlength=scale.count * len(scale.low)).cumsum(0) - 1
        counts = ladder.over.index_select(0, last)
        counts[bins] = ladder.equal[last[bins]]
        if not scale.single:
            counts[bins[own > 0]] = _UNCLEAR
        return _Table(ladder, counts, last)

    def count(self, bins: Tensor, values: Tensor) -> Tensor:
        """int64 ``[n]`` for pixels with values ``[n]`` in unclear bins ``[n]``."""
        low, high = self.last.index_select(0, bins - 1), self.last.index_select(0, bins)
        for _ in range(int((high - low).max()).bit_length() if len(bins) else 0):
            middle = (low + high + 1) // 2
            reached = self.ladder.values.index_select(0, middle) <= values
            low, high = torch.where(reached, middle, low), torch.where(reached, high, middle - 1)
        same = self.ladder.values.index_select(0, low) == values
        return torch.where(same, self.ladder.equal.index_select(0, low), self.ladder.over.index_select(0, low))
