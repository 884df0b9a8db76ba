"""Gated multimodal units: every modality's features, times a gate that sees all modalities, summed.

``h_m = tanh(W_h x_m + b_h)``, ``z = sigma(W_z x + b_z)``, ``y = sum_m h_m * z_m``. Gates do not sum to 1. The state
that is returned beside the output is (hidden, gates).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = tuple[Tensor, Tensor]


def initial_weights(*shape: int) -> nn.Parameter:
    """Return a parameter with uniform values in -0.01..0.01, as the release initialises its gated units."""
    return nn.Parameter(torch.empty(*shape).uniform_(-0.01, 0.01))


class GMUConv2d(nn.Module):
    """Convolutional GMU over M modalities given as groups of channels.

    ``x`` ``[N, M * in, H, W]`` to ``[N, out, H, W]``, state each ``[N, M, out, H, W]``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modalities: int,
        kernel_size: int = 3,
        padding: int = 1,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.modalities, self.out_channels = modalities, out_channels
        self.geometry = {"stride": stride, "padding": padding, "dilation": dilation}
        wide = modalities * out_channels
        self.W_h = initial_weights(wide, in_channels, kernel_size, kernel_size)
        self.W_z = initial_weights(wide, modalities * in_channels, kernel_size, kernel_size)
        self.hidden_bias = initial_weights(wide)
        self.gate_bias = initial_weights(wide)

    def _hidden(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.W_h, self.hidden_bias, groups=self.modalities, **self.geometry)

    def _gate(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.W_z, self.gate_bias, **self.geometry)

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        """Return the sum of the gated modalities and the state."""
        hidden, gates = torch.tanh(self._hidden(x)), torch.sigmoid(self._gate(x))
        hidden, gates = self._by_modality(hidden), self._by_modality(gates)
        return (hidden * gates).sum(1), (hidden, gates)

    def _by_modality(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.modalities, self.out_channels))


class RGMUConv2d(GMUConv2d):
    """Recurrent GMU: depth-wise lateral convolutions carry hidden and gates from frame to frame, from zero.

    ``x`` ``[N, T, M * in, H, W]``. Returns the last frame's output ``[N, out, H, W]`` with the flat state
    ``[N, M * out, H, W]``, or with ``return_sequences`` both for every frame, stacked on axis 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modalities: int,
        kernel_size: int = 3,
        padding: int = 1,
        return_sequences: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, modalities, kernel_size, padding)
        wide = modalities * out_channels
        self.return_sequences, self._lateral_pad = return_sequences, (kernel_size - 1) // 2
        self.W_h_l = initial_weights(wide, 1, kernel_size, kernel_size)
        self.W_z_l = initial_weights(wide, 1, kernel_size, kernel_size)
        self.recurrent_hidden_bias = initial_weights(wide)
        self.recurrent_gate_bias = initial_weights(wide)

    def _lateral(self, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(state, weight, bias, padding=self._lateral_pad, groups=len(weight))

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        """Return output and state of the last frame, or of every frame with ``return_sequences``."""
        hidden = gates = torch.zeros_like(self._hidden(x[:, 0]))
        outputs, states = [], []
        for frame in x.unbind(1):
            across_h = self._lateral(hidden, self.W_h_l, self.recurrent_hidden_bias)
            across_z = self._lateral(gates, self.W_z_l, self.recurrent_gate_bias)
            hidden = torch.tanh(self._hidden(frame) + across_h)
            gates = torch.sigmoid(self._gate(frame) + across_z)
            outputs.append(self._by_modality(hidden * gates).sum(1))
            states.append((hidden, gates))
        if not self.return_sequences:
            return outputs[-1], states[-1]
        return torch.stack(outputs, 1), (
            torch.stack([s[0] for s in states], 1),
            torch.stack([s[1] for s in states], 1),
        )
