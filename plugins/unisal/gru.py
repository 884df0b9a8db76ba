"""The convolutional GRU of UNISAL, made of separable convolutions with a normalisation per domain."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Callable[[int], nn.Module]

TRANSFORMS = ("w_r", "u_r", "w_z", "u_z", "w", "u")
NORMS = ("norm_r_x", "norm_r_h", "norm_z_x", "norm_z_h", "norm_out_x", "norm_out_h")
FACTORS = ("a_r_x", "a_r_h", "a_z_x", "a_z_h", "a_h_x", "a_h_h")
BIASES = ("b_r", "b_z", "b_h")


class SeparableGate(nn.Module):
    """A depthwise 3x3 convolution, normalisation, ReLU6 and a 1x1 convolution of ``[N, C, H, W]``."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        self.sep_bn = norm(channels)
        self.conv_sep = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C, H, W]``."""
        return self.conv_sep(F.relu6(self.sep_bn(self.conv_dw(x))))


class MobileGRUCell(nn.Module):
    """The cell from features and state, both ``[N, C, H, W]``, to the next state.

    Every gate is the sum of a transformed input and a transformed state, each normalised and scaled per channel.
    ``drop_mask_1`` belongs to the recurrent dropout of training and exists for the checkpoint only.
    """

    b_r: nn.Parameter
    b_z: nn.Parameter
    b_h: nn.Parameter

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        for name in BIASES:
            self.register_parameter(name, nn.Parameter(torch.zeros(channels, 1, 1)))
        for name in FACTORS:
            self.register_parameter(name, nn.Parameter(torch.ones(channels, 1, 1)))
        self.register_buffer("drop_mask_1", torch.ones(3, channels))
        for name in NORMS:
            self.add_module(name, norm(channels))
        for name in TRANSFORMS:
            self.add_module(name, SeparableGate(channels, norm))

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the next state."""
        term = iter(zip(TRANSFORMS, NORMS, FACTORS, strict=True))
        r_x, r_h, z_x, z_h, out_x, out_h = (self._term(*next(term), one) for one in (x, state) * 3)
        reset = torch.sigmoid(r_x + r_h + self.b_r)
        update = torch.sigmoid(z_x + z_h + self.b_z)
        candidate = torch.tanh(out_x + reset * out_h + self.b_h)
        return (1 - update) * state + update * candidate

    def _term(self, transform: str, norm: str, factor: str, x: Tensor) -> Tensor:
        scale = self.get_parameter(factor)
        return self.get_submodule(norm)(self.get_submodule(transform)(x)) * scale


class MobileGRU(nn.Module):
    """A GRU with a single cell."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.cell_list = nn.ModuleList([MobileGRUCell(channels, norm)])

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """Return the next state from features ``[N, C, H, W]`` and the previous state (zeros by default)."""
        return self.cell_list[0](x, torch.zeros_like(x) if state is None else state)
