"""Sliding windows: what windows of a video share is computed once, without a change of any result.

A layer that does not extend in time computes every cell (all positions of one instant) from that cell alone. A layer
that does computes most cells from the frames around them, wherever the window begins; only cells near the ends of the
window depend on the padding there. The cells of a window thus form a head, a body and a tail. Cells of the body are
identified by a frame number: a window that begins a multiple of the strides later has the same ones. Head and tail are
computed for every window and grow with every layer; when no body is left, nothing can be shared any more, and the
network continues with the complete window.

A network declares its first layers as a chain of :class:`FramewiseLayers`, :class:`TemporalLayers` and
:class:`ParallelChains`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from gazenet.backbones.conv3d_as_2d import concatenated
from gazenet.backbones.fold_batch_norm import inference_copy

Function = Callable[[Tensor], Tensor]
"""``[1, C, T, H, W]`` to ``[1, C', T', H', W']``."""


@dataclass(frozen=True)
class FramewiseLayers:
    """Layers that compute every cell of time by itself."""

    function: Function


@dataclass(frozen=True)
class TemporalLayers:
    """Layers over ``kernel`` cells of time with a ``stride`` and ``padding`` cells of zeros at both ends.

    ``function`` pads nothing itself: T cells give (T - kernel) / stride + 1.
    """

    function: Function
    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True)
class ParallelChains:
    """Chains with the same input and equal strides, whose channels are concatenated."""

    chains: tuple[Chain, ...]


Step = FramewiseLayers | TemporalLayers | ParallelChains
Chain = tuple[Step, ...]
Place = tuple[int, ...]
"""The position of a step in the chains."""


class WindowCells(NamedTuple):
    """The cells ``[1, C, 1, H, W]`` of one window after some layer.

    ``first``: the frame number that identifies the first cell; ``step``: frames from one cell to the next; ``body``:
    positions of the cells that do not depend on where the window begins or ends.
    """

    cells: list[Tensor]
    first: int
    step: int
    body: range

    def stretch(self, positions: range) -> Tensor:
        """Return the cells at ``positions``, ``[1, C, n, H, W]``; zeros outside the window."""
        inside = range(len(self.cells))
        return sequence([self.cells[k] if k in inside else torch.zeros_like(self.cells[0]) for k in positions])


class WindowFrames(NamedTuple):
    """The frames of one window, ``[1, C, 1, H, W]`` each.

    ``first``: the frame number of the first one; numbers beyond the ends of the video stand for the same frame in all
    windows. None: the frames are not consecutive, and nothing is shared.
    """

    first: int | None
    frames: list[Tensor]


class SlidableNetwork(Protocol):
    """A network over windows that declares what they can share."""

    def frame_stem(self, frames: Tensor) -> Tensor:
        """Apply the first layers to frames ``[1, 3, T, H, W]``, each by itself."""

    def chains(self) -> Sequence[Chain]:
        """Return the layers after the stem."""

    def after_chains(self, shallow: Sequence[Tensor], *sound: Tensor) -> Tensor:
        """Compute the result from the outputs of the chains and the further inputs, such as sound."""


class SlidingNetwork:
    """Runs a network on the successive windows of a video: the same results with less work.

    Args:
        network: one that declares what its windows share.
        dtype: the floating-point type to compute in.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        # Fold before the conversion, while the weights are exact.
        folded: Any = inference_copy(network).to(dtype)
        self._network = folded
        self._shared = SlidingLayers(folded.chains())
        self.stem: Function = folded.frame_stem

    def clear(self) -> None:
        """Forget all cells, for the next video."""
        self._shared.clear()

    def __call__(self, window: WindowFrames, *sound: Tensor) -> Tensor:
        """Return the result of one window, given as the stems of its frames."""
        result: Tensor = self._network.after_chains(self._shared(window), *sound)
        return result


def is_slidable(network: nn.Module) -> bool:
    """Return whether a network is a :class:`SlidableNetwork`."""
    return all(hasattr(network, name) for name in ("frame_stem", "chains", "after_chains"))


