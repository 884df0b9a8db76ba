"""The network from features of a face to the probability that it speaks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gazenet_plugins.active_speaker.features import COUNT


class SpeakerNet(nn.Module):
    """Standardisation, one hidden layer and one logit; small, because labels come from few videos.

    Args:
        hidden: width of the hidden layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(COUNT))
        self.register_buffer("std", torch.ones(COUNT))
        self.layers = nn.Sequential(nn.Linear(COUNT, hidden), nn.Tanh(), nn.Dropout(0.3), nn.Linear(hidden, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``[N]`` of features ``[N, COUNT]``."""
        return self.layers((features - self.mean) / self.std)[:, 0]
