"""The sound of clips as log-mel examples, one per frame: what DAVE hears, and each ear of its binaural form."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.media.frames import Waveform
from gazenet.media.logmel import PACKET, log_mel, log_mel_at, packet
from gazenet.media.logmel_blocks import MelBlocks
from gazenet.media.soundnet_clip import from_video_start

CHANNELS = 3
"""How often a network for colours is given the same examples."""


def as_input(examples: NDArray[np.floating]) -> Tensor:
    """``[16, 64, 64]`` to ``[1, 3, 16, 64, 64]``, float32."""
    return torch.from_numpy(np.asarray(examples, np.float32)).expand(1, CHANNELS, *examples.shape)


def is_sound(sound: Waveform | None) -> bool:
    """Whether there is anything to hear, be it silence."""
    return sound is not None and sound.samples.size > 0


class AlignedExamples:
    """For every frame of a clip the example that ends ``ahead`` seconds after it.

    Args:
        sound: one channel.
        ahead: 0 hears nothing of the future.
    """

    def __init__(self, sound: Waveform, ahead: float = 0.0) -> None:
        self._frames, self._start, self._ahead = log_mel(sound), sound.start, ahead

    def at(self, times: NDArray[np.float64]) -> Tensor:
        """``[1, 3, 16, 64, 64]`` for the times of 16 frames; silence before and after the sound."""
        return as_input(log_mel_at(self._frames, self._start, times[-PACKET:] + self._ahead))


class PublishedExamples:
    """What the released pipeline hears at a frame.

    Args:
        sound: one channel.
        fps: frames per second.
        newest: only the latest second, as the binaural form; else all that is kept.
    """

    def __init__(self, sound: Waveform, fps: float, newest: bool = False) -> None:
        blocks = MelBlocks(from_video_start(sound), sound.rate, fps)
        self._known = blocks.newest if newest else blocks.buffered

    def at(self, frame: int) -> Tensor | None:
        """``[1, 3, 16, 64, 64]`` at frame ``frame`` (from 0); None where there are no examples."""
        examples = self._known(frame)
        return as_input(packet(examples, PACKET).examples) if len(examples) else None

    def valid(self, frame: int) -> int:
        """How many frames of the clip the sound leaves: those with an example, or all where there is none at all."""
        examples = self._known(frame)
        return packet(examples, PACKET).valid if len(examples) else PACKET
