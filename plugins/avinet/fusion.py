"""The fusions of AViNet: sound joins the deepest level of the video features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 1024
STEPS = 4
"""Time steps of the deepest level of a clip of 32 frames."""

AUDIO_STEPS = 3
HEADS, LAYERS = 4, 3
BASE = 10_000.0


class Bilinear(nn.Bilinear):
    """A bilinear layer ``[N, C, I]``, ``[N, C, J]`` to ``[N, C, O]`` as a contraction, which runtimes support."""

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Return ``[N, C, O]``."""
        return torch.einsum("nci,oij,ncj->nco", input1, self.weight, input2) + self.bias


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the position to tokens ``[length, N, features]``."""

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        place = torch.arange(length)[:, None]
        angle = place * torch.exp(torch.arange(0, features, 2) * (-math.log(BASE) / features))
        waves = torch.stack((angle.sin(), angle.cos()), -1).flatten(1)[:, :features]
        self.register_buffer("pe", waves[:, None])

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        return tokens + self.get_buffer("pe")


class Transformer(nn.Module):
    """A transformer encoder of tokens ``[length, N, features]``."""

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        self.pos_encoder = PositionalEncoding(length, features)
        layer = nn.TransformerEncoderLayer(features, HEADS, features, dropout=0.1)
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        return self.transformer_encoder(self.pos_encoder(tokens))


def bilinear_of(grid: tuple[int, int]) -> Bilinear:
    """Build the layer between positions of a grid (height, width) and steps of the sound."""
    height, width = grid
    return Bilinear(height * -(-width // 2), AUDIO_STEPS, STEPS * height * width)


def multiplied(layer: Bilinear, visual: Tensor, audio: Tensor) -> Tensor:
    """Fuse the positions of every channel with the steps of sound of the same channel.

    Args:
        layer: of the grid of ``visual``.
        visual: ``[N, 1024, 4, h, w]``.
        audio: ``[N, 1024, 3, 1]``.

    Returns:
        As ``visual``.
    """
    places = F.max_pool3d(visual, (STEPS, 1, 1), (2, 1, 2))
    return layer(places.flatten(2), audio.flatten(2)).view_as(visual)


def attended(transformer: Transformer, visual: Tensor, audio: Tensor) -> Tensor:
    """Fuse positions and steps of sound as tokens of one sequence.

    Args:
        transformer: of ``4 h w + 3`` tokens with C features.
        visual: ``[N, C, 4, h, w]``.
        audio: ``[N, C, 3, 1]``.

    Returns:
        ``[N, 2 C, 4, h, w]``: the outputs of the positions, and at every position the mean output of the sound.
    """
    tokens = torch.cat((visual.flatten(2), audio.flatten(2)), 2).permute(2, 0, 1)
    outputs = transformer(tokens).permute(1, 2, 0)
    visual_out = outputs[..., :-AUDIO_STEPS].reshape(visual.shape)
    audio_out = outputs[..., -AUDIO_STEPS:].mean(2)[:, :, None, None, None].expand_as(visual_out)
    return torch.cat((visual_out, audio_out), 1)
