"""Networks whose weighted layers compute in bfloat16, and everything between them in single precision.

The processor accumulates sums in single precision; inputs and outputs have eight bits. Norms, softmax, poolings and
products of two features stay in single precision: rounding would matter most there, and they take hardly any time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gazenet.backbones.fold_batch_norm import slim
from gazenet.backbones.sliding_windows import is_slidable

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)


class Bfloat16Layer:
    """The forward pass of a layer in bfloat16, with an output in single precision.

    Weights are rounded on every call, so that code which reads them sees the exact values.
    """

    def __init__(self, layer: nn.Module) -> None:
        self._work: Callable[..., Tensor] = layer.forward

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output of the layer in single precision."""
        with torch.autocast(x.device.type, torch.bfloat16):
            return self._work(x).float()


def in_bfloat16(network: nn.Module, single: tuple[str, ...] = ()) -> None:
    """Convert a network in evaluation mode in place; a second call changes nothing.

    Args:
        single: prefixes of the names of layers that stay in single precision.
    """
    if is_slidable(network):
        # Such networks run folded in single precision too. Of others it is unknown whether norms follow convolutions.
        slim(network)
    for name, layer in network.named_modules():
        if isinstance(layer, LAYERS) and not isinstance(layer.forward, Bfloat16Layer) and not name.startswith(single):
            layer.forward = Bfloat16Layer(layer)  # type: ignore[assignment]


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for bfloat16; without them it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
