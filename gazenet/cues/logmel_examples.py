"""The sound of clips as log-mel examples, one per frame: the audio input of DAVE and of its binaural form."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.media.frames import Waveform
from gazenet.media.logmel import PACKET, MelBlocks, log_mel, log_mel_at, packet
from gazenet.media.soundnet_clip import from_video_start

CHANNELS = 3
"""The examples are repeated over the three input channels of a network made for colours."""


def as_input(examples: NDArray[np.floating]) -> Tensor:
    """Expand examples ``[16, 64, 64]`` to the network input float32 ``[1, 3, 16, 64, 64]``."""
    return torch.from_numpy(np.asarray(examples, np.float32)).expand(1, CHANNELS, *examples.shape)


def is_sound(sound: Waveform | None) -> bool:
    """Return whether there is a sound track with samples, be they silent."""
    return sound is not None and sound.samples.size > 0


class AlignedExamples:
    """Examples aligned with the frames of a clip: each ends ``ahead`` seconds after its frame.

    Args:
        sound: one channel.
        ahead: seconds; 0 uses nothing of the future.
    """

    def __init__(self, sound: Waveform, ahead: float = 0.0) -> None:
        self._frames, self._start, self._ahead = log_mel(sound), sound.start, ahead

    def at(self, times: NDArray[np.float64]) -> Tensor:
        """Return ``[1, 3, 16, 64, 64]`` for the times (seconds) of 16 frames; silence before and after the sound."""
        return as_input(log_mel_at(self._frames, self._start, times[-PACKET:] + self._ahead))


class PublishedExamples:
    """The audio input of the released pipeline at a frame.

    Args:
        sound: one channel.
        fps: frames per second.
        newest: use only the latest second, as the binaural form does, instead of the whole buffer.
    """

    def __init__(self, sound: Waveform, fps: float, newest: bool = False) -> None:
        blocks = MelBlocks(from_video_start(sound), sound.rate, fps)
        self._examples_at = blocks.newest if newest else blocks.buffered

    def at(self, frame: int) -> Tensor | None:
        """Return ``[1, 3, 16, 64, 64]`` at ``frame`` (from 0); None where there are no examples."""
        examples = self._examples_at(frame)
        return as_input(packet(examples, PACKET).examples) if len(examples) else None

    def valid(self, frame: int) -> int:
        """Return how many frames of the clip may be used: those with an example, or all 16 without any example."""
        examples = self._examples_at(frame)
        return packet(examples, PACKET).valid if len(examples) else PACKET
