"""Attentional fusion of the four scales (paper section III-C) and the readout, with layers by published name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gazenet.backbones.conv3d_as_2d import concatenated
from gazenet_plugins.stsanet.attention import FRAMES, LEVELS, Layers

INCEPTIONS = ((416, 240), (240, 192), (192, 192))
"""Channels into and out of the block after each fusion."""


class SpatialMean(nn.Module):
    """A mean over space, ``[B, C, T, H, W]`` to ``[B, C, T, 1, 1]``; an adaptive pooling cannot be exported."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[B, C, T, 1, 1]``."""
        return x.mean((3, 4), keepdim=True)


def upsampling() -> nn.Upsample:
    """Build a bilinear upsampling of rows and columns by two."""
    return nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear", align_corners=False)


def fusion_layers() -> dict[str, nn.Module]:
    """Build all layers from the coarsest level to the map."""
    layers: dict[str, nn.Module] = {
        "branch3_beh_0": nn.Sequential(
            nn.Conv3d(LEVELS[3].narrow, LEVELS[2].narrow, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU()
        ),
        "readout_1": nn.Sequential(nn.Conv3d(192, 64, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU()),
        "readout_2": nn.Sequential(
            nn.Conv3d(64, 32, (2, 3, 3), (2, 1, 1), padding=(0, 1, 1)),
            nn.ReLU(),
            nn.Conv3d(32, 32, (2, 1, 1), (2, 1, 1), bias=False),
            nn.ReLU(),
            nn.Conv3d(32, 1, (1, 3, 3), padding=(0, 1, 1)),
            nn.Sigmoid(),
        ),
    }
    for step, (inputs, outputs) in enumerate(INCEPTIONS):
        layers |= _weighing(step, inputs) | _inception(step, inputs, outputs)
    return layers


def _weighing(step: int, channels: int) -> dict[str, nn.Module]:
    """Build ``SA``, one map per frame, and ``CA``, a weight per frame and channel of both sources."""
    both, half = 2 * channels, channels // 2
    return {
        f"SA_{step}": nn.Sequential(nn.Conv3d(both, 1, 1), nn.Sigmoid()),
        f"CA_{step}": nn.Sequential(
            SpatialMean(),
            nn.Conv3d(both, half, 1),
            nn.LayerNorm((half, FRAMES, 1, 1)),
            nn.ReLU(),
            nn.Conv3d(half, both, 1),
            nn.Sigmoid(),
        ),
    }


def _inception(step: int, inputs: int, outputs: int) -> dict[str, nn.Module]:
    """Build four branches whose results are added: a point, 3 x 3 and 5 x 5 pixels after three frames, a pooling."""

    def wide(side: int) -> nn.Sequential:
        in_time = nn.Conv3d(inputs, outputs, (3, 1, 1), padding=(1, 0, 0))
        in_space = nn.Conv3d(outputs, outputs, (1, side, side), padding=(0, side // 2, side // 2))
        return nn.Sequential(in_time, nn.ReLU(), in_space)

    return {
        f"inc_{step}_0": nn.Sequential(nn.Conv3d(inputs, outputs, 1)),
        f"inc_{step}_1": wide(3),
        f"inc_{step}_2": wide(5),
        f"inc_{step}_3": nn.Sequential(nn.MaxPool3d(3, 1, 1), nn.Conv3d(inputs, outputs, 1)),
    }


def fuse(layers: Layers, step: int, coarse: Tensor, fine: Tensor) -> Tensor:
    """Fuse two tensors ``[B, C, 4, H, W]`` to one, weighted per frame and channel.

    The maps of ``SA`` affect the weights only, not the result.
    """
    both = concatenated((coarse, fine))
    weights = layers[f"CA_{step}"](both * layers[f"SA_{step}"](both))
    of_coarse, of_fine = weights.chunk(2, 1)
    return coarse * of_coarse + fine * of_fine


def inception(layers: Layers, step: int, x: Tensor) -> Tensor:
    """Apply an inception block, ``[B, C, 4, H, W]`` to ``[B, C', 4, H, W]``, not negative."""
    a, b, c, d = (layers[f"inc_{step}_{branch}"](x) for branch in range(4))
    return torch.relu(a + b + c + d)
