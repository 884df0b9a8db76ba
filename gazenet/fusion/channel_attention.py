"""Channel attention on the raw cue maps: squeeze-and-excitation, and directed attention (DAM)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _weights(x: Tensor, squeeze: nn.Linear, excite: nn.Linear) -> Tensor:
    """``a(x) = sigma(fc2 relu(fc1 mean_HW(x)))``, ``[N, C, 1, 1]``."""
    return torch.sigmoid(excite(F.relu(squeeze(x.mean((2, 3))))))[:, :, None, None]


class SELayer(nn.Module):
    """Squeeze-and-excitation without biases: ``y = x * a(x)``, ``[N, C, H, W]`` to the same."""

    def __init__(self, channel: int, reduction: int = 2) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channel // reduction, channel, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` ``[N, C, H, W]``, each channel weighted."""
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class DAMLayer(nn.Module):
    """Directed attention module (GASP, section 3.2 of the paper): two passes over the same input.

    The first pass predicts saliency from *inverted* channels, so that a modality need not be salient to count; the
    second re-weights the input by the same channel weights.

    Args:
        channel: C, all channels of all modalities.
        reduction: squeeze ratio, rounded down.
    """

    def __init__(self, channel: int, reduction: int = 2) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channel, channel // reduction, bias=False)
        self.fc2 = nn.Linear(channel // reduction, channel, bias=False)
        self.conv = nn.Sequential(nn.Conv2d(channel, 256, 1), nn.MaxPool2d(2), nn.Conv2d(256, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits ``[N, 1, H/2, W/2]`` and the re-weighted input, of ``x`` ``[N, C, H, W]``."""
        inverted = -F.log_softmax(x, dim=1)
        logits = self.conv(inverted * _weights(inverted, self.fc1, self.fc2))
        return logits, x * _weights(x, self.fc1, self.fc2)
