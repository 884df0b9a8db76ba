"""UNISAL: one network for still pictures and videos of several data sets (Droste, Jiao, Noble, ECCV 2020).

A MobileNetV2 encodes each frame; a GRU, which can be bypassed, adds the earlier frames; a decoder with skips gives
log-probabilities. Normalisations, Gaussian priors, the last convolution and the smoothing exist once per data set. All
keys are the published ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.mobilenet_v2 import InvertedResidual, MobileNetV2
from gazenet_plugins.unisal.domains import DOMAINS, STILL, DomainNorm
from gazenet_plugins.unisal.gru import MobileGRU, Norm
from gazenet_plugins.unisal.postprocess import smoothed
from gazenet_plugins.unisal.priors import COUNT, centred_kernel, initial, prior_maps

CHANNELS = 256
CELL = 8
"""Pixels of the picture per cell of the decoder's map, along each side."""


class EncodedFrames(NamedTuple):
    """The features of single frames of H x W pixels.

    ``features`` ``[N, 256, H/32, W/32]``, ``skip_2x`` ``[N, 128, H/16, W/16]``, ``skip_4x`` ``[N, 64, H/8, W/8]``.
    """

    features: Tensor
    skip_2x: Tensor
    skip_4x: Tensor


class ClipOutput(NamedTuple):
    """The output of a clip of T frames.

    ``log_density`` ``[N, T, 1, h, w]``: its exponential sums to 1 in every map; ``state`` ``[N, 256, H/32, W/32]``:
    for the next part of the video; ``features`` ``[N, T, 256, H/32, W/32]`` of the single frames;
    ``decoded`` ``[N, T, 64, H/8, W/8]``.
    """

    log_density: Tensor
    state: Tensor | None
    features: Tensor
    decoded: Tensor


