"""Sound: decoding, resampling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.media.container import open_container, reason
from gazenet.media.types import Waveform


def read_audio(path: str | Path, rate: int | None = None, mono: bool = False) -> Waveform | None:
    """The first sound track as float32 ``[channels, N]`` in -1..1, or None where there is none.

    Args:
        rate: samples per second wanted; the track's own by default.
        mono: the mean of all channels, while decoding.

    ``start`` is the first sample's time after the first video frame (seconds, negative when the sound begins before).
    A damaged track ends where decoding fails. Raises MediaError where the file cannot be opened.
    """
    with open_container(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        zero = _video_start(container)
        blocks, start = _decode(container, stream, av.AudioResampler("fltp", "mono" if mono else None, rate))
        if not blocks:
            return None
        samples = np.concatenate(blocks, axis=1)
        return Waveform(np.clip(np.nan_to_num(samples), -1, 1), rate or int(stream.rate), start - zero)


def _video_start(container: Any) -> float:
    for stream in container.streams.video:
        if stream.start_time is not None:
            return float(stream.start_time * stream.time_base)
    return 0.0


def _decode(container: Any, stream: Any, resampler: Any) -> tuple[list[NDArray[np.float32]], float]:
    blocks: list[NDArray[np.float32]] = []
    start = 0.0
    frames = iter(container.decode(stream))
    while True:
        try:
            frame = next(frames, None)
        except FFmpegError as error:
            if not blocks:
                raise MediaError(f"{container.name}: the sound cannot be decoded ({reason(error)})") from None
            frame = None
        if frame is not None and not blocks and frame.pts is not None:
            start = float(frame.pts * frame.time_base)
        for piece in resampler.resample(frame):
            blocks.append(_planar(piece))
        if frame is None:
            return blocks, start


def _planar(piece: Any) -> NDArray[np.float32]:
    return np.atleast_2d(np.asarray(piece.to_ndarray(), np.float32))


def resample(sound: Waveform, rate: int) -> Waveform:
    """The same sound at another rate, through FFmpeg's resampler."""
    if rate == sound.rate:
        return sound
    layout = "mono" if sound.samples.shape[0] == 1 else "stereo"
    if sound.samples.shape[0] > 2:
        sound, layout = sound.mono(), "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples, np.float32), format="fltp", layout=layout)
    frame.sample_rate = sound.rate
    resampler = av.AudioResampler("fltp", layout, rate)
    pieces = [_planar(p) for p in [*resampler.resample(frame), *resampler.resample(None)]]
    return Waveform(np.concatenate(pieces, axis=1), rate, sound.start)
