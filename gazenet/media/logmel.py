"""Sound features: log-mel examples with the constants of VGGish, and windowed rows of samples.

Source: Hershey et al., "CNN architectures for large-scale audio classification" (ICASSP 2017), as used by the audio
branch of DAVE.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gazenet.media.frames import Waveform
from gazenet.media.resample import resample

RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512
"""Samples: 25 ms every 10 ms, padded to the next power of two."""
MEL_BANDS, MEL_LOW, MEL_HIGH = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
EXAMPLE_FRAMES = 64
PACKET = 16
"""Examples per clip."""
WINDOWED_RATE = 48_000
_FRAMES_AT_ONCE = 4096
_CACHED_BLOCKS = 4
_NO_EXAMPLES = np.zeros((0, EXAMPLE_FRAMES, MEL_BANDS))


def _mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0))


@lru_cache(maxsize=1)
def mel_matrix() -> NDArray[np.float64]:
    """Return float64 ``[257, 64]``: spectrum bins to HTK mel bands, triangles linear in mel, zero for DC."""
    edges = np.linspace(_mel(MEL_LOW), _mel(MEL_HIGH), MEL_BANDS + 2)
    bins = _mel(np.linspace(0, RATE / 2, FFT // 2 + 1))[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    matrix = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    matrix[0] = 0
    matrix.setflags(write=False)
    return matrix


def log_mel(sound: Waveform) -> NDArray[np.float64]:
    """Compute ``log(mel magnitude + 0.01)`` of the mean of all channels: float64 ``[frames, 64]``.

    Frame k covers 25 ms from ``sound.start + k / 100`` seconds on; there are ``1 + (N - 400) // 160`` frames, none
    for less than 25 ms. Sound of another rate is padded with silence to one second and resampled to 16 kHz first.
    """
    return _log_mel(_at_rate(sound.mono()).samples[0])


def log_mel_examples(sound: Waveform, rate: float) -> NDArray[np.float64]:
    """Cut :func:`log_mel` into overlapping examples: float64 ``[n, 64, 64]`` (example, frame, band).

    Args:
        sound: the sound.
        rate: video frames per second; examples start every ``round(100 / rate)`` log-mel frames.

    The step is a multiple of 10 ms, so examples drift from the frames of most videos; :func:`log_mel_at` does not.
    """
    hop = max(1, round(100 / rate))
    frames = log_mel(sound)
    if len(frames) < EXAMPLE_FRAMES:
        return _NO_EXAMPLES
    return np.ascontiguousarray(sliding_window_view(frames, EXAMPLE_FRAMES, axis=0)[::hop].transpose(0, 2, 1))


def log_mel_at(frames: NDArray[np.float64], start: float, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the examples that end at ``times``: float64 ``[len(times), 64, 64]`` (example, frame, band).

    Args:
        frames: result of :func:`log_mel`, ``[frames, 64]``.
        start: seconds at which its first frame begins (``Waveform.start``).
        times: seconds; frames outside of the sound are silence.
    """
    last = np.floor((np.asarray(times, np.float64) - start) * (RATE / HOP) + 1e-6).astype(np.int64)
    index = last[:, None] + np.arange(-EXAMPLE_FRAMES + 1, 1)
    inside = (index >= 0) & (index < len(frames))
    examples = frames[np.where(inside, index, 0)] if len(frames) else np.zeros((*index.shape, MEL_BANDS))
    return np.where(inside[..., None], examples, np.log(LOG_OFFSET))


