"""Attentive convolutional LSTM: a spatial softmax decides where each step looks.

Published behaviour, kept for its checkpoints: the softmax runs over the width only, and hidden and cell state begin
as the first input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentiveCell(nn.Module):
    """The recurrence on ``[N, F, H, W]``; all gates are 3x3 convolutions of F to F channels.

    Args:
        features: F.
    """

    W_a: nn.Conv2d
    U_a: nn.Conv2d
    W_i: nn.Conv2d
    U_i: nn.Conv2d
    W_f: nn.Conv2d
    U_f: nn.Conv2d
    W_c: nn.Conv2d
    U_c: nn.Conv2d
    W_o: nn.Conv2d
    U_o: nn.Conv2d

    def __init__(self, features: int) -> None:
        super().__init__()
        for gate in "aifco":
            for role in "WU":
                setattr(self, f"{role}_{gate}", nn.Conv2d(features, features, 3, padding=1))
        self.V_a = nn.Conv2d(features, 1, 3, padding=1, bias=False)

    def step(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step; returns hidden, cell and the attention ``[N, 1, H, W]`` whose rows sum to 1."""
        attention = torch.softmax(self.V_a(torch.tanh(self.W_a(hidden) + self.U_a(x))), dim=-1)
        seen = attention * x
        keep = torch.sigmoid(self.W_f(seen) + self.U_f(hidden))
        add = torch.sigmoid(self.W_i(seen) + self.U_i(hidden)) * torch.tanh(self.W_c(seen) + self.U_c(hidden))
        cell = add + keep * cell
        hidden = torch.sigmoid(self.W_o(seen) + self.U_o(hidden)) * torch.tanh(cell)
        return hidden, cell, attention


class AttentiveLSTM(AttentiveCell):
    """Refinement of one frame: the same features are presented ``steps`` times. ``[N, F, H, W]`` to the same."""

    def __init__(self, features: int, steps: int = 4) -> None:
        super().__init__(features)
        self.steps = steps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the last hidden state and the attention of every step ``[N, steps, 1, H, W]``."""
        hidden, cell, attention = x, x, []
        for _ in range(self.steps):
            hidden, cell, looked = self.step(x, hidden, cell)
            attention.append(looked)
        return hidden, torch.stack(attention, 1)


class SequenceAttentiveLSTM(AttentiveCell):
    """Recurrence over time: ``[N, T, F, H, W]`` to the hidden state ``[N, F, H, W]`` after the last frame.

    Args:
        sequence_norm: normalise first, one batch-norm channel per time step (then T must be ``sequence_len``).
    """

    def __init__(self, features: int, sequence_len: int, sequence_norm: bool = False) -> None:
        super().__init__(features)
        if sequence_norm:
            self.sequence_norm = nn.BatchNorm3d(sequence_len)
        self._normalises = sequence_norm

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the hidden state and the attention of every step ``[N, T, 1, H, W]``."""
        if self._normalises:
            x = self.sequence_norm(x)
        hidden, cell, attention = x[:, 0], x[:, 0], []
        for frame in x.unbind(1):
            hidden, cell, looked = self.step(frame, hidden, cell)
            attention.append(looked)
        return hidden, torch.stack(attention, 1)
