"""The network that published weights of STANet's audio trunk come from, whole: VGGSound with its classifier."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from gazenet.backbones.resnet2d import resnet
from gazenet_plugins.stanet.blocks import NetVLAD
from gazenet_plugins.stanet.trunks import AUDIO_FEATURES

SOUNDS = 309


class VGGSound(nn.Module):
    """The classifier of sounds (Chen et al., ICASSP 2020): a residual network on spectrograms.

    Args:
        pool: ``vlad`` or ``avgpool``: the two published forms.
        classes: number of sounds.
    """

    def __init__(self, pool: Literal["vlad", "avgpool"] = "vlad", classes: int = SOUNDS) -> None:
        super().__init__()
        layers = OrderedDict(resnet("resnet18", classes=0, in_channels=1).named_children())
        if pool == "vlad":
            layers.update(avgpool=NetVLAD(), fc_=nn.Linear(AUDIO_FEATURES, classes))
        else:
            layers.update(avgpool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(512, classes))
        self.audnet = nn.Sequential(layers)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Return logits ``[N, classes]`` of ``[N, 1, rows, columns]`` (see :mod:`gazenet_plugins.stanet.sound`)."""
        return self.audnet(spectrogram)
