"""How an extractor lends its network to files and to other runtimes.

An extractor with a network has a method ``exportable(size=None)`` that gives an :class:`Exportable` after ``load``;
``size`` (height, width) is what the user wants, None for what the weights were made for. One without a network may
say why in a class attribute ``not_exportable``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gazenet.errors import UsageError

Call = Callable[..., Any]
"""Tensors (or None) in; a tensor out, or a tuple of several."""


@dataclass(frozen=True)
class Exportable:
    """A network as another runtime needs it.

    ``network``: as loaded; takes tensors (or None where an input may be missing) by position and gives a tensor, or a
    tuple of several. ``examples``: one tensor per input on the CPU, ``[2, ...]``. ``inputs``, ``outputs``: their
    names in the file. ``free_batch``: whether the first axis of every input may have any length.

    ``use`` has the extractor call something else in the place of the network from now on: the same in, the same out.
    An extractor that calls its network in pieces, so that windows share work, gives those as ``parts``, each with a
    ``use`` of its own, and the whole, as files hold it, without.

    ``single``: how the names of layers in ``network`` begin that keep single precision where others work in bfloat16.
    """

    network: nn.Module
    examples: tuple[Tensor, ...]
    inputs: tuple[str, ...] = ("input",)
    outputs: tuple[str, ...] = ("output",)
    free_batch: bool = True
    use: Callable[[Call], None] | None = None
    parts: Mapping[str, Exportable] = field(default_factory=dict)
    single: tuple[str, ...] = ()

    @property
    def callables(self) -> Mapping[str, Exportable]:
        """What the extractor calls, by name: its parts, or the whole under an empty name."""
        return self.parts or {"": self}


class SelectedOutputs(nn.Module):
    """A network whose result is made a tensor or a tuple of tensors by ``select``; weights under ``selected``."""

    def __init__(self, network: nn.Module, select: Callable[[Any], Tensor | tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.selected, self._select = network, select
        self.training = network.training

    def forward(self, *inputs: Tensor | None) -> Tensor | tuple[Tensor, ...]:
        return self._select(self.selected(*inputs))


class FunctionModule(nn.Module):
    """A function of tensors that belongs to ``network``, as a module of its own with the network's weights."""

    def __init__(self, network: nn.Module, function: Call) -> None:
        super().__init__()
        self.owner, self._function = network, function
        self.training = network.training

    def forward(self, *inputs: Tensor | None) -> Any:
        return self._function(*inputs)


def noise(*shape: int) -> Tensor:
    """Normally distributed float32 values that are the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def free_size(name: str, size: tuple[int, int] | None, usual: tuple[int, int], multiple: int = 32) -> tuple[int, int]:
    """The size wanted, of a network that takes all multiples. Raises UsageError for others."""
    height, width = size or usual
    if height % multiple or width % multiple:
        raise UsageError(f"{name}: size {height}x{width}: height and width must be multiples of {multiple}")
    return height, width


def fixed_size(
    name: str, size: tuple[int, int] | None, own: Sequence[int], because: str = "its weights are"
) -> tuple[int, int]:
    """The size of a network that takes one only; ``because`` is followed by "made for ...". Raises UsageError."""
    height, width = own
    if size not in (None, (height, width)):
        raise UsageError(f"{name}: {because} made for {height}x{width} (height x width) only; leave --size out")
    return height, width
