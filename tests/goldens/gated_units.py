"""Published gated units that no published network uses: bimodal and dense forms, built for their golden vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gazenet.fusion.gmu import GMUConv2d, State, initial_weights


class GBUConv2d(GMUConv2d):
    """The bimodal unit: one gate ``z`` for the first modality, ``1 - z`` for the second."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        padding: int = 1,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, 2, kernel_size, padding, stride, dilation)
        self.W_z = initial_weights(out_channels, 2 * in_channels, kernel_size, kernel_size)
        self.gate_bias = initial_weights(out_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        hidden = self._by_modality(torch.tanh(self._hidden(x)))
        gate = torch.sigmoid(self._gate(x))
        gates = torch.stack((gate, 1 - gate), 1)
        return (hidden * gates).sum(1), (hidden, gates)


class GMU(nn.Module):
    """Dense GMU: ``x`` ``[N, M, in]`` to ``[N, out]``, state each ``[N, M, out]``."""

    def __init__(self, in_features: int, out_features: int, modalities: int) -> None:
        super().__init__()
        self.modalities, self.out_features = modalities, out_features
        gates = self._gates()
        self.W_h = initial_weights(1, modalities, in_features, out_features)
        self.W_z = initial_weights(modalities * in_features, gates * out_features)
        self.hidden_bias = initial_weights(1, modalities, out_features)
        self.gate_bias = initial_weights(1, gates, out_features)

    def _gates(self) -> int:
        return self.modalities

    def _hidden(self, x: Tensor) -> Tensor:
        return torch.einsum("nmi,mio->nmo", x, self.W_h[0]) + self.hidden_bias

    def _gate(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.W_z).unflatten(1, (-1, self.out_features)) + self.gate_bias

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        hidden, gates = torch.tanh(self._hidden(x)), torch.sigmoid(self._gate(x))
        return (hidden * gates).sum(1), (hidden, gates)


class GBU(GMU):
    """Dense bimodal unit with one gate, gates ``(z, 1 - z)``."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, 2)

    def _gates(self) -> int:
        return 1

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        hidden, gate = torch.tanh(self._hidden(x)), torch.sigmoid(self._gate(x))
        gates = torch.cat((gate, 1 - gate), 1)
        return (hidden * gates).sum(1), (hidden, gates)


class RGMU(GMU):
    """Dense recurrent GMU: ``x`` ``[N, T, M, in]``; elementwise lateral weights, from zero; last frame's output."""

    def __init__(self, in_features: int, out_features: int, modalities: int) -> None:
        super().__init__(in_features, out_features, modalities)
        self.W_h_l = initial_weights(modalities, out_features)
        self.W_z_l = initial_weights(modalities, out_features)
        self.recurrent_hidden_bias = initial_weights(1, modalities, out_features)
        self.recurrent_gate_bias = initial_weights(1, modalities, out_features)

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        hidden = gates = torch.zeros_like(self._hidden(x[:, 0]))
        for frame in x.unbind(1):
            hidden = torch.tanh(self._hidden(frame) + hidden * self.W_h_l + self.recurrent_hidden_bias)
            gates = torch.sigmoid(self._gate(frame) + gates * self.W_z_l + self.recurrent_gate_bias)
        return (hidden * gates).sum(1), (hidden, gates)
