"""Spatio-temporal self-attention (paper section III-B): between pairs of frames, then between pairs of pairs.

Layers have the published flat names (``branch0_1_a_q``); functions look them up by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gazenet.backbones.conv3d_as_2d import concatenated, max_pool

Layers = Mapping[str, nn.Module]
Unpool = Callable[[Tensor, Tensor], Tensor]
"""A function of the input of the pooling and the values to put back, as :func:`gazenet.backbones.unpool.unpool`."""

POOL = (1, 2, 2)

FRAMES = 4
"""Frames at every level after the temporal reduction."""


@dataclass(frozen=True)
class AttentionLevel:
    """One of the four scales.

    ``channels`` of the encoder's tensor and ``narrow`` ones after the middle convolution; widths of the ``embeddings``
    of queries and keys before and after it; ``reduce``: frames that the temporal reduction makes one of.
    """

    channels: int
    narrow: int
    embeddings: tuple[int, int]
    reduce: int


LEVELS = (
    AttentionLevel(192, 192, (96, 96), 4),
    AttentionLevel(480, 240, (224, 128), 4),
    AttentionLevel(832, 416, (416, 208), 2),
    AttentionLevel(1024, 512, (512, 256), 1),
)


def attention_layers(index: int, height: int, width: int) -> dict[str, nn.Module]:
    """Build the layers of level ``index`` by published name, for feature maps of ``height`` x ``width``."""
    level = LEVELS[index]
    layers: dict[str, nn.Module] = {}
    if level.reduce > 1:
        step = (level.reduce, 1, 1)
        layers[f"branch{index}_pre"] = _rectified(nn.Conv3d(level.channels, level.channels, step, step))
    layers[f"branch{index}_mid"] = _rectified(
        nn.Conv3d(level.channels, level.narrow, (1, 3, 3), padding=(0, 1, 1)),
    )
    for unit in range(3):
        channels = level.narrow if unit == 2 else level.channels
        for side in "ab":
            for kind in "qkv":
                embedding = _embedding(kind, channels, level.embeddings[unit == 2])
                layers[f"branch{index}_{unit}_{side}_{kind}"] = embedding
    layers[f"ln_{index}_0"] = nn.LayerNorm((level.channels, FRAMES, height, width))
    layers[f"ln_{index}_1"] = nn.LayerNorm((level.narrow, FRAMES, height, width))
    return layers


def _rectified(convolution: nn.Conv3d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.ReLU())


def _embedding(kind: str, channels: int, width: int) -> nn.Sequential:
    """Build an embedding: queries and keys are narrowed and mixed over 3 x 3 pixels, values keep their channels."""
    if kind == "v":
        first = nn.Conv3d(channels, channels, (1, 3, 1), padding=(0, 1, 0))
        second = nn.Conv3d(channels, channels, (1, 1, 3), padding=(0, 0, 1))
    else:
        first = nn.Conv3d(channels, width, 1)
        second = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1))
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def pool(x: Tensor) -> Tensor:
    """Pool the maxima of windows of 2 x 2 pixels: ``[B, C, T, H, W]`` to ``[B, C, T, H/2, W/2]``, H and W even."""
    return max_pool(x, POOL, POOL)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Apply softmax attention without scaling over all positions; the result has those of the query.

    Args:
        query, key: ``[B, E, T, H, W]``, not negative.
        value: ``[B, C, T, H, W]``.

    Returns:
        ``[B, C, T, H, W]``.
    """
    # Unscaled products of hundreds of channels leave the range of half precision.
    logits = query.float().flatten(2).transpose(1, 2) @ key.float().flatten(2)
    weights = torch.softmax(logits, 2).to(value.dtype)
    # Positions first: the channels of each of them lie side by side, as the layers that follow like it.
    return (weights @ value.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, query.shape[2:])


def exchange(layers: Layers, unit: str, a: Tensor, b: Tensor) -> list[Tensor]:
    """Attend between two blocks ``[B, C, T, H, W]``: queries of one, keys and values of the other, and vice versa."""
    embedded = {f"{s}{k}": layers[f"{unit}_{s}_{k}"](x) for s, x in (("a", a), ("b", b)) for k in "qkv"}
    return [
        attend(embedded["bq"], embedded["ak"], embedded["av"]),
        attend(embedded["aq"], embedded["bk"], embedded["bv"]),
    ]


def attention_level(layers: Layers, index: int, x: Tensor, unpool: Unpool) -> Tensor:
    """Reduce a level of the encoder ``[B, channels, reduce * 4, H, W]`` to ``[B, narrow, 4, H, W]``.

    At level 0 attention works on pooled maps, and ``unpool`` puts its results back.
    """
    pooled = index == 0
    if LEVELS[index].reduce > 1:
        x = layers[f"branch{index}_pre"](x)
    f0, f1, f2, f3 = (pool(x) if pooled else x).split(1, 2)
    unit = f"branch{index}"
    attended = concatenated(exchange(layers, f"{unit}_0", f0, f1) + exchange(layers, f"{unit}_1", f2, f3), 2)
    x = x + layers[f"ln_{index}_0"](unpool(x, attended) if pooled else attended)
    x = layers[f"{unit}_mid"](x)
    early, late = (pool(x) if pooled else x).split(2, 2)
    attended = concatenated(exchange(layers, f"{unit}_2", early, late), 2)
    return x + layers[f"ln_{index}_1"](unpool(x, attended) if pooled else attended)
