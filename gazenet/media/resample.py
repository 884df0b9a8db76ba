"""Resampling by a windowed sinc, block by block, so that long sound needs little memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform

ZERO_CROSSINGS, ROLLOFF, KAISER_BETA, TABLE = 50, 0.9173473712608761, 12.98458524704001, 8192
"""The filter ``kaiser_best`` of resampy (Smith, "Digital audio resampling", CCRMA), and the steps per zero crossing of
its table."""
BLOCK_SECONDS = 8


@dataclass(frozen=True)
class _Filter:
    """A polyphase filter.

    Attributes:
        taps: float64 at ``up`` times the input rate.
        up, down: ratio of the output to the input rate.
        reach: input samples needed on each side.
        lead: output samples before the first valid one.
    """

    taps: NDArray[np.float64]
    up: int
    down: int
    reach: int
    lead: int


def _design(rate_in: int, rate_out: int) -> _Filter:
    common = gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    scale = min(1.0, rate_out / rate_in)
    reach = ceil(ZERO_CROSSINGS / scale) + 1
    index = np.arange(-reach * up, reach * up + 1)
    # Whole samples of distance advance by a step rounded down to the table's grid, fractions by the exact step:
    # without the rounding, quiet bands of log-mel features differ from the published ones by a few percent.
    whole = np.where(index < 0, -(index // up) - 1, index // up)
    fraction = np.abs(index) / up - whole
    position = fraction * scale + whole * (int(scale * TABLE) / TABLE)  # in zero crossings of the sinc
    inside = np.sqrt(np.clip(1 - (position / ZERO_CROSSINGS) ** 2, 0, None))
    window = np.where(position <= ZERO_CROSSINGS, np.i0(KAISER_BETA * inside) / np.i0(KAISER_BETA), 0.0)
    taps = scale * ROLLOFF * np.sinc(ROLLOFF * position) * window
    # Zeros in front make the delay a whole number of output samples.
    shift = -2 * reach * up % down
    return _Filter(np.concatenate([np.zeros(shift), taps]), up, down, reach, (2 * reach * up + shift) // down)


class Resampler:
    """A streaming resampler of pieces ``[channels, n]``; outside of the sound is silence.

    N input samples give ``floor(N * rate_out / rate_in)`` output samples, however they are split into pieces.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        if rate_in < 1 or rate_out < 1:
            raise ValueError("sampling rates must be positive")
        self._filter = _design(rate_in, rate_out)
        self._periods = max(1, BLOCK_SECONDS * rate_in // self._filter.down)  # of ``down`` input samples, per block
        self._pieces: list[NDArray[np.floating]] = []
        self._waiting = self._received = self._emitted = 0

    def push(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """Add samples and return those that are final: float32 ``[channels, m]``."""
        channels, reach, size = samples.shape[0], self._filter.reach, self._periods * self._filter.down
        if not self._received:
            self._pieces, self._waiting = [np.zeros((channels, reach), np.float32)], reach
        self._pieces.append(samples)
        self._received += samples.shape[1]
        self._waiting += samples.shape[1]
        blocks = [np.zeros((channels, 0), np.float32)]
        if self._waiting < size + 2 * reach:
            return blocks[0]
        buffer, start = np.concatenate(self._pieces, axis=1), 0
        while buffer.shape[1] - start >= size + 2 * reach:
            blocks.append(self._block(buffer[:, start:], self._periods * self._filter.up))
            start += size
        self._pieces, self._waiting = [buffer[:, start:].copy()], buffer.shape[1] - start
        return np.concatenate(blocks, axis=1)

    def flush(self) -> NDArray[np.float32]:
        """Return the remaining samples: float32 ``[channels, m]``; ``[1, 0]`` without input."""
        if not self._received:
            return np.zeros((1, 0), np.float32)
        silence = np.zeros((self._pieces[0].shape[0], self._filter.reach), np.float32)
        total = self._received * self._filter.up // self._filter.down
        return self._block(np.concatenate([*self._pieces, silence], axis=1), total - self._emitted)

    def _block(self, buffer: NDArray[np.floating], count: int) -> NDArray[np.float32]:
        """Compute ``count`` output samples; the first one is at ``buffer[:, reach]``."""
        from scipy.signal import upfirdn

        f = self._filter
        part = buffer[:, : 2 * f.reach + ceil(count * f.down / f.up) + 1]
        out = upfirdn(f.taps, part, f.up, f.down, axis=1)[:, f.lead : f.lead + count]
        self._emitted += count
        return np.pad(out, ((0, 0), (0, count - out.shape[1]))).astype(np.float32)


def resample(sound: Waveform, rate: int) -> Waveform:
    """Return the sound at another rate, with the same start."""
    if rate == sound.rate:
        return sound
    if sound.samples.shape[1] == 0:
        return Waveform(sound.samples, rate, sound.start)
    resampler = Resampler(sound.rate, rate)
    samples = np.concatenate([resampler.push(sound.samples), resampler.flush()], axis=1)
    return Waveform(samples, rate, sound.start)
