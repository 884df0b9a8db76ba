"""The sound of a clip as SoundNet's users cut it: one Hann window over the clip's samples, centred in a fixed buffer.

Source: the data pipelines of STAViS (Tsiami et al., CVPR 2020) and ViNet (Jain et al., IROS 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform

Samples = NDArray[np.float32]

AMPLITUDE = 256.0
"""What -1..1 is multiplied by: the networks were trained on 16-bit samples in units of 2^-23 of 32-bit ones."""

RATE, SLOWEST = 22050, 10
"""The buffer holds a clip at this many samples and this few frames per second."""


def buffer_length(frames: int) -> int:
    """Samples of the buffer for a clip."""
    return RATE // SLOWEST * frames


def excerpt_span(first: int, last: int, rate: int, fps: float, total: int) -> tuple[int, int]:
    """The first and last sample of the frames ``first`` to ``last``, counted from 1; frames are centred on their time.

    The last sample belongs to the excerpt; it may be ``total``, which lies behind the sound.
    """
    # The order of the operations is that of the published tables: it decides which way whole samples are cut.
    period, half = 1.0 / float(fps), rate / float(fps) / 2
    start = max(0.0, (first - 1) * period * rate - half)
    end = min(float(total), (last - 1) * period * rate + half)
    return int(start), int(end)


def audio_excerpt(samples: Samples, rate: int, fps: float, first: int, last: int, length: int) -> Samples:
    """The windowed sound of the frames ``first`` to ``last`` (from 1) of a video, ``[length]``.

    Zeros where the sound has ended. Of an excerpt that is longer than the buffer the middle is kept.

    Args:
        samples: ``[N]``; sample 0 sounds at the time of frame 1.
        rate: samples per second.
        fps: frames per second.
    """
    start, end = excerpt_span(first, last, rate, fps, len(samples))
    sound = np.asarray(samples[start : end + 1], np.float32)
    sound = sound * np.hanning(len(sound)).astype(np.float32)
    surplus = max(0, len(sound) - length)
    sound = sound[surplus // 2 : len(sound) - (surplus - surplus // 2)]
    begin = length // 2 - len(sound) // 2
    buffer = np.zeros(length, np.float32)
    buffer[begin : begin + len(sound)] = sound
    return buffer


def from_video_start(sound: Waveform) -> Samples:
    """One channel, whose sample 0 sounds at video time 0: silence before a late sound, an early one cut off."""
    samples, shift = sound.mono().samples[0], round(sound.start * sound.rate)
    return np.pad(samples, (shift, 0)) if shift > 0 else samples[-shift:]
