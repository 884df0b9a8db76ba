"""A network for use only: the same function with fewer steps and a layout that processors like."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gazenet.backbones.conv3d_as_2d import planar

M = TypeVar("M", bound=nn.Module)

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def inference_copy(network: M) -> M:
    """A copy of a network in evaluation mode, equal to it within rounding, that shares the weights it does not change.

    Batch norms are folded into the convolutions before them, layers over time *or* space are computed as layers of
    pictures, and the channels of a cell lie side by side. A norm must be declared right behind its convolution, as in
    all networks here whose norms follow convolutions; of one that chooses among several (it has a method ``chosen``)
    the one that works now is taken for good.
    """
    shared = {id(one): one for one in (*network.parameters(), *network.buffers())}
    made = copy.deepcopy(network, cast("dict[int, object]", shared)).eval()
    slim(made)
    return made


def slim(network: nn.Module) -> None:
    """What :func:`inference_copy` does, to a network itself."""
    fold(network)
    planar(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)


def fold(network: nn.Module) -> None:
    """Folds every batch norm that is declared right behind a convolution into it."""
    for parent in [*network.modules()]:
        before: tuple[str, nn.Module] | None = None
        for name, found in [*parent.named_children()]:
            choice = getattr(found, "chosen", None)
            layer: nn.Module = found if choice is None else choice()
            if isinstance(layer, NORMS) and before is not None and isinstance(before[1], CONVOLUTIONS):
                transposed = isinstance(before[1], nn.ConvTranspose3d)
                parent._modules[before[0]] = fuse_conv_bn_eval(before[1], layer, transposed)
                parent._modules[name] = nn.Identity()
            before = name, layer
