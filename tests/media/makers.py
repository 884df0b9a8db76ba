"""Files with faults and peculiarities, made when a test needs them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def grey(k: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A grey picture whose level tells its number."""
    return np.full((height, width, 3), 20 + 10 * (k % 20), np.uint8)


def level(image: np.ndarray) -> int:
    """The number that :func:`grey` put into a picture."""
    return round((float(image.mean()) - 20) / 10)


def video(
    path: Path,
    frames: int = 20,
    pts: list[int] | None = None,
    codec: str = "libx264",
    rate: int = 25,
    size: tuple[int, int] = (48, 64),
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    prepare: Callable[[Any], None] = lambda stream: None,
    picture: Callable[[int, int, int], np.ndarray] = grey,
    start: int = 0,
    sound: tuple[float, float] | None = None,
) -> Path:
    """A clip; ``pts`` in 1 / ``rate`` seconds; ``sound`` (start, length) in seconds of a 440 Hz tone at 16 kHz."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        prepare(stream)
        track: Any = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(k, *size), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = start + (pts[k] if pts else k), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            for frame in tone(round(16_000 * sound[1]), round(16_000 * sound[0])):
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


def tone(samples: int, first: int = 0, rate: int = 16_000) -> list[av.AudioFrame]:
    """Frames of a 440 Hz tone at half of full scale; the first one at sample ``first``."""
    wave = (0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).astype(np.float32)[None]
    frames = []
    for at in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, at : at + 1024]), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, first + at, Fraction(1, rate)
        frames.append(frame)
    return frames


def remux(
    source: Path,
    target: Path,
    change: Callable[[int, Any], None] = lambda k, packet: None,
    options: dict[str, str] | None = None,
) -> Path:
    """A copy whose video packets have been changed, k-th packet by ``change(k, packet)``."""
    with av.open(str(source)) as original, av.open(str(target), "w", options=options or {}) as container:
        stream = container.add_stream_from_template(original.streams.video[0])
        packets = [p for p in original.demux(original.streams.video[0]) if p.dts is not None]
        for k, packet in enumerate(packets):
            change(k, packet)
            packet.stream = stream
            container.mux(packet)
    return target


def damaged(source: Path, target: Path, change: Callable[[bytearray], Any]) -> Path:
    """A copy whose bytes have been changed; ``change`` returns new bytes or changes in place."""
    data = bytearray(source.read_bytes())
    target.write_bytes(bytes(change(data) or data))
    return target
