"""Windows that slide over a video: what they share is computed once, and every result stays that of its window.

A layer without reach in time gives for every cell of time (all places of one instant) a value that depends on that
cell only. A layer with reach gives for most cells a value that depends on the frames around it, not on where the
window begins; only cells near the window's ends see the zeros that stand for what is outside. So the cells of a window
fall into a head, a body and a tail. The body's are known by the frame in their middle: another window that begins a
multiple of the strides later asks for the same ones. Head and tail are computed anew for every window, and grow with
every layer; when no body is left nothing can be shared any more, and a network goes on with the whole window.

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
    """Layers that see every cell of time by itself."""

    function: Function


@dataclass(frozen=True)
class TemporalLayers:
    """Layers that see ``kernel`` cells of time, every ``stride``-th time, ``padding`` cells of zeros at both ends.

    ``function`` pads nothing itself: T cells give (T - kernel) / stride + 1.
    """

    function: Function
    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True)
class ParallelChains:
    """Chains that see the same cells; their channels lie behind each other. Their strides are equal."""

    chains: tuple[Chain, ...]


Step = FramewiseLayers | TemporalLayers | ParallelChains
Chain = tuple[Step, ...]
Place = tuple[int, ...]
"""Where a step stands in the chains."""


class WindowCells(NamedTuple):
    """The cells ``[1, C, 1, H, W]`` of one window after some layer.

    ``first``: the number in the video of the first cell, by the first frame it was looked for at; ``step``: frames
    from one cell to the next; ``body``: positions of the cells that do not depend on where the window begins or ends.
    """

    cells: list[Tensor]
    first: int
    step: int
    body: range

    def stretch(self, positions: range) -> Tensor:
        """The cells at some positions, ``[1, C, n, H, W]``; zeros outside the window."""
        inside = range(len(self.cells))
        return sequence([self.cells[k] if k in inside else torch.zeros_like(self.cells[0]) for k in positions])


class WindowFrames(NamedTuple):
    """The frames of one window, ``[1, C, 1, H, W]`` each.

    ``first``: the number of the first one in the video; beyond the ends too every number has its frame, the same in
    all windows. None: the frames do not follow each other, nothing of them is shared.
    """

    first: int | None
    frames: list[Tensor]


class SlidableNetwork(Protocol):
    """A network over windows that says what these can share."""

    def frame_stem(self, frames: Tensor) -> Tensor:
        """The very first layers: frames ``[1, 3, T, H, W]``, each by itself."""

    def chains(self) -> Sequence[Chain]:
        """The layers that follow."""

    def seen(self, near: Sequence[Tensor], *heard: Tensor) -> Tensor:
        """The network's result from those of its chains, and from what it takes beside the frames."""


class SlidingNetwork:
    """A network on windows of a running video: the same results with less work.

    Args:
        network: one that declares what windows share.
        dtype: the type it works in.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        # Folded first: the weights are exact only before they are rounded.
        made: Any = inference_copy(network).to(dtype)
        self._network = made
        self._shared = SlidingLayers(made.chains())
        self.stem: Function = made.frame_stem

    def clear(self) -> None:
        """Another video begins."""
        self._shared.clear()

    def __call__(self, window: WindowFrames, *heard: Tensor) -> Tensor:
        """The result for one window, of whose frames the stems are given."""
        found: Tensor = self._network.seen(self._shared(window), *heard)
        return found


def declares(network: nn.Module) -> bool:
    """Whether a network is :class:`SlidableNetwork`."""
    return all(hasattr(network, name) for name in ("frame_stem", "chains", "seen"))


class SlidingLayers:
    """The first layers of a network, window after window.

    What is kept is what later windows may ask for, at all phases of the strides. A cell is always computed in the same
    way, whatever windows came before: results do not depend on them.

    Args:
        chains: one after the other; the cells after each of them are given out.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._chains = [_joined(chain) for chain in chains]
        self._known: dict[Place, dict[int, Tensor]] = {}

    def clear(self) -> None:
        """Another video begins."""
        self._known.clear()

    def __call__(self, window: WindowFrames) -> list[Tensor]:
        """The results ``[1, C, T, H, W]`` of the chains for one window; windows come in rising order."""
        first, frames = window
        if first is None:
            row = WindowCells(frames, 0, 1, range(0))
        else:
            self._forget_before(first)
            row = WindowCells(frames, first, 1, range(len(frames)))
        found = []
        for number, chain in enumerate(self._chains):
            row = self._through(chain, row, (number,))
            found.append(sequence(row.cells))
        return found

    def _forget_before(self, first: int) -> None:
        for known in self._known.values():
            for old in [number for number in known if number < first]:
                del known[old]

    def _through(self, chain: Chain, row: WindowCells, place: Place) -> WindowCells:
        for number, step in enumerate(chain):
            row = self._after(step, row, (*place, number))
        return row

    def _after(self, step: Step, row: WindowCells, place: Place) -> WindowCells:
        if isinstance(step, ParallelChains):
            return _beside([self._through(chain, row, (*place, k)) for k, chain in enumerate(step.chains)])
        return self._local(step, row, place) if isinstance(step, FramewiseLayers) else self._moved(step, row, place)

    def _local(self, step: FramewiseLayers, row: WindowCells, place: Place) -> WindowCells:
        edges = [k for k in range(len(row.cells)) if k not in row.body]
        outside = step.function(sequence([row.cells[k] for k in edges])).split(1, 2) if edges else ()
        cells = dict(zip(edges, outside, strict=True))
        for k in row.body:
            cells[k] = self._once(place, row.first + k * row.step, partial(step.function, row.cells[k]))
        return row._replace(cells=[cells[k] for k in range(len(row.cells))])

    def _moved(self, step: TemporalLayers, row: WindowCells, place: Place) -> WindowCells:
        length = (len(row.cells) + 2 * step.padding - step.kernel) // step.stride + 1
        starts = range(-step.padding, length * step.stride - step.padding, step.stride)
        whole = [k for k, at in enumerate(starts) if at in row.body and at + step.kernel - 1 in row.body]
        body = range(whole[0], whole[-1] + 1) if whole else range(length, length)
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
        """The cell of a number after the step at ``place``; made where it is not known."""
        known = self._known.setdefault(place, {})
        if number not in known:
            known[number] = make()
        return known[number]


def sequence(cells: Sequence[Tensor]) -> Tensor:
    """Cells ``[1, C, 1, H, W]`` behind each other in time."""
    return concatenated(cells, 2)


def _beside(rows: list[WindowCells]) -> WindowCells:
    """Of rows of one length; the body is what is in all bodies."""
    body = range(max(row.body.start for row in rows), min(row.body.stop for row in rows))
    together = [concatenated(cells) for cells in zip(*(row.cells for row in rows), strict=True)]
    return rows[0]._replace(cells=together, body=body)


def _joined(chain: Chain) -> Chain:
    """The chain with layers that look at single cells drawn into the step before them: less is kept."""
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
