"""The saliency network trained on pseudo-fixations: pictures and sounds of three neighbouring moments.

Two networks were published under one name; the keys of a checkpoint tell them apart (``checkpoints.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gazenet_plugins.stanet import blocks
from gazenet_plugins.stanet.classifiers import check_side, comparison, deconvolution
from gazenet_plugins.stanet.trunks import AUDIO_FEATURES, RESNEXT, VisualTrunk, audio_trunk

Frames = Sequence[Tensor]


class _Saliency(blocks.Projected):
    """The common base of both networks: a visual trunk, a network for sound, an attention mask."""

    def _add_trunks(self, trunk: VisualTrunk) -> None:
        """Attach the pretrained trunks, last, so that :func:`blocks.initialise` does not reset them."""
        children = trunk.children()
        self.audio_model = audio_trunk()
        self.features0 = nn.Sequential(*children[:6])
        self.features1, self.features2 = children[6], children[7]

    def levels(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features at strides 8, 16 and 32 of normalised RGB ``[N, 3, H, W]``."""
        fine = self.features0(image)
        middle = self.features1(fine)
        return fine, middle, self.features2(middle)

    def attended(self, x: Tensor, gate: nn.Module) -> Tensor:
        """Add to maps ``[N, C, h, w]`` themselves weighted by their attention mask, rectified."""
        return torch.relu(x + self.masked(x, gate))


