"""UNISAL as functions of tensors alone: the map from what is known of a frame, and from a clip."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gazenet_plugins.unisal.network import EncodedFrames, Unisal


class ReadingSizes(NamedTuple):
    """(height, width) of the pictures and of the maps."""

    picture: tuple[int, int]
    target: tuple[int, int]


class FrameReading(nn.Module):
    """Log-probabilities ``[N, 1, h, w]`` of frames from :class:`EncodedFrames` and the state after them.

    Without a state the frames are seen by themselves.
    """

    def __init__(self, network: Unisal, sizes: ReadingSizes) -> None:
        super().__init__()
        self.network, self.sizes = network, sizes

    def forward(self, features: Tensor, skip_2x: Tensor, skip_4x: Tensor, state: Tensor | None = None) -> Tensor:
        seen = self.network.recalled(EncodedFrames(features, skip_2x, skip_4x), state)
        logits = self.network.logits(self.network.decode(seen), self.sizes.picture)
        return self.network.log_density(logits, self.sizes.target)


class ClipReading(nn.Module):
    """Log-probabilities ``[N, 1, h, w]`` of the last frames of clips ``[N, T, 3, H, W]``; one frame has no memory."""

    def __init__(self, reading: FrameReading) -> None:
        super().__init__()
        self.reading = reading

    def forward(self, clip: Tensor) -> Tensor:
        network = self.reading.network
        encoded = [network.encode(frames) for frames in clip.unbind(1)]
        if len(encoded) == 1:
            return self.reading(*encoded[0])
        state = torch.zeros_like(encoded[0].features)
        for one in encoded:
            state = network.rnn(one.features, state)
        return self.reading(*encoded[-1], state)
