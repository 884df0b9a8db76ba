"""The classifiers whose class maps become pseudo-fixations: S (picture), SA (with sound), ST (with its neighbours)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gazenet_plugins.stanet import blocks
from gazenet_plugins.stanet.trunks import AUDIO_FEATURES, RESNEXT, VisualTrunk, audio_trunk

CLASSES = 28
Stage = Literal["coarse", "fine"]
SoundPath = Literal["deconvolution", "compiled", "fusion"]

SIDES: dict[Stage, int] = {"coarse": 8, "fine": 12}
"""Side of the class maps of SA: coarse networks see 225..256 pixels, fine ones 353..384."""
DECONVOLUTIONS: dict[Stage, tuple[tuple[int, int], ...]] = {
    "coarse": ((3, 1), (3, 1), (4, 1)),
    "fine": ((4, 2), (4, 2), (3, 1)),
}
"""Kernel and stride of the layers that bring one position to that side."""


class ClassMaps(NamedTuple):
    """Logits ``[N, C]`` and maps ``[N, C, h, w]``, before and after fusion."""

    logits1: Tensor
    logits2: Tensor
    map1: Tensor
    map2: Tensor


class SequenceMaps(NamedTuple):
    """Logits ``[N, C]`` of three frames before and after fusion, and both maps ``[N, C, h, w]`` of the first frame."""

    pool1: Tensor
    fused1: Tensor
    pool2: Tensor
    fused2: Tensor
    pool3: Tensor
    fused3: Tensor
    map: Tensor
    map_all: Tensor


class _Attentive(blocks.Projected):
    """A network with an attention mask and a gated update, under the published names."""

    extra_gate: nn.Conv2d
    extra_conv_fusion: nn.Conv2d
    extra_ConvGRU: blocks.ConvGRU

    def _add_attention(self, channels: int) -> None:
        self.add_projections(channels)
        self.extra_gate = nn.Conv2d(channels, 1, 1, bias=False)

    def attention(self, x: Tensor) -> Tensor:
        """Weight maps ``[N, C, h, w]`` by their attention mask."""
        return self.masked(x, self.extra_gate)

    def updated(self, x: Tensor, parts: Sequence[Tensor]) -> Tensor:
        """Update maps by the fusion of ``parts``, all ``[N, C, h, w]``."""
        return self.extra_ConvGRU(self.extra_conv_fusion(torch.cat(list(parts), 1)), x)


class SpatialClassifier(_Attentive):
    """The classifier S of a picture: features of stride 16, one map per class, attention.

    Args:
        classes: C.
        trunk: the visual trunk.
    """

    def __init__(self, classes: int = CLASSES, trunk: VisualTrunk = RESNEXT) -> None:
        super().__init__()
        self.extra_convs = nn.Conv2d(trunk.channels[1], classes, 1)
        self.extra_conv_fusion = nn.Conv2d(2 * classes, classes, 1)
        self.extra_ConvGRU = blocks.ConvGRU(classes)
        self._add_attention(classes)
        blocks.initialise(self)
        self.features = nn.Sequential(*trunk.children()[:7])

    def forward(self, image: Tensor) -> ClassMaps:
        """Classify ``image``, normalised RGB ``[N, 3, H, W]``."""
        x = self.extra_convs(self.features(image))
        y = self.updated(x, (x, self.attention(x)))
        return ClassMaps(pooled(x), pooled(y), x, y)


class SpatialAudioClassifier(_Attentive):
    """The classifier SA of picture and sound: features of stride 32, and a gate that the sound opens.

    The published source of the authors cannot run. ``sound`` selects one of three interpretations:
    ``deconvolution``: the re-implementation, whose sound is enlarged to the size of the maps; ``compiled``: the same
    in an older compiled version (no activation between, a single layer to the class maps, a bilinear layer that is
    never used); ``fusion``: the comparison of sound and picture that the authors' forward pass calls.

    Args:
        classes: C.
        stage: ``coarse`` for whole frames of 225..256 pixels, ``fine`` for crops of 353..384.
        sound: how the sound makes its gate.
        trunk: the visual trunk.
    """

    def __init__(
        self,
        classes: int = CLASSES,
        stage: Stage = "fine",
        sound: SoundPath = "deconvolution",
        trunk: VisualTrunk = RESNEXT,
    ) -> None:
        super().__init__()
        self.side = None if sound == "fusion" else SIDES[stage]
        width = trunk.channels[2]
        if sound == "fusion":
            self._add_comparison(width, classes)
        else:
            self._add_deconvolution(width, classes, stage, activated=sound == "deconvolution")
        if sound == "compiled":
            self.extra_bilinear = nn.Bilinear(SIDES[stage] ** 2, 1, SIDES[stage] ** 2)
        self.extra_video_d = nn.Conv2d(width, classes, 1) if sound == "compiled" else head(width, classes)
        self._add_attention(classes)
        self.extra_conv_fusion = nn.Conv2d(2 * classes, classes, 1)
        self.extra_ConvGRU = blocks.ConvGRU(classes)
        blocks.initialise(self)
        self.audio_model = audio_trunk()
        self.features = nn.Sequential(*trunk.children()[:8])

    def _add_deconvolution(self, width: int, classes: int, stage: Stage, activated: bool) -> None:
        self.extra_audio_d = nn.Linear(AUDIO_FEATURES, width)
        self.Aup = deconvolution(width, stage, activated)
        self.extra_convs = nn.Sequential(nn.Conv2d(width, classes, 1), nn.Conv2d(classes, 1, 1), nn.Sigmoid())

    def _add_comparison(self, width: int, classes: int) -> None:
        self.extra_lineara = nn.Linear(AUDIO_FEATURES, blocks.EMBEDDING)
        self.extra_linearv = nn.Linear(width, blocks.EMBEDDING)
        self.extra_convv = nn.Conv2d(width, blocks.EMBEDDING, 1)
        self.extra_gateav = comparison(classes)

    def forward(self, image: Tensor, audio: Tensor) -> ClassMaps:
        """``image``: normalised RGB ``[N, 3, H, W]``; ``audio``: spectrograms ``[N, 81, 199]``.

        Raises ValueError for pictures of a size that the sound cannot be brought to.
        """
        features = self.features(image)
        if self.side is not None:
            check_side(features, self.side)
        x = self.extra_video_d(features)
        gate = self._gate(features, self.audio_model(audio[:, None]))
        y = self.updated(x, (torch.relu(x + self.attention(x)), torch.relu(x + x * gate)))
        return ClassMaps(pooled(x), pooled(y), x, y)

    def _gate(self, features: Tensor, audio: Tensor) -> Tensor:
        if self.side is None:
            layers = self.extra_convv, self.extra_lineara, self.extra_linearv, self.extra_gateav
            return blocks.audio_visual_gate(features, audio, *layers)
        return self.extra_convs(self.Aup(self.extra_audio_d(audio)[..., None, None]))


class SpatialTemporalClassifier(_Attentive):
    """The classifier ST of three frames: features of stride 32, and a gate computed from the neighbours.

    The maps it returns are those of its first input. Correct use is (current, previous, next); the re-implementation
    gives (previous, current, next) and stores the previous frame's maps under the current one.

    Args:
        classes: C.
        activated: rectified between the 3D convolutions, as in an older compiled version.
        trunk: the visual trunk.
    """

    def __init__(self, classes: int = CLASSES, activated: bool = False, trunk: VisualTrunk = RESNEXT) -> None:
        super().__init__()
        self.extra_convs = head(trunk.channels[2], classes)
        self.extra_conv_fusion = nn.Conv2d(2 * classes, classes, 3, padding=1)
        self.extra_ConvGRU = blocks.ConvGRU(classes)
        self._add_attention(classes)
        self.extra_refineST = blocks.refinement(classes, activated)
        blocks.initialise(self)
        self.features = nn.Sequential(*trunk.children()[:8])

    def forward(self, first: Tensor, second: Tensor, third: Tensor) -> SequenceMaps:
        """Classify normalised RGB ``[N, 3, H, W]`` of three frames."""
        a, b, c = (self.extra_convs(self.features(frame)) for frame in (first, second, third))
        orders = ((b, a, c), (a, b, c), (a, c, b))
        updated = [self._fused(x, order) for x, order in zip((a, b, c), orders, strict=True)]
        x, y = [pooled(one) for one in (a, b, c)], [pooled(one) for one in updated]
        return SequenceMaps(x[0], y[0], x[1], y[1], x[2], y[2], a, updated[0])

    def _fused(self, x: Tensor, neighbours: Sequence[Tensor]) -> Tensor:
        gate = torch.sigmoid(self.extra_refineST(blocks.interleaved(neighbours)).squeeze(2))
        return self.updated(x, (torch.relu(x + self.attention(x)), torch.relu(x + x * gate)))


def head(width: int, classes: int) -> nn.Sequential:
    """Build a head from features ``[N, width, h, w]`` to class maps ``[N, classes, h, w]``: three 3x3 layers."""
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, classes, 1))


def deconvolution(width: int, stage: Stage, activated: bool) -> nn.Sequential:
    """Build ``[N, width, 1, 1]`` to ``[N, width, side, side]``; ``activated``: rectified between."""
    layers: list[nn.Module] = []
    for kernel, stride in DECONVOLUTIONS[stage]:
        layers += [nn.ReLU()] if activated and layers else []
        layers.append(nn.ConvTranspose2d(width, width, kernel, stride))
    return nn.Sequential(*layers)


def comparison(channels: int) -> nn.Sequential:
    """Build mixed channels ``[N, EMBEDDING, h, w]`` to the logit ``[N, 1, h, w]`` of the audio-visual gate."""
    return nn.Sequential(nn.Conv2d(blocks.EMBEDDING, channels, 1), nn.ReLU(), nn.Conv2d(channels, 1, 1))


def pooled(maps: Tensor) -> Tensor:
    """Return the mean over all positions, ``[N, C, h, w]`` to ``[N, C]``."""
    return maps.mean((2, 3))


def check_side(features: Tensor, side: int) -> None:
    """Raise ValueError if features are not ``side`` x ``side``, the size of the upsampled sound."""
    if tuple(features.shape[2:]) != (side, side):
        low, high = 32 * (side - 1) + 1, 32 * side
        raise ValueError(f"this network takes square pictures of {low}..{high} pixels, whose maps are {side}x{side}")
