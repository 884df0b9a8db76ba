"""Networks for inference only: fewer steps for the same function, and a memory layout that CPUs prefer."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gazenet.backbones.conv3d_as_2d import use_2d_layers

M = TypeVar("M", bound=nn.Module)

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def inference_copy(network: M) -> M:
    """Return a copy of a network in evaluation mode that is equal within rounding and shares unchanged weights.

    Batch norms are folded into the convolutions before them, layers over time or space only become 2D layers, and
    the channels of a cell are adjacent. A norm must be declared right after its convolution, as in all networks here
    whose norms follow convolutions. Of a norm that selects among several (it has a method ``chosen``) the current one
    is folded.
    """
    shared = {id(one): one for one in (*network.parameters(), *network.buffers())}
    folded = copy.deepcopy(network, cast("dict[int, object]", shared)).eval()
    slim(folded)
    return folded


def slim(network: nn.Module) -> None:
    """Optimise a network in place, as :func:`inference_copy` does for a copy."""
    fold(network)
    use_2d_layers(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)


def fold(network: nn.Module) -> None:
    """Fold every batch norm that is declared right after a convolution into it, in place."""
    for parent in [*network.modules()]:
        before: tuple[str, nn.Module] | None = None
        for name, child in [*parent.named_children()]:
            choice = getattr(child, "chosen", None)
            layer: nn.Module = child if choice is None else choice()
            if isinstance(layer, NORMS) and before is not None and isinstance(before[1], CONVOLUTIONS):
                transposed = isinstance(before[1], nn.ConvTranspose3d)
                parent._modules[before[0]] = fuse_conv_bn_eval(before[1], layer, transposed)
                parent._modules[name] = nn.Identity()
            before = name, layer
