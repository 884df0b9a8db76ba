"""The sound of a clip as an input of SoundNet: one Hann window over its samples, centred in a fixed buffer.

Source: the data pipelines of STAViS (Tsiami et al., CVPR 2020) and ViNet (Jain et al., IROS 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform

Samples = NDArray[np.float32]

AMPLITUDE = 256.0
"""Factor of samples in -1..1: the networks were trained on 16-bit samples in units of 2^-23 of 32-bit ones."""

RATE, SLOWEST = 22050, 10
"""Samples and frames per second for which the buffer is large enough."""


def buffer_length(frames: int) -> int:
    """Return the number of samples of the buffer for a clip of ``frames`` frames."""
    return RATE // SLOWEST * frames


def excerpt_span(first: int, last: int, rate: int, fps: float, total: int) -> tuple[int, int]:
    """Return the first and last sample of the frames ``first`` to ``last``, which are centred on their times.

    Args:
        first, last: numbers of frames, from 1.
        rate: samples per second.
        fps: frames per second.
        total: number of samples of the sound.

    The last sample is inclusive; it may be ``total``, one beyond the sound.
    """
    # The order of the operations is that of the published tables, because it decides how samples are rounded.
    period, half = 1.0 / float(fps), rate / float(fps) / 2
    start = max(0.0, (first - 1) * period * rate - half)
    end = min(float(total), (last - 1) * period * rate + half)
    return int(start), int(end)


def audio_excerpt(samples: Samples, rate: int, fps: float, first: int, last: int, length: int) -> Samples:
    """Cut and window the sound of the frames ``first`` to ``last`` of a video: float32 ``[length]``.

    The buffer is zero beyond the end of the sound. Of an excerpt longer than the buffer the middle is used.

    Args:
        samples: ``[N]``; sample 0 is at the time of frame 1.
        rate: samples per second.
        fps: frames per second.
        first, last: numbers of frames, from 1.
        length: samples of the buffer.
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
    """Return one channel ``[N]`` with sample 0 at video time 0: late sound is padded, early sound is cut."""
    samples, shift = sound.mono().samples[0], round(sound.start * sound.rate)
    return np.pad(samples, (shift, 0)) if shift > 0 else samples[-shift:]