class Unisal(nn.Module):
    """The network from a clip to log-probabilities of fixations, per frame.

    Args:
        domains: the data sets it was trained on, some of :data:`DOMAINS`; the published weights have all four.

    Raises ValueError for unknown domains or none.
    """

    def __init__(self, domains: Sequence[str] = DOMAINS) -> None:
        super().__init__()
        if not domains or set(domains) - set(DOMAINS):
            raise ValueError(f"domains {list(domains)}: choose from {', '.join(DOMAINS)}")
        self.domains = tuple(domains)
        norm = partial(DomainNorm, domains=self.domains)
        for name in map(str.lower, self.domains):
            self.register_parameter(f"coarse_gaussians_{name}", nn.Parameter(initial()))
        self.cnn = MobileNetV2()
        self.post_cnn = _residual(1280 + COUNT, CHANNELS, 1, partial(nn.BatchNorm2d, momentum=0.01))
        self.rnn = MobileGRU(CHANNELS, norm)
        self.post_rnn = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False), norm(CHANNELS), nn.ReLU6())
        self.skip_2x = _skip(160, 128, norm)
        self.upsampling_2 = _residual(CHANNELS + 128, 128, 2, norm)
        self.skip_4x = _skip(64, 64, norm)
        self.post_upsampling_2 = _residual(128 + 64, 64, 2, norm)
        for name in map(str.lower, self.domains):
            self.add_module(f"adaptation_{name}", nn.Sequential(nn.Conv2d(64, 1, 1)))
            self.add_module(f"smoothing_{name}", _smoothing())
        self._norms = [module for module in self.modules() if isinstance(module, DomainNorm)]
        self.use(self.domains[0])

    def use(self, domain: str) -> None:
        """Select the domain of all later calls. Raises ValueError for one the network does not have."""
        if domain not in self.domains:
            raise ValueError(f"domain {domain!r}: this network knows {', '.join(self.domains)}")
        self.domain = domain
        for one in self._norms:
            one.domain = domain

    def forward(
        self,
        clip: Tensor,
        target_size: tuple[int, int] | None = None,
        static: bool | None = None,
        state: Tensor | None = None,
    ) -> ClipOutput:
        """Return the map of every frame of a clip.

        Args:
            clip: ``[N, T, 3, H, W]``, RGB, normalised by mean and standard deviation of ImageNet, H and W multiples of
                32.
            target_size: (height, width) of the maps; H x W by default.
            static: bypass the GRU, which leaves the state None; by default for single frames and for networks of still
                pictures only.
            state: the final state of an earlier part of the same video; zeros by default.
        """
        # One frame at a time, so that the features of a frame do not depend on the number of frames.
        encoded = [self.encode(frames) for frames in clip.unbind(1)]
        if static is None:
            static = len(encoded) == 1 or self.domains == (STILL,)
        decoded_frames, maps = [], []
        for one in encoded:
            state = None if static else self.rnn(one.features, state)
            decoded_frames.append(self.decode(self.recalled(one, state)))
            maps.append(self.log_density(self.logits(decoded_frames[-1], clip.shape[-2:]), target_size))
        features = torch.stack([one.features for one in encoded], 1)
        return ClipOutput(torch.stack(maps, 1), state, features, torch.stack(decoded_frames, 1))

    def recalled(self, encoded: EncodedFrames, state: Tensor | None) -> EncodedFrames:
        """Add the recurrent state up to a frame to its features; without a state return them unchanged."""
        return encoded if state is None else encoded._replace(features=encoded.features + self.post_rnn(state))

    def encode(self, frames: Tensor) -> EncodedFrames:
        """Encode frames ``[N, 3, H, W]``, each by itself."""
        levels = self.cnn(frames)
        priors = self.priors(*levels.x.shape[-2:]).expand(len(frames), -1, -1, -1)
        features = self.post_cnn(torch.cat((levels.x, priors), 1))
        return EncodedFrames(features, self.skip_2x(levels.feat_2x), self.skip_4x(levels.feat_4x))

    def priors(self, height: int, width: int) -> Tensor:
        """Return the prior maps of the domain, ``[1, 16, height, width]``."""
        return prior_maps(self.get_parameter(f"coarse_gaussians_{self.domain.lower()}"), height, width)[None]

    def decode(self, encoded: EncodedFrames) -> Tensor:
        """Decode to features ``[N, 64, H/8, W/8]``."""
        x = torch.cat((_doubled(encoded.features), encoded.skip_2x), 1)
        x = torch.cat((_doubled(self.upsampling_2(x)), encoded.skip_4x), 1)
        return self.post_upsampling_2(x)

    def logits(self, decoded: Tensor, size: Sequence[int]) -> Tensor:
        """Return the smoothed map ``[N, 1, *size]`` of decoded features."""
        name = self.domain.lower()
        coarse = self.get_submodule(f"adaptation_{name}")(decoded)
        smoothing = self.get_submodule(f"smoothing_{name}")
        if [side * CELL for side in coarse.shape[-2:]] == list(size):
            return smoothed(coarse, smoothing.get_parameter("weight"), CELL)
        return smoothing(F.interpolate(coarse, tuple(size), mode="nearest"))

    @staticmethod
    def log_density(logits: Tensor, target_size: tuple[int, int] | None = None) -> Tensor:
        """Resize logits ``[N, 1, H, W]`` and turn them into log-probabilities over all pixels of each map."""
        if target_size is not None:
            logits = F.interpolate(logits, target_size, mode="bilinear", align_corners=False)
        return F.log_softmax(logits.flatten(1), 1).view_as(logits)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _smoothing() -> nn.Conv2d:
    layer = nn.Conv2d(1, 1, 41, padding=20, padding_mode="replicate", bias=False)
    with torch.no_grad():
        layer.weight.copy_(centred_kernel())
    return layer


def _residual(inputs: int, outputs: int, expansion: int, norm: Norm) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("inv_res", InvertedResidual(inputs, outputs, expansion, norm))
    return block


def _skip(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Build a skip: twice the channels by 1x1, then ``outputs`` of them."""
    layers = nn.Sequential()
    wide = nn.Sequential(nn.Conv2d(inputs, 2 * inputs, 1, bias=False), norm(2 * inputs), nn.ReLU6(inplace=True))
    layers.add_module("expansion", wide)
    layers.add_module("dropout", nn.Dropout2d(0.6))
    layers.add_module("reduction", nn.Sequential(nn.Conv2d(2 * inputs, outputs, 1), norm(outputs)))
    return layers