class MelBlocks:
    """The examples of one channel in blocks of one second, rounded down to whole frames.

    So the pipeline of the released DAVE maps reads them, ahead of the frames.

    A block is read with its first frame and holds the sound of the second that begins there; a block that is too short
    for an example has none. Every block is resampled to 16 kHz separately, padded to a second where it is shorter.

    Args:
        samples: ``[N]``; sample 0 is at the time of frame 0.
        rate: samples per second.
        fps: frames per second.
    """

    def __init__(self, samples: NDArray[np.floating], rate: int, fps: float) -> None:
        self._samples, self._rate = np.asarray(samples, np.float32), rate
        self._frames = max(1, int(fps))
        self._length = self._frames * max(1, int(rate / fps))
        self._blocks = -(-len(self._samples) // self._length)
        self._block = lru_cache(_CACHED_BLOCKS)(self._compute)

    def buffered(self, frame: int) -> NDArray[np.float64]:
        """Return the examples read by frame ``frame`` (from 0), at most one per frame of a second: ``[n, 64, 64]``."""
        blocks: list[NDArray[np.float64]] = []
        block = self._last(frame)
        while block >= 0 and sum(map(len, blocks)) < self._frames:
            blocks.insert(0, self._block(block))
            block -= 1
        return np.concatenate([_NO_EXAMPLES, *blocks])[-self._frames :]

    def newest(self, frame: int) -> NDArray[np.float64]:
        """Return the examples ``[n, 64, 64]`` of the latest non-empty block read by frame ``frame``."""
        block = self._last(frame)
        return self._block(block) if block >= 0 else _NO_EXAMPLES

    def _last(self, frame: int) -> int:
        """Return the latest non-empty block read by frame ``frame``, or -1."""
        block = min(frame // self._frames, self._blocks - 1)
        while block >= 0 and not len(self._block(block)):
            block -= 1
        return block

    def _compute(self, block: int) -> NDArray[np.float64]:
        start = block * self._length
        return log_mel_examples(Waveform(self._samples[None, start : start + self._length], self._rate), self._frames)


class Packet(NamedTuple):
    """The examples ``[16, ...]`` of a frame; ``valid``: number of the last frame with examples, up to this one."""

    examples: NDArray[np.floating]
    valid: int


def packet(examples: NDArray[np.floating], frame: int) -> Packet:
    """Select the examples of a frame as DAVE's released code does.

    Args:
        examples: ``[n, ...]``, n > 0.
        frame: number of the frame, from 1.

    The code uses the number, which counts from 1, as an index that counts from 0: the last of the 16 examples is one
    beyond the frame. Missing examples in front are copies of the first. Raises ValueError without examples.
    """
    if not len(examples):
        raise ValueError("no examples: the sound is shorter than one")
    valid = min(frame, len(examples))
    selection = examples[max(0, valid - PACKET + 1) : valid + 1]
    return Packet(np.concatenate([selection[:1]] * (PACKET - len(selection)) + [selection]), valid)


def windowed(rows: NDArray[np.floating], rate: int, gain: float = 1.0) -> NDArray[np.float64]:
    """Resample rows to 48 kHz and apply a symmetric Hann window: float64 ``[rows, samples * 48000 / rate]``.

    Args:
        rows: ``[rows, samples]``, one per video frame, each resampled separately.
        rate: of ``rows``, samples per second.
        gain: factor of the amplitude; 2 ** -23 in the published features.
    """
    resampled = resample(Waveform(np.asarray(rows, np.float32), rate), WINDOWED_RATE).samples
    return gain * resampled.astype(np.float64) * np.hanning(resampled.shape[1])


def _at_rate(sound: Waveform) -> Waveform:
    if sound.rate == RATE:
        return sound
    missing = max(0, sound.rate - sound.samples.shape[1])
    return resample(Waveform(np.pad(sound.samples, ((0, 0), (0, missing))), sound.rate, sound.start), RATE)


def _log_mel(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    if len(samples) < WINDOW:
        return np.zeros((0, MEL_BANDS))
    pieces = sliding_window_view(samples, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)  # periodic
    matrix = mel_matrix()
    parts = [
        np.log(np.abs(np.fft.rfft(pieces[k : k + _FRAMES_AT_ONCE] * hann, FFT)) @ matrix + LOG_OFFSET)
        for k in range(0, len(pieces), _FRAMES_AT_ONCE)
    ]
    return np.concatenate(parts)
