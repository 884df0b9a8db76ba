"""ST-ABN (Mitsuhara et al., 2021): an action network with attention in space and time.

A residual network that keeps the time axis; after its third stage an attention branch computes a map and a weight per
frame, which gate the input of the fourth stage. All keys are the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gazenet.backbones.resnet3d import COUNTS, Block, Residual, Triple, basic, expansion, stage

ATTENTION_CLASSES = 174
"""Outputs of the classifier of the attention branch, fixed as published."""

IN_SPACE: Triple = (1, 2, 2)
POINT: Triple = (1, 1, 1)


def factorised(temporal: int) -> Block:
    """Build a bottleneck that convolves over ``temporal`` frames while narrowing, and in space afterwards."""

    def block(inputs: int, planes: int, stride: Triple) -> Residual:
        kernels = ((temporal, 1, 1), (1, 3, 3), (1, 1, 1))
        return Residual(inputs, (planes, planes, 4 * planes), kernels, stride, 1)

    return block


@dataclass(frozen=True)
class AttentionMaps:
    """The attention: ``spatial`` ``[B, 1, T, h, w]`` and ``temporal`` ``[B, 1, T, 1, 1]``, both in 0..1."""

    spatial: Tensor
    temporal: Tensor


def _stage(wide: int, inputs: int, planes: int, count: int, stride: Triple, temporal: int) -> nn.Sequential:
    """Build a stage that keeps all frames; basic blocks extend over three frames whatever ``temporal`` is."""
    return stage(factorised(temporal) if wide > 1 else basic, inputs, planes, count, stride)


class STABN(nn.Module):
    """The network from a clip to class scores of two branches and the attention between them.

    Args:
        depth: 18, 34, 50, 101 or 152.
        frames: T of the clips, which fixes three layers. Height and width are free.
        classes: of the perception branch and of the score maps of the attention branch.
        dropout: before both classifiers, in training.

    Raises ValueError for an unknown depth.
    """

    def __init__(self, depth: int = 50, frames: int = 32, classes: int = 174, dropout: float = 0.5) -> None:
        super().__init__()
        if depth not in COUNTS:
            raise ValueError(f"no network of depth {depth} (known: {', '.join(map(str, COUNTS))})")
        self.frames = frames
        counts, e = COUNTS[depth], expansion(depth)
        self.conv1 = nn.Conv3d(3, 64, (1, 7, 7), IN_SPACE, (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d((1, 3, 3), IN_SPACE, (0, 1, 1))
        self.layer1 = _stage(e, 64, 64, counts[0], POINT, 1)
        self.layer2 = _stage(e, 64 * e, 128, counts[1], IN_SPACE, 1)
        self.layer3 = _stage(e, 128 * e, 256, counts[2], IN_SPACE, 3)
        self.layer_att_common = _stage(e, 256 * e, 512, counts[3], POINT, 3)
        self.layer4 = _stage(e, 256 * e, 512, counts[3], IN_SPACE, 3)
        self._add_attention(512 * e, classes, frames)
        self.conv_att_mechanism = nn.Sequential(nn.Conv3d(512 * e, 256 * e, 1, bias=False), nn.BatchNorm3d(256 * e))
        self.dropout = nn.Dropout(dropout)
        self.fc_att_out = nn.Linear(classes * frames, ATTENTION_CLASSES)
        self.fc = nn.Linear(512 * e, classes)

    def _add_attention(self, channels: int, classes: int, frames: int) -> None:
        self.conv_att_common = nn.Sequential(
            nn.BatchNorm3d(channels),
            nn.Conv3d(channels, classes, 1, bias=False),
            nn.BatchNorm3d(classes),
            nn.ReLU(inplace=True),
        )
        self.conv_att_out = nn.Sequential(
            nn.Conv3d(classes, classes, 1, bias=False), nn.AdaptiveAvgPool3d((frames, 1, 1))
        )
        self.conv_spatial_att = nn.Sequential(nn.Conv3d(classes, 1, 1, bias=False), nn.BatchNorm3d(1), nn.Sigmoid())
        self.conv_temp_att1 = nn.Sequential(
            nn.Conv3d(classes, 1, 3, padding=1, bias=False), nn.BatchNorm3d(1), nn.ReLU(inplace=True)
        )
        self.conv_temp_att2 = nn.Sequential(
            nn.Conv2d(frames, frames, 1, bias=False), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        )
        self.conv_temp_att3 = nn.Sequential(
            nn.Linear(frames, frames), nn.ReLU(inplace=True), nn.Linear(frames, frames), nn.Sigmoid()
        )

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The published outputs of ``clip`` ``[B, 3, T, H, W]``, BGR, normalised.

        Returns scores of the perception branch ``[B, classes]`` and of the attention branch ``[B, 174]``, spatial
        attention ``[B, 1, T, H/16, W/16]`` and temporal attention ``[B, 1, T, 1, 1]``. Raises ValueError for clips
        of another length.
        """
        x = self.features(clip)
        common = self.conv_att_common(self.layer_att_common(x))
        attention = self._attention(common)
        out_att = self.fc_att_out(self.dropout(self.conv_att_out(common).flatten(1)))
        gated = self.conv_att_mechanism(torch.cat((x * (1 + attention.spatial), x * attention.temporal), 1))
        out_per = self.fc(self.dropout(self.layer4(gated).mean((2, 3, 4))))
        return out_per, out_att, attention.spatial, attention.temporal

    def attention(self, clip: Tensor) -> AttentionMaps:
        """Return the attention of ``forward``, without the classifiers."""
        return self._attention(self.conv_att_common(self.layer_att_common(self.features(clip))))

    def features(self, clip: Tensor) -> Tensor:
        """Return the output of the third stage, ``[B, 256 or 1024, T, H/16, W/16]``."""
        if clip.dim() != 5 or clip.shape[2] != self.frames:
            raise ValueError(f"a clip of shape {list(clip.shape)}, expected [B, 3, {self.frames}, H, W]")
        x = self.maxpool(self.relu(self.bn1(self.conv1(clip))))
        return self.layer3(self.layer2(self.layer1(x)))

    def _attention(self, common: Tensor) -> AttentionMaps:
        spatial = self.conv_spatial_att(common)
        pooled = self.conv_temp_att2(self.conv_temp_att1(common).squeeze(1))
        temporal = self.conv_temp_att3(pooled.flatten(1))
        return AttentionMaps(spatial, temporal[:, None, :, None, None])
