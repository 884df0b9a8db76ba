"""Decoding of sound on the time line of the frames."""

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

from gazenet.media.clock import ContainerClock, read_clock, read_packets
from gazenet.media.container import audio_stream, open_container, reason, stream_end
from gazenet.media.frames import Waveform
from gazenet.media.logmel import log_mel
from gazenet.media.resample import Resampler, resample
from gazenet.media.sound_file import read_sound_of

__all__ = ["log_mel", "read_audio", "resample"]

GAP = 0.03
"""Seconds between time stamp and sample count beyond which silence is inserted or samples are dropped."""
TOLERATED_SHORTAGE = 0.25
"""Seconds that the sound may end before its declared end without a warning."""
_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


def read_audio(
    path: str | Path, rate: int | None = None, mono: bool = False, notes: list[str] | None = None
) -> Waveform | None:
    """Decode the default sound track: float32 ``[channels, N]`` in -1..1; None without a track that decodes.

    The track is aligned with the frames: ``start`` is the time of the first sample in seconds, negative where the
    sound begins before the container; gaps are silence.

    Args:
        path: a video, a sound file, or a folder of pictures with a sound file.
        rate: samples per second of the result; that of the track by default.
        mono: whether to return the mean of all channels. Mixing and resampling happen while decoding, so that long
            videos need memory only for the result.
        notes: receives lines about damage.

    Raises MediaError where the file cannot be opened.
    """
    if Path(path).is_dir():
        return read_sound_of(Path(path), rate, mono)
    remarks: list[str] = [] if notes is None else notes
    with open_container(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return None
        clock = read_clock(path)
        zero = clock.origin(container)
        longest = max(clock.seconds.values()) + 1 if clock.jumps else _max_duration(container)
        track = _TrackBuilder(mono, rate, longest, clock.seconds.get(stream.index, 0.0) + 1)
        for frame in _frames(container, stream, clock, remarks):
            track.add(frame, zero)
        if not container.streams.video:  # otherwise the reader of the frames reports them
            remarks += clock.remarks()
        return track.finish(remarks, None if clock.jumps else _declared_end(stream, zero))


def _declared_end(stream: AudioStream, zero: Fraction) -> float | None:
    end = stream_end(stream)
    return None if end is None else float(end - zero)


def _max_duration(container: InputContainer) -> float:
    """Return an upper bound of the duration of the sound in seconds, by the container's declaration."""
    return container.duration / av.time_base + 1 if container.duration else float("inf")


def _frames(
    container: InputContainer, stream: AudioStream, clock: ContainerClock, notes: list[str]
) -> Iterator[AudioFrame]:
    """Yield decoded frames with corrected time stamps; skip and count damaged packets."""
    errors: Counter[str] = Counter()

    def count_error(error: BaseException) -> None:
        errors[reason(error)] += 1

    correct = clock.correction(stream)
    for packet in read_packets(container, [stream], count_error):
        correct(packet)
        try:
            decoded = stream.decode(packet)
        except (FFmpegError, ValueError) as error:
            count_error(error)
            continue
        yield from decoded
    with suppress(FFmpegError, ValueError):
        yield from stream.decode(None)
    if errors:
        cause = errors.most_common(1)[0][0]
        notes.append(
            f"{errors.total()} packets of the sound could not be decoded ({cause}) and are replaced by silence"
        )


class _SampleBuffer:
    """A growing buffer of samples in one piece of memory; joining a list of blocks would need twice the memory.

    Args:
        expected: expected number of samples.
    """

    def __init__(self, expected: int) -> None:
        self._expected, self._count = max(1, expected), 0
        self._buffer: NDArray[np.float32] | None = None

    def add(self, block: NDArray[np.float32]) -> None:
        """Append float32 ``[channels, n]``."""
        channels, count = block.shape
        if self._buffer is None:
            self._buffer = np.empty((channels, max(self._expected, count)), np.float32)
        if self._count + count > self._buffer.shape[1]:
            larger = np.empty((channels, (self._count + count) * 5 // 4), np.float32)
            larger[:, : self._count] = self._buffer[:, : self._count]
            self._buffer = larger
        self._buffer[:, self._count : self._count + count] = block
        self._count += count

    def all(self) -> NDArray[np.float32]:
        """Return all samples: float32 ``[channels, n]``, contiguous."""
        if self._buffer is None:
            return np.zeros((1, 0), np.float32)
        return np.ascontiguousarray(self._buffer[:, : self._count])


class _TrackBuilder:
    """A builder of one waveform from decoded frames.

    Args:
        mono, rate: as of :func:`read_audio`.
        longest: upper bound of the duration in seconds, by the file's declaration.
        seconds: expected duration in seconds.
    """

    def __init__(self, mono: bool, rate: int | None, longest: float, seconds: float) -> None:
        self._mono, self._target_rate, self._longest, self._seconds = mono, rate, longest, seconds
        self._samples = _SampleBuffer(0)
        self._start: Fraction | None = None
        self._rate = self._channels = self._count = self._resampled = self._invalid = 0
        self._resampler: Resampler | None = None
        self._converters: dict[tuple[str, str, int], av.AudioResampler] = {}

    def add(self, frame: AudioFrame, zero: Fraction) -> None:
        """Append a frame; ``zero``: the moment of the container's clock that is time 0, in seconds."""
        if not self._rate:
            self._begin(frame, zero)
        if frame.sample_rate == self._rate:
            self._append(frame, zero)
            return
        self._resampled += 1
        for converted in self._at_rate(frame):
            self._append(converted, zero)

    def _at_rate(self, frame: AudioFrame) -> list[AudioFrame]:
        """Resample a frame to the rate of the first one, with its time stamp."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form not in self._converters:
            self._converters[form] = av.AudioResampler(frame.format, frame.layout, self._rate)
        return list(self._converters[form].resample(frame))

    def _append(self, frame: AudioFrame, zero: Fraction) -> None:
        samples = self._to_float(frame)
        if frame.pts is not None and frame.time_base is not None and self._start is not None:
            samples = self._align(samples, frame.pts * frame.time_base - zero - self._start)
        self._count += samples.shape[1]
        self._samples.add(samples if self._resampler is None else self._resampler.push(samples))

    def _begin(self, frame: AudioFrame, zero: Fraction) -> None:
        self._rate = frame.sample_rate
        self._channels = 1 if self._mono else len(frame.layout.channels)
        if frame.pts is not None and frame.time_base is not None:
            self._start = frame.pts * frame.time_base - zero
        self._samples = _SampleBuffer(round(self._seconds * (self._target_rate or self._rate)))
        if self._target_rate not in (None, self._rate):
            self._resampler = Resampler(self._rate, int(self._target_rate or 0))

    def _to_float(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Convert a frame of any sample format to float32 ``[channels, n]`` in -1..1, mixed down on demand."""
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
        if self._mono or channels != self._channels:  # a changed number of channels becomes that of the first frame
            samples = np.repeat(samples.mean(axis=0, keepdims=True), self._channels, axis=0)
        return np.clip(samples, -1, 1)

    def _align(self, samples: NDArray[np.float32], after: Fraction) -> NDArray[np.float32]:
        """Insert silence into a gap before the samples, or drop samples that overlap with earlier ones."""
        shift = round(after * self._rate) - self._count
        if abs(shift) <= GAP * self._rate or after > self._longest:
            return samples
        return samples[:, -shift:] if shift < 0 else np.pad(samples, ((0, 0), (shift, 0)))

    def finish(self, notes: list[str], declared: float | None) -> Waveform | None:
        """Return the waveform, or None without samples; ``declared``: the declared end in seconds."""
        if not self._count:
            notes.append("no part of the sound track could be decoded")
            return None
        end = float(self._start or 0) + self._count / self._rate
        if declared is not None and declared - end > TOLERATED_SHORTAGE:
            notes.append(f"the file declares sound until {declared:.2f} s, but it ends at {end:.2f} s")
        if self._resampled:
            resampled = f"{self._resampled} packets were resampled to the first rate"
            notes.append(f"the sound changes its sampling rate; {resampled}")
        if self._invalid:
            notes.append(f"{self._invalid} samples of the sound are not finite numbers and are silent")
        if self._resampler is not None:
            self._samples.add(self._resampler.flush())
        return Waveform(self._samples.all(), self._target_rate or self._rate, float(self._start or 0))
