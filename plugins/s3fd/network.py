"""S3FD: a VGG-16 with heads at six scales.

Source: Zhang et al., "S3FD: Single Shot Scale-invariant Face Detector", ICCV 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN_BGR = (104.0, 117.0, 123.0)

BACKBONE: tuple[tuple[str, int, int, int, int, int], ...] = (
    ("conv1_1", 3, 64, 3, 1, 1),
    ("conv1_2", 64, 64, 3, 1, 1),
    ("conv2_1", 64, 128, 3, 1, 1),
    ("conv2_2", 128, 128, 3, 1, 1),
    ("conv3_1", 128, 256, 3, 1, 1),
    ("conv3_2", 256, 256, 3, 1, 1),
    ("conv3_3", 256, 256, 3, 1, 1),
    ("conv4_1", 256, 512, 3, 1, 1),
    ("conv4_2", 512, 512, 3, 1, 1),
    ("conv4_3", 512, 512, 3, 1, 1),
    ("conv5_1", 512, 512, 3, 1, 1),
    ("conv5_2", 512, 512, 3, 1, 1),
    ("conv5_3", 512, 512, 3, 1, 1),
    ("fc6", 512, 1024, 3, 1, 3),
    ("fc7", 1024, 1024, 1, 1, 0),
    ("conv6_1", 1024, 256, 1, 1, 0),
    ("conv6_2", 256, 512, 3, 2, 1),
    ("conv7_1", 512, 128, 1, 1, 0),
    ("conv7_2", 128, 256, 3, 2, 1),
)
"""Name, channels in and out, kernel, stride, padding. The padding of fc6 makes its map two cells larger."""

POOLED = frozenset({"conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"})
"""Layers followed by a pool that halves the map, after the tap."""

TAPS: dict[str, tuple[str, int, int]] = {
    "conv3_3": ("conv3_3_norm", 256, 4),
    "conv4_3": ("conv4_3_norm", 512, 2),
    "conv5_3": ("conv5_3_norm", 512, 2),
    "fc7": ("fc7", 1024, 2),
    "conv6_2": ("conv6_2", 512, 2),
    "conv7_2": ("conv7_2", 256, 2),
}
"""By tapped layer: the name of its heads, its channels and the outputs of its class head."""

NORMS = {"conv3_3": 10.0, "conv4_3": 8.0, "conv5_3": 5.0}
STRIDES = (4, 8, 16, 32, 64, 128)


class ChannelNorm(nn.Module):
    """A normalisation of the channels of every cell to length 1, scaled by learned factors."""

    def __init__(self, channels: int, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[N, C, h, w]``."""
        return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) * self.weight.view(1, -1, 1, 1)


class S3fd(nn.Module):
    """The network from pictures ``[N, 3, H, W]``, BGR 0..255 minus :data:`MEAN_BGR`, to logits and box offsets.

    Returns six pairs: ``[N, 2, h, w]`` (background, face) and ``[N, 4, h, w]`` (centre, size).
    """

    def __init__(self) -> None:
        super().__init__()
        for name, inputs, outputs, kernel, stride, padding in BACKBONE:
            self.add_module(name, nn.Conv2d(inputs, outputs, kernel, stride, padding))
        for name, (head, channels, classes) in TAPS.items():
            if name in NORMS:
                self.add_module(head, ChannelNorm(channels, NORMS[name]))
            self.add_module(f"{head}_mbox_conf", nn.Conv2d(channels, classes, 3, padding=1))
            self.add_module(f"{head}_mbox_loc", nn.Conv2d(channels, 4, 3, padding=1))

    def forward(self, pictures: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the pairs of class logits and box offsets."""
        x, outputs = pictures, []
        for name, *_ in BACKBONE:
            x = F.relu(self.get_submodule(name)(x))
            if name in TAPS:
                outputs.append(self._heads(name, x))
            if name in POOLED:
                x = F.max_pool2d(x, 2)
        return outputs

    def _heads(self, name: str, x: Tensor) -> tuple[Tensor, Tensor]:
        head = TAPS[name][0]
        tapped = self.get_submodule(head)(x) if name in NORMS else x
        classes = self.get_submodule(f"{head}_mbox_conf")(tapped)
        background = classes[:, :-1].amax(1, keepdim=True)
        return torch.cat([background, classes[:, -1:]], 1), self.get_submodule(f"{head}_mbox_loc")(tapped)