class STA32(_Saliency):
    """The saliency network of both published sources, for pictures of any size.

    Inputs are (previous, current, next), for which its mixing of frames is made. Some layers are in the checkpoints
    and do nothing.

    Args:
        channels: C, 32 in the published weights.
        trunk: the visual trunk.
    """

    def __init__(self, channels: int = 32, trunk: VisualTrunk = RESNEXT) -> None:
        super().__init__()
        fine, middle, coarse = trunk.channels
        c = channels
        self.extra_audio_d = nn.Linear(AUDIO_FEATURES, coarse)
        self.extra_convs = nn.Conv2d(coarse, c, 1)
        self.extra_convsd1 = nn.Conv2d(middle, c, 1)
        self.extra_convsd0 = nn.Conv2d(fine, c, 1)
        self.extra_conv_fusion = nn.Conv2d(3 * c, c, 3, padding=1)
        self.extra_ConvGRU = blocks.ConvGRU(c)
        self.extra_gate = nn.Conv2d(c, 1, 1, bias=False)
        self.extra_gates = nn.Conv2d(c, 1, 1, bias=False)
        self.extra_gateav = comparison(c)
        self.add_projections(c)
        self.extra_lineara = nn.Linear(AUDIO_FEATURES, blocks.EMBEDDING)
        self.extra_linearv = nn.Linear(coarse, blocks.EMBEDDING)
        self.extra_refineST = blocks.refinement(c)
        self.extra_refineSA = nn.Sequential(nn.Conv2d(512, c, 1), nn.Conv2d(c, 1, 1))
        self.extra_convv = nn.Conv2d(coarse, blocks.EMBEDDING, 1)
        self.extra_conv_stafusion = nn.Conv2d(3 * c, c, 3, padding=1)
        self.extra_refine1 = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1))
        self.extra_refine0 = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1))
        self.extra_out1 = nn.Conv2d(c, 1, 1)
        self.extra_out0 = nn.Conv2d(c, 1, 1)
        blocks.initialise(self)
        self._add_trunks(trunk)

    def forward(self, images: Frames, audios: Frames) -> tuple[Tensor, ...]:
        """Three pictures ``[N, 3, H, W]`` (normalised RGB) and three spectrograms ``[N, 81, 199]``.

        Returns six maps of logits ``[N, 1, H, W]``, in the published order: (coarse, fine) of the first two frames,
        (fine, coarse) of the last.
        """
        levels = [self.levels(image) for image in images]
        a, b, c = (self.extra_convs(coarse) for _, _, coarse in levels)
        orders = ((c, a, b), (a, b, c), (b, c, a))
        scales = []
        for x, order, level, audio in zip((a, b, c), orders, levels, audios, strict=True):
            fused = self._fused(x, order, level[2], self.audio_model(audio[:, None]))
            scales.append(self._decoded(fused, level, images[0].shape[2:]))
        return (*scales[0], *scales[1], *reversed(scales[2]))

    def _fused(self, x: Tensor, neighbours: Frames, features: Tensor, audio: Tensor) -> Tensor:
        time = torch.sigmoid(self.extra_refineST(blocks.interleaved(neighbours)).squeeze(2))
        layers = self.extra_convv, self.extra_lineara, self.extra_linearv, self.extra_gateav
        sound = blocks.audio_visual_gate(features, audio, *layers)
        parts = [self.attended(x, self.extra_gates), torch.relu(x + x * time), torch.relu(x + x * sound)]
        return self.extra_ConvGRU(self.extra_conv_fusion(torch.cat(parts, 1)), x)

    def _decoded(self, fused: Tensor, level: Frames, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Decode the coarse and the fine map of one frame."""
        fine, middle = self.extra_convsd0(level[0]), self.extra_convsd1(level[1])
        up = blocks.upsampled(fused, middle.shape[2:])
        fused = torch.relu(self.extra_refine1(torch.cat([up, middle], 1)) + middle)
        fused = blocks.upsampled(fused, fine.shape[2:])
        zero = torch.relu(self.extra_refine0(torch.cat([fused, fine], 1)) + fused)
        return blocks.upsampled(self.extra_out1(fused), size), blocks.upsampled(self.extra_out0(zero), size)


class OneMap(nn.Module):
    """A network with one of its maps in 0..1 as output, and single tensors instead of groups as inputs.

    Args:
        network: the saliency network.
        shown: position among its outputs.
    """

    def __init__(self, network: nn.Module, shown: int) -> None:
        super().__init__()
        self.network, self.shown = network, shown

    def forward(
        self,
        image_0: Tensor,
        image_1: Tensor,
        image_2: Tensor,
        audio_0: Tensor,
        audio_1: Tensor,
        audio_2: Tensor,
        switch_0: Tensor | None = None,
        switch_1: Tensor | None = None,
        switch_2: Tensor | None = None,
    ) -> Tensor:
        """Return ``[N, 1, H, W]``; either all switches are given or none."""
        groups = [(image_0, image_1, image_2), (audio_0, audio_1, audio_2)]
        if switch_0 is not None and switch_1 is not None and switch_2 is not None:
            groups.append((switch_0, switch_1, switch_2))
        return torch.sigmoid(self.network(*groups)[self.shown])


class STA28(_Saliency):
    """The saliency network of the authors' scripts (compiled versions), for square pictures of 353..384 pixels.

    Inputs are (current, previous, next); the map of the current frame is the third of nine. Its frames are treated
    differently from each other, as published.

    Args:
        switched: whether the sound can be switched off, which the earlier of both compiled versions cannot: there the
            gates of time and sound have C channels instead of one.
        channels: C, 28 in the published weights.
        trunk: the visual trunk.
    """

    SIDE = 12

    def __init__(self, switched: bool = True, channels: int = 28, trunk: VisualTrunk = RESNEXT) -> None:
        super().__init__()
        self.switched = switched
        fine, middle, coarse = trunk.channels
        c = channels
        self.extra_audio_d = nn.Linear(AUDIO_FEATURES, coarse)
        self.extra_bilinear = nn.Bilinear(self.SIDE**2, 1, self.SIDE**2)
        self.Aup = deconvolution(coarse, "fine", activated=False)
        self.extra_video_d0 = nn.Conv2d(fine, c, 1)
        self.extra_video_d1 = nn.Conv2d(middle, c, 1)
        self.extra_video_d2 = nn.Conv2d(coarse, c, 1)
        gate = [nn.Conv2d(coarse, c, 1), *([nn.Conv2d(c, 1, 1)] if switched else [])]
        self.extra_convs = nn.Sequential(*gate, nn.Sigmoid())
        self.extra_conv_fusion = nn.Conv2d(3 * c, c, 1)
        self.extra_ConvGRU = blocks.ConvGRU(c)
        self.extra_gate = nn.Conv2d(c, 1, 1, bias=False)
        self.add_projections(c)
        self.extra_refineST = nn.Conv3d(c, 1 if switched else c, (3, 1, 1))
        self.extra_refine4, self.extra_refine3, self.extra_refine2 = (
            nn.Conv2d(2 * c, c, 3, padding=1) for _ in range(3)
        )
        self.extra_predict4, self.extra_predict3, self.extra_predict2 = (nn.Conv2d(c, 1, 1) for _ in range(3))
        blocks.initialise(self)
        self._add_trunks(trunk)

    def forward(self, images: Frames, audios: Frames, switches: Frames = ()) -> tuple[Tensor, ...]:
        """Three pictures ``[N, 3, H, W]``, three spectrograms ``[N, 81, 199]``, three switches ``[N, 1, 1, 1]``.

        A switch of 0 leaves of the sound what the biases make of nothing. Without switches all sounds count. Returns
        nine maps of logits ``[N, 1, H, W]``: of each frame at strides 32, 16 and 8. Raises ValueError for another size
        and for switches given to the version without them.
        """
        if switches and not self.switched:
            raise ValueError("this version of the network has no switches")
        levels = [self.levels(image) for image in images]
        check_side(levels[0][2], self.SIDE)
        a, b, c = (self.extra_video_d2(coarse) for _, _, coarse in levels)
        orders = ((b, a, c), (a, b, c), (a, c, b))
        maps: list[Tensor] = []
        for frame, (x, order) in enumerate(zip((a, b, c), orders, strict=True)):
            sound = self._sound_gate(audios[frame], switches[frame] if switches else None)
            # Only the first frame's maps are weighted by the gate; to the others the gate itself is added.
            with_sound = torch.relu(x + (x * sound if frame == 0 else sound))
            fused = self._fused(x, order, with_sound)
            maps += self._decoded(fused, x, levels[frame], images[0].shape[2:])
        return tuple(maps)

    def _sound_gate(self, audio: Tensor, switch: Tensor | None) -> Tensor:
        spread = self.Aup(self.extra_audio_d(self.audio_model(audio[:, None]))[..., None, None])
        return self.extra_convs(spread if switch is None else switch * spread)

    def _fused(self, x: Tensor, neighbours: Frames, with_sound: Tensor) -> Tensor:
        time = torch.sigmoid(self.extra_refineST(blocks.interleaved(neighbours)).squeeze(2))
        return self.extra_conv_fusion(
            torch.cat([self.attended(x, self.extra_gate), torch.relu(x + time), with_sound], 1)
        )

    def _decoded(self, fused: Tensor, x: Tensor, level: Frames, size: Sequence[int]) -> list[Tensor]:
        fine, middle = self.extra_video_d0(level[0]), self.extra_video_d1(level[1])
        four = blocks.upsampled(self.extra_refine4(torch.cat([fused, x], 1)), middle.shape[2:])
        three = blocks.upsampled(self.extra_refine3(torch.cat([four, middle], 1)), fine.shape[2:])
        two = self.extra_refine2(torch.cat([three, fine], 1))
        logits = self.extra_predict4(four), self.extra_predict3(three), self.extra_predict2(two)
        return [blocks.upsampled(one, size) for one in logits]
