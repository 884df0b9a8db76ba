"""Sound: decoding on the video's time line, resampling, features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from gazenet.media.clock import ContainerClock, clock_of, packets_of
from gazenet.media.container import audio_stream, open_container, reason, stream_end
from gazenet.media.frames import Waveform
from gazenet.media.logmel import log_mel
from gazenet.media.resample import Resampler, resample
from gazenet.media.sound_file import read_sound_of

__all__ = ["log_mel", "read_audio", "resample"]

GAP = 0.03
"""Seconds between time stamp and count of samples beyond which silence is put in or samples are dropped."""
TOLERATED_SHORTAGE = 0.25
"""Seconds."""
_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


def read_audio(
    path: str | Path, rate: int | None = None, mono: bool = False, notes: list[str] | None = None
) -> Waveform | None:
    """The default sound track as float32 ``[channels, N]`` in -1..1; None where there is none or nothing decodes.

    It lies on the time line of the frames: ``start`` is the time of the first sample, negative when the sound begins
    before the container does; what is missing in between is silence.

    Args:
        path: a video, a sound file, or a folder of pictures with a sound file.
        rate: samples per second wanted; the track's own by default.
        mono: the mean of all channels. Mixing and resampling happen while decoding, so that long videos need memory
            for their result only.
        notes: receives plain lines about damage.

    Raises MediaError where the file cannot be opened.
    """
    if Path(path).is_dir():
        return read_sound_of(Path(path), rate, mono)
    remarks: list[str] = [] if notes is None else notes
    with open_container(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return None
        clock = clock_of(path)
        zero = clock.origin(container)
        longest = max(clock.seconds.values()) + 1 if clock.jumps else _longest(container)
        track = _Track(mono, rate, longest, clock.seconds.get(stream.index, 0.0) + 1)
        for frame in _frames(container, stream, clock, remarks):
            track.add(frame, zero)
        if not container.streams.video:  # otherwise the pictures' reader says it, of both
            remarks += clock.remarks()
        return track.finish(remarks, None if clock.jumps else _declared_end(stream, zero))


def _declared_end(stream: AudioStream, zero: Fraction) -> float | None:
    end = stream_end(stream)
    return None if end is None else float(end - zero)


def _longest(container: InputContainer) -> float:
    """Seconds that the sound can last at most, as far as the container is to be believed."""
    return container.duration / av.time_base + 1 if container.duration else float("inf")


def _frames(
    container: InputContainer, stream: AudioStream, clock: ContainerClock, notes: list[str]
) -> Iterator[AudioFrame]:
    """Decoded frames, their clock corrected; damaged packets are passed over and counted."""
    errors: Counter[str] = Counter()

    def failed(error: BaseException) -> None:
        errors[reason(error)] += 1

    correct = clock.correction(stream)
    for packet in packets_of(container, [stream], failed):
        correct(packet)
        try:
            decoded = stream.decode(packet)
        except (FFmpegError, ValueError) as error:
            failed(error)
            continue
        yield from decoded
    with suppress(FFmpegError, ValueError):
        yield from stream.decode(None)
    if errors:
        cause = errors.most_common(1)[0][0]
        notes.append(
            f"{errors.total()} pieces of the sound could not be decoded ({cause}): silence stands in for them"
        )


class _Samples:
    """Sound that grows block by block in one piece of memory: kept as blocks, it would need twice its size in the end.

    Args:
        expected: samples that are likely to come.
    """

    def __init__(self, expected: int) -> None:
        self._expected, self._count = max(1, expected), 0
        self._held: NDArray[np.float32] | None = None

    def add(self, block: NDArray[np.float32]) -> None:
        """Appends float32 ``[channels, n]``."""
        channels, count = block.shape
        if self._held is None:
            self._held = np.empty((channels, max(self._expected, count)), np.float32)
        if self._count + count > self._held.shape[1]:
            larger = np.empty((channels, (self._count + count) * 5 // 4), np.float32)
            larger[:, : self._count] = self._held[:, : self._count]
            self._held = larger
        self._held[:, self._count : self._count + count] = block
        self._count += count

    def all(self) -> NDArray[np.float32]:
        """Float32 ``[channels, n]``, contiguous."""
        if self._held is None:
            return np.zeros((1, 0), np.float32)
        return np.ascontiguousarray(self._held[:, : self._count])


class _Track:
    """Collects decoded frames into one waveform.

    Args:
        mono, rate: as :func:`read_audio` takes them.
        longest: seconds that the sound can last at most, as far as the file is to be believed.
        seconds: how long it is likely to be.
    """

    def __init__(self, mono: bool, rate: int | None, longest: float, seconds: float) -> None:
        self._mono, self._wanted, self._longest, self._seconds = mono, rate, longest, seconds
        self._samples = _Samples(0)
        self._start: Fraction | None = None
        self._rate = self._channels = self._count = self._foreign = self._invalid = 0
        self._resampler: Resampler | None = None
        self._converters: dict[tuple[str, str, int], av.AudioResampler] = {}

    def add(self, frame: AudioFrame, zero: Fraction) -> None:
        if not self._rate:
            self._begin(frame, zero)
        if frame.sample_rate == self._rate:
            self._take(frame, zero)
            return
        self._foreign += 1
        for converted in self._at_rate(frame):
            self._take(converted, zero)

    def _at_rate(self, frame: AudioFrame) -> list[AudioFrame]:
        """A frame of another sampling rate at that of the first; its time stamp stays."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form not in self._converters:
            self._converters[form] = av.AudioResampler(frame.format, frame.layout, self._rate)
        return list(self._converters[form].resample(frame))

    def _take(self, frame: AudioFrame, zero: Fraction) -> None:
        samples = self._to_float(frame)
        if frame.pts is not None and frame.time_base is not None and self._start is not None:
            samples = self._aligned(samples, frame.pts * frame.time_base - zero - self._start)
        self._keep(samples)

    def _begin(self, frame: AudioFrame, zero: Fraction) -> None:
        self._rate = frame.sample_rate
        self._channels = 1 if self._mono else len(frame.layout.channels)
        if frame.pts is not None and frame.time_base is not None:
            self._start = frame.pts * frame.time_base - zero
        self._samples = _Samples(round(self._seconds * (self._wanted or self._rate)))
        if self._wanted not in (None, self._rate):
            self._resampler = Resampler(self._rate, int(self._wanted or 0))

    def _to_float(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Float32 ``[channels, n]`` in -1..1 of any sample format, mixed down where asked for."""
        data: NDArray[Any] = frame.to_ndarray()
        channels = len(frame.layout.channels)
        if not frame.format.is_planar:
            data = data.reshape(-1, channels).T
        name = frame.format.name.removesuffix("p")
        samples = data.astype(np.float32)
        if name in _SCALE:
            samples = samples / np.float32(_SCALE[name]) - (1 if name == "u8" else 0)
        invalid = ~np.isfinite(samples)
        if invalid.any():
            self._invalid += int(invalid.sum())
            samples[invalid] = 0
        if self._mono or channels != self._channels:  # a track that changes its channels is spread or mixed
            samples = np.repeat(samples.mean(axis=0, keepdims=True), self._channels, axis=0)
        return np.clip(samples, -1, 1)

    def _aligned(self, samples: NDArray[np.float32], after: Fraction) -> NDArray[np.float32]:
        """Puts silence into a gap before the samples; cuts what overlaps with the samples before them."""
        shift = round(after * self._rate) - self._count
        if abs(shift) <= GAP * self._rate or after > self._longest:
            return samples
        return samples[:, -shift:] if shift < 0 else np.pad(samples, ((0, 0), (shift, 0)))

    def _keep(self, samples: NDArray[np.float32]) -> None:
        self._count += samples.shape[1]
        self._samples.add(samples if self._resampler is None else self._resampler.push(samples))

    def finish(self, notes: list[str], declared: float | None) -> Waveform | None:
        if not self._count:
            notes.append("nothing of the sound track could be decoded")
            return None
        end = float(self._start or 0) + self._count / self._rate
        if declared is not None and declared - end > TOLERATED_SHORTAGE:
            notes.append(f"the file declares sound until {declared:.2f} s, it ends at {end:.2f} s")
        if self._foreign:
            foreign = f"{self._foreign} pieces are brought to that of the first"
            notes.append(f"the sound changes its sampling rate; {foreign}")
        if self._invalid:
            notes.append(f"{self._invalid} samples of the sound are not finite numbers; they are silent")
        if self._resampler is not None:
            self._samples.add(self._resampler.flush())
        return Waveform(self._samples.all(), self._wanted or self._rate, float(self._start or 0))
