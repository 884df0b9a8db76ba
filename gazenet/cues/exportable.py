"""The contract by which an extractor lends its network to exporters and to other runtimes.

An extractor with a network has a method ``exportable(size=None)`` that returns an :class:`Exportable` after ``load``;
``size`` is the (height, width) that the user asks for, None for that of the weights. An extractor without a network
may say why in a class attribute ``not_exportable``.
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
    """A network with what another runtime needs to run it.

    ``network``: as loaded; takes tensors (or None for an input that may be missing) by position and returns a tensor
    or a tuple of tensors. ``examples``: one tensor per input on the CPU, ``[2, ...]``. ``inputs``, ``outputs``: their
    names in the exported file. ``free_batch``: whether the first axis of every input may have any length.

    ``use`` makes the extractor call another callable in place of the network from now on, with the same inputs and
    outputs. An extractor that calls its network in pieces, so that windows share work, lists them as ``parts``, each
    with a ``use`` of its own; the complete network, as files hold it, then has no ``use``.

    ``single``: prefixes of the names of layers in ``network`` that stay in single precision where others use bfloat16.
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
        """The callables of the extractor by name: its parts, or the complete network under an empty name."""
        return self.parts or {"": self}


class SelectedOutputs(nn.Module):
    """A network whose output ``select`` turns into tensors; the keys of its weights begin with ``selected``."""

    def __init__(self, network: nn.Module, select: Callable[[Any], Tensor | tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.selected, self._select = network, select
        self.training = network.training

    def forward(self, *inputs: Tensor | None) -> Tensor | tuple[Tensor, ...]:
        """Run the network and select its outputs."""
        return self._select(self.selected(*inputs))


class FunctionModule(nn.Module):
    """A function of a network and tensors, as a module that owns the network's weights.

    A copy of the module, for example on another device, calls the function with its own copy of the network.
    """

    def __init__(self, network: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.owner, self._function = network, function
        self.training = network.training

    def forward(self, *inputs: Tensor | None) -> Any:
        """Call the function with the network and the inputs."""
        return self._function(self.owner, *inputs)


def noise(*shape: int) -> Tensor:
    """Return normally distributed float32 values, the same on every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def free_size(name: str, size: tuple[int, int] | None, usual: tuple[int, int], multiple: int = 32) -> tuple[int, int]:
    """Return ``size`` or ``usual`` for a network that takes every multiple of ``multiple`` pixels.

    Raises UsageError for a size that is not a multiple.
    """
    height, width = size or usual
    if height % multiple or width % multiple:
        raise UsageError(f"{name}: size {height}x{width}: height and width must be multiples of {multiple}")
    return height, width


def fixed_size(
    name: str, size: tuple[int, int] | None, own: Sequence[int], because: str = "its weights are"
) -> tuple[int, int]:
    """Return ``own``, the only (height, width) a network takes.

    Raises UsageError for any other ``size``; the message reads ``because`` followed by "made for ...".
    """
    height, width = own
    if size not in (None, (height, width)):
        raise UsageError(f"{name}: {because} made for {height}x{width} (height x width) only; leave --size out")
    return height, width