class SlidingLayers:
    """The first layers of a network, window after window.

    Cells are kept as long as later windows may need them, at all phases of the strides. A cell is always computed in
    the same way: results do not depend on earlier windows.

    Args:
        chains: applied one after the other; the output of each is returned.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._chains = [_joined(chain) for chain in chains]
        self._cells: dict[Place, dict[int, Tensor]] = {}

    def clear(self) -> None:
        """Forget all cells, for the next video."""
        self._cells.clear()

    def __call__(self, window: WindowFrames) -> list[Tensor]:
        """Return the outputs ``[1, C, T, H, W]`` of the chains; windows must come in ascending order."""
        first, frames = window
        if first is None:
            row = WindowCells(frames, 0, 1, range(0))
        else:
            self._forget_before(first)
            row = WindowCells(frames, first, 1, range(len(frames)))
        results = []
        for number, chain in enumerate(self._chains):
            row = self._through(chain, row, (number,))
            results.append(sequence(row.cells))
        return results

    def _forget_before(self, first: int) -> None:
        for cells in self._cells.values():
            for old in [number for number in cells if number < first]:
                del cells[old]

    def _through(self, chain: Chain, row: WindowCells, place: Place) -> WindowCells:
        for number, step in enumerate(chain):
            row = self._after(step, row, (*place, number))
        return row

    def _after(self, step: Step, row: WindowCells, place: Place) -> WindowCells:
        if isinstance(step, ParallelChains):
            return _beside([self._through(chain, row, (*place, k)) for k, chain in enumerate(step.chains)])
        if isinstance(step, FramewiseLayers):
            return self._framewise(step, row, place)
        return self._temporal(step, row, place)

    def _framewise(self, step: FramewiseLayers, row: WindowCells, place: Place) -> WindowCells:
        edges = [k for k in range(len(row.cells)) if k not in row.body]
        outside = step.function(sequence([row.cells[k] for k in edges])).split(1, 2) if edges else ()
        cells = dict(zip(edges, outside, strict=True))
        for k in row.body:
            cells[k] = self._once(place, row.first + k * row.step, partial(step.function, row.cells[k]))
        return row._replace(cells=[cells[k] for k in range(len(row.cells))])

    def _temporal(self, step: TemporalLayers, row: WindowCells, place: Place) -> WindowCells:
        length = (len(row.cells) + 2 * step.padding - step.kernel) // step.stride + 1
        starts = range(-step.padding, length * step.stride - step.padding, step.stride)
        interior = [k for k, at in enumerate(starts) if at in row.body and at + step.kernel - 1 in row.body]
        body = range(interior[0], interior[-1] + 1) if interior else range(length, length)
        first = row.first - step.padding * row.step
        after = WindowCells([], first, row.step * step.stride, body)

        def computed(outputs: Sequence[int]) -> Tensor:
            return step.function(row.stretch(range(starts[outputs[0]], starts[outputs[-1]] + step.kernel)))

        for part in (range(body.start), range(body.stop, length)):
            after.cells.extend(computed(part).split(1, 2) if part else ())
        middle = [self._once(place, first + k * after.step, partial(computed, [k])) for k in body]
        after.cells[body.start : body.start] = middle
        return after

    def _once(self, place: Place, number: int, make: Callable[[], Tensor]) -> Tensor:
        """Return cell ``number`` after the step at ``place``, computed if it is missing."""
        cells = self._cells.setdefault(place, {})
        if number not in cells:
            cells[number] = make()
        return cells[number]


def sequence(cells: Sequence[Tensor]) -> Tensor:
    """Concatenate cells ``[1, C, 1, H, W]`` in time."""
    return concatenated(cells, 2)


def _beside(rows: list[WindowCells]) -> WindowCells:
    """Concatenate the channels of rows of equal length; the body is the intersection of their bodies."""
    body = range(max(row.body.start for row in rows), min(row.body.stop for row in rows))
    together = [concatenated(cells) for cells in zip(*(row.cells for row in rows), strict=True)]
    return rows[0]._replace(cells=together, body=body)


def _joined(chain: Chain) -> Chain:
    """Merge framewise layers into the step before them, which keeps fewer cells."""
    steps: list[Step] = []
    for step in chain:
        last = steps[-1] if steps else None
        if isinstance(step, FramewiseLayers) and isinstance(last, FramewiseLayers | TemporalLayers):
            steps[-1] = replace(last, function=_composed(last.function, step.function))
        elif isinstance(step, ParallelChains):
            steps.append(ParallelChains(tuple(_joined(inner) for inner in step.chains)))
        else:
            steps.append(step)
    return tuple(steps)


def _composed(first: Function, second: Function) -> Function:
    return lambda x: second(first(x))
