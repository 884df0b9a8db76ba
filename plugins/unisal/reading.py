"""UNISAL as functions of tensors only: from the features of a frame, and from a clip, to the map."""

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
    """The decoder from :class:`EncodedFrames` and the state after them to log-probabilities ``[N, 1, h, w]``.

    Without a state the frames are decoded by themselves.
    """

    def __init__(self, network: Unisal, sizes: ReadingSizes) -> None:
        super().__init__()
        self.network, self.sizes = network, sizes

    def forward(self, features: Tensor, skip_2x: Tensor, skip_4x: Tensor, state: Tensor | None = None) -> Tensor:
        """Return log-probabilities ``[N, 1, h, w]``."""
        encoded = self.network.recalled(EncodedFrames(features, skip_2x, skip_4x), state)
        logits = self.network.logits(self.network.decode(encoded), self.sizes.picture)
        return self.network.log_density(logits, self.sizes.target)


class ClipReading(nn.Module):
    """The network from clips ``[N, T, 3, H, W]`` to log-probabilities ``[N, 1, h, w]`` of their last frames.

    Clips of one frame bypass the GRU.
    """

    def __init__(self, reading: FrameReading) -> None:
        super().__init__()
        self.reading = reading

    def forward(self, clip: Tensor) -> Tensor:
        """Return log-probabilities ``[N, 1, h, w]``."""
        network = self.reading.network
        encoded = [network.encode(frames) for frames in clip.unbind(1)]
        if len(encoded) == 1:
            return self.reading(*encoded[0])
        state = torch.zeros_like(encoded[0].features)
        for one in encoded:
            state = network.rnn(one.features, state)
        return self.reading(*encoded[-1], state)
