"""Visual and audio trunks, cut into their children by position, as in the published checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from gazenet.backbones.resnet2d import resnet
from gazenet_plugins.stanet.blocks import NetVLAD

AUDIO_FEATURES = 16 * 512
"""Numbers that describe one spectrogram: clusters times channels of NetVLAD."""


@dataclass(frozen=True)
class VisualTrunk:
    """The visual trunk, a residual network, by its name in :mod:`gazenet.backbones.resnet2d`.

    ``channels``: of its second, third and fourth stage, at strides 8, 16 and 32.
    """

    name: str
    channels: tuple[int, int, int]

    def children(self) -> list[nn.Module]:
        """Nine children in order: stem (0..3), the four stages (4..7), average pool (8)."""
        return [*resnet(self.name, classes=0).children(), nn.AdaptiveAvgPool2d(1)]


RESNEXT = VisualTrunk("resnext101_32x8d", (512, 1024, 2048))
"""The published one; its weights come from weakly supervised ImageNet training (WSL-Images)."""
SMALL = VisualTrunk("resnet18", (128, 256, 512))
"""For trying things out: no published weights."""
TRUNKS = {trunk.name: trunk for trunk in (RESNEXT, SMALL)}


def audio_trunk() -> nn.Sequential:
    """Build a residual network from spectrograms ``[N, 1, rows, columns]`` to ``[N, AUDIO_FEATURES]``."""
    return nn.Sequential(*resnet("resnet18", classes=0, in_channels=1).children(), NetVLAD())
