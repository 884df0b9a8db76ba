"""Small real media, made when a test needs them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gazenet.media.encode import VideoWriter


def picture(k: int, height: int, width: int) -> np.ndarray:
    """A moving blob on a gradient whose red level tells the frame's number."""
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = min(16 * k, 255) if k < 16 else 255
    image[..., 1] = (x * 255 / max(width - 1, 1)).astype(np.uint8)
    image[..., 2] = 255 * (np.hypot(x - width * (0.2 + 0.02 * k), y - height / 2) < height / 5)
    return image


def make_clip(
    path: Path,
    frames: int = 12,
    size: tuple[int, int] = (72, 96),
    rate: Fraction = Fraction(25),
    times: list[float] | None = None,
    sound: float | None = None,
    channels: int = 1,
    image: np.ndarray | None = None,
) -> Path:
    """An MP4 of ``frames`` frames (height, width), with ``sound`` seconds of a tone."""
    source = None
    if sound is not None:
        source = make_sound(path.with_suffix(".sound.mp4"), sound, channels)
    with VideoWriter(path, size[1], size[0], rate, source) as writer:
        for k in range(frames):
            shown = picture(k, *size) if image is None else np.roll(image, 2 * k, axis=1)
            writer.write(shown, times[k] if times else k / float(rate))
    if source is not None:
        source.unlink()
    return path


def make_sound(path: Path, seconds: float, channels: int = 1, rate: int = 16_000) -> Path:
    """An AAC track: 220 Hz in the first channel, 440 Hz at half its level in the second."""
    t = np.arange(int(seconds * rate)) / rate
    samples = np.stack([0.5 * np.sin(2 * np.pi * 220 * t), 0.25 * np.sin(2 * np.pi * 440 * t)])[:channels]
    layout = "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout=layout)
        for start in range(0, len(t), 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024].astype(np.float32))
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
