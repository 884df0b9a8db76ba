"""The switch that decides whether a sound belongs to its picture."""

from __future__ import annotations

from torch import Tensor, nn

from gazenet_plugins.stanet.trunks import AUDIO_FEATURES, RESNEXT, VisualTrunk, audio_trunk


class AudioSwitch(nn.Module):
    """The network that decides whether a sound belongs to its picture.

    Args:
        dim: numbers by which either is described: 128 with the authors, 512 where the re-implementation uses it.
        trunk: the visual trunk.
    """

    def __init__(self, dim: int = 128, trunk: VisualTrunk = RESNEXT) -> None:
        super().__init__()
        self.layerA = audio_trunk()
        self.layerV = nn.Sequential(*trunk.children())
        self.layerA_d = nn.Linear(AUDIO_FEATURES, dim)
        self.layerV_d = nn.Linear(trunk.channels[2], dim)
        self.extra_bilinear = nn.Bilinear(dim, dim, dim)
        self.fc = nn.Linear(dim, 2)

    def forward(self, audio: Tensor, image: Tensor) -> Tensor:
        """Return logits ``[N, 2]`` (no, yes) of spectrograms ``[N, 81, 199]`` and normalised RGB ``[N, 3, H, W]``."""
        auditory = self.layerA_d(self.layerA(audio[:, None]))
        visual = self.layerV_d(self.layerV(image).flatten(1))
        return self.fc(self.extra_bilinear(auditory, visual))


def decided(logits: Tensor) -> Tensor:
    """Return the switch ``[N, 1, 1, 1]``: 1 if the logit of "yes" is above 0, as published, not above that of "no"."""
    return (logits[:, 1] > 0).to(logits.dtype)[:, None, None, None]
