"""Networks whose layers of weights work in bfloat16, and all between them in single precision.

Sums are kept in single precision by the processor, what goes in and comes out has eight bits. Norms, softmax, poolings
and products of two features stay as they are: there rounding would count most, and hardly any time is spent.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gazenet.backbones.fold_batch_norm import slim
from gazenet.backbones.sliding_windows import declares

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)


class Bfloat16Layer:
    """The work of a layer in bfloat16; what it gives is in single precision again.

    Weights are rounded for every call: they stay what they are for whoever reads them beside the layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        self._work: Callable[..., Tensor] = layer.forward

    def __call__(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return self._work(x).float()


def in_bfloat16(network: nn.Module, single: tuple[str, ...] = ()) -> None:
    """Changes a network in evaluation mode for good; a second time nothing happens.

    Args:
        single: how the names of layers begin that keep single precision.
    """
    if declares(network):
        # Run lean in single precision, too. Of others nobody knows that their norms follow what is before them.
        slim(network)
    for name, layer in network.named_modules():
        if isinstance(layer, LAYERS) and not isinstance(layer.forward, Bfloat16Layer) and not name.startswith(single):
            layer.forward = Bfloat16Layer(layer)  # type: ignore[assignment]


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself; where it does not, the detour is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
