"""The head that turns logits into a density over the frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BIAS_GRID = (6, 8)


class DensityHead(nn.Module):
    """Adds the cue maps themselves (a weighted sum) and a learned centre bias, ends in a smoothed log density.

    The sum lets a small network begin as a weighted mean of its cues; the softmax lets people compete for attention.
    """

    blur: Tensor

    def __init__(self, modalities: int, in_channels: int) -> None:
        super().__init__()
        self.cue_weights = nn.Parameter(torch.full((modalities * in_channels,), 1.5 / in_channels))
        self.centre_bias = nn.Parameter(torch.zeros(1, 1, *BIAS_GRID))
        taps = torch.arange(-3, 4, dtype=torch.float32)
        kernel = torch.exp(-(taps**2) / 2)
        self.register_buffer("blur", kernel / kernel.sum(), persistent=False)

    def forward(self, logits: Tensor, maps: Tensor) -> Tensor:
        """``logits`` ``[N, 1, H', W']``, ``maps`` ``[N, M * C, H, W]``. Returns log density ``[N, 1, H, W]``."""
        grid = logits.shape[-2:]
        cues = F.adaptive_avg_pool2d(maps, (grid[0], grid[1]))
        logits = logits + (cues * self.cue_weights[:, None, None]).sum(1, keepdim=True)
        logits = logits + F.interpolate(self.centre_bias, grid, mode="bicubic", align_corners=False)
        density = F.softmax(logits.flatten(1), 1).view_as(logits)
        density = F.pad(density, (3, 3, 3, 3), mode="replicate")
        density = F.conv2d(F.conv2d(density, self.blur.view(1, 1, 7, 1)), self.blur.view(1, 1, 1, 7))
        density = F.interpolate(density, maps.shape[-2:], mode="bilinear", align_corners=False)
        return torch.log(density / density.sum((2, 3), keepdim=True) + 1e-9)
