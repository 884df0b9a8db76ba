"""Readout of image saliency: features of a frozen image network in, a fixation density out.

The backbone is an ImageNet-pretrained ResNet-50-thin (published as open_nsfw, later tuned by its authors on an image
filter task; only its features are used). The readout is our own: each level is projected, all levels are mixed on the
stride-8 grid, a learned centre bias is added, and a softmax over the grid gives a density.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = (256, 512, 1024)
"""Channels of the backbone's taps."""

STRIDES = (8, 16, 32)
"""Pixels of a frame per cell of each tap, along each side."""


class SaliencyReadout(nn.Module):
    """The network from three feature levels to log density on the grid of the finest level.

    Args:
        widths: channels each level is projected to.
        hidden: channels of the two mixing convolutions.
        bias_grid: rows and columns of the learned centre bias, resized to any aspect ratio.
    """

    blur: Tensor

    def __init__(
        self,
        widths: Sequence[int] = (32, 48, 64),
        hidden: tuple[int, int] = (64, 32),
        bias_grid: tuple[int, int] = (12, 16),
    ) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(LEVELS, widths, strict=True))
        self.mix = nn.Sequential(
            nn.Dropout2d(0.2),
            nn.Conv2d(sum(widths), hidden[0], 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden[0], hidden[1], 3, padding=2, dilation=2),
            nn.ReLU(),
            nn.Conv2d(hidden[1], 1, 1),
        )
        self.centre_bias = nn.Parameter(torch.zeros(1, 1, *bias_grid))
        taps = torch.arange(-3, 4, dtype=torch.float32)
        kernel = torch.exp(-(taps**2) / 2)
        self.register_buffer("blur", kernel / kernel.sum(), persistent=False)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the log density ``[B, h_0, w_0]``, whose exponential sums to 1, of levels ``[B, C_i, h_i, w_i]``."""
        grid = levels[0].shape[-2:]
        mixed = [
            F.interpolate(F.relu(project(level)), grid, mode="bilinear", align_corners=False)
            for project, level in zip(self.project, levels, strict=True)
        ]
        logits = self.mix(torch.cat(mixed, 1))
        logits = logits + F.interpolate(self.centre_bias, grid, mode="bicubic", align_corners=False)
        return F.log_softmax(self._smooth(logits).flatten(1), 1).view(-1, *grid)

    def _smooth(self, logits: Tensor) -> Tensor:
        column, row = self.blur.view(1, 1, 7, 1), self.blur.view(1, 1, 1, 7)
        padded = F.pad(logits, (3, 3, 3, 3), mode="replicate")
        return F.conv2d(F.conv2d(padded, column), row)
