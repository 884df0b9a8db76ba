"""Layers that all networks of STANet share. Channels C, maps of h x w."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMBEDDING = 128
"""Dimensions in which sound and picture are compared."""


class ConvGRU(nn.Module):
    """A gated update of one map by another, without a state over time in spite of its name.

    Args:
        channels: C of both maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reset_gate = nn.Conv2d(2 * channels, channels, 1)
        self.update_gate = nn.Conv2d(2 * channels, channels, 1)
        self.out_gate = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, fused: Tensor, before: Tensor) -> Tensor:
        """Update ``[N, C, h, w]``; the result is ``before`` where the update gate is closed."""
        both = torch.cat([fused, before], 1)
        update, reset = torch.sigmoid(self.update_gate(both)), torch.sigmoid(self.reset_gate(both))
        candidate = torch.tanh(self.out_gate(torch.cat([fused, before * reset], 1)))
        return before * (1 - update) + candidate * update


class NetVLAD(nn.Module):
    """Soft counts of local features around learned centres (Arandjelovic et al., CVPR 2016), as VGGSound uses it.

    Args:
        clusters: number of centres.
        channels: C.
    """

    def __init__(self, clusters: int = 16, channels: int = 512) -> None:
        super().__init__()
        alpha = 100.0
        self.centroids = nn.Parameter(torch.rand(clusters, channels))
        self.conv = nn.Conv2d(channels, clusters, 1)
        with torch.no_grad():
            self.conv.weight.copy_(2 * alpha * self.centroids[:, :, None, None])
            self.conv.bias.copy_(-alpha * self.centroids.norm(dim=1))  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, clusters * C]`` of length 1, cluster by cluster, of ``[N, C, h, w]``."""
        x = F.normalize(x, dim=1)
        shares = torch.softmax(self.conv(x).flatten(2), 1)
        residuals = shares @ x.flatten(2).transpose(1, 2) - shares.sum(2)[..., None] * self.centroids
        return F.normalize(F.normalize(residuals, dim=2).flatten(1), dim=1)


class Projected(nn.Module):
    """A network with the projections of a self-attention, under the published names."""

    extra_projf: nn.Conv2d
    extra_projg: nn.Conv2d
    extra_projh: nn.Conv2d

    def add_projections(self, channels: int) -> None:
        """Attach the projections of maps of so many channels."""
        self.extra_projf = nn.Conv2d(channels, channels // 2, 1)
        self.extra_projg = nn.Conv2d(channels, channels // 2, 1)
        self.extra_projh = nn.Conv2d(channels, channels, 1)

    def masked(self, x: Tensor, gate: nn.Module) -> Tensor:
        """Weight maps ``[N, C, h, w]`` by their attention mask."""
        return self_attention(x, self.extra_projf, self.extra_projg, self.extra_projh, gate)


def self_attention(x: Tensor, query: nn.Module, key: nn.Module, value: nn.Module, gate: nn.Module) -> Tensor:
    """Weight ``x`` ``[N, C, h, w]`` by a mask of one channel that every position computes from all positions.

    The softmax runs over the first position index, as published: for each key the queries share a weight of 1.
    """
    energy = query(x).flatten(2).transpose(1, 2) @ key(x).flatten(2)
    attended = (value(x).flatten(2) @ torch.softmax(energy, 1)).view_as(x)
    return torch.sigmoid(gate(attended)) * x


def interleaved(maps: Sequence[Tensor]) -> Tensor:
    """Reinterpret three maps ``[N, C, h, w]`` as input ``[N, C, 3, h, w]`` of a 3D convolution.

    As in the published networks slot (c, t) does not hold map c of frame t, but number 3c + t of the list of all maps,
    first frame first.
    """
    stacked = torch.stack(list(maps), 1)
    n, frames, channels, *size = stacked.shape
    return stacked.reshape(n, channels, frames, *size)


def audio_visual_gate(
    features: Tensor, audio: Tensor, picture: nn.Module, sound: nn.Module, mean: nn.Module, gate: nn.Module
) -> Tensor:
    """Return the mask of places where picture and sound agree, ``[N, 1, h, w]`` in 0..1.

    Args:
        features: ``[N, C, h, w]`` of a frame.
        audio: ``[N, A]`` of its sound.
        picture: brings features to ``EMBEDDING`` channels.
        sound: brings the sound to ``EMBEDDING`` numbers.
        mean: does so with the mean of the features.
        gate: turns the mixed channels into one.
    """
    visual, auditory = mean(features.mean((2, 3))), sound(audio)
    mixing = torch.softmax(auditory[:, :, None] * visual[:, None, :], -1)
    places = picture(features)
    return torch.sigmoid(gate((mixing @ places.flatten(2)).view_as(places)))


def refinement(channels: int, activated: bool = False) -> nn.Sequential:
    """Build ``[N, C, 3, h, w]`` to ``[N, C, 1, h, w]``: a convolution over three frames, two over the neighbourhood.

    ``activated``: rectified between, as in the authors' older compiled version.
    """
    layers: list[nn.Module] = [nn.Conv3d(channels, channels, (3, 1, 1))]
    for _ in range(2):
        layers += [nn.ReLU()] if activated else []
        layers.append(nn.Conv3d(channels, channels, (1, 3, 3), padding=(0, 1, 1)))
    return nn.Sequential(*layers)


def initialise(network: nn.Module) -> None:
    """Initialise as the authors do: 2D convolutions N(0, 0.01), batch norms 1 and 0; other layers keep the default.

    Call it before pretrained backbones are attached, or it overwrites them.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.01)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def upsampled(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize to ``[N, C, *size]``, bilinear, corners not aligned."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
