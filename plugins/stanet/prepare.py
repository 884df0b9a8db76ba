"""One picture and one spectrogram per second of a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from gazenet.files import atomic_write, write_bytes
from gazenet.media import VideoReader, read_audio
from gazenet_plugins.stanet import sound


def frame_number(n: int, rate: int, start: int = 0, end: int = 10) -> int | None:
    """Return the second that frame ``n`` (counted from 1) represents; None for frames that are skipped.

    The middle frame of every second from ``start`` to ``end``, both inside, at ``rate`` frames per second. At one
    frame per second and below, which the published rule does not handle, every frame is kept.
    """
    if rate < 2:
        second, middle = n - 1, True
    else:
        second, middle = n // rate, n % rate == rate // 2
    return second if middle and start <= second <= end else None


def prepare_frames(video: Path, folder: Path, start: int = 0, end: int = 10, digits: int = 2) -> list[Path]:
    """Write ``folder/00.jpg``, ``01.jpg``, ...; return the files. Raises MediaError for a file that is not a video."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with VideoReader(video) as reader:
        rate = round(reader.info.rate)
        for n, frame in enumerate(reader, 1):
            second = frame_number(n, rate, start, end)
            if second is not None:
                written.append(folder / f"{second:0{digits}d}.jpg")
                write_picture(written[-1], frame.image)
    return written


def prepare_sound(video: Path, folder: Path) -> list[Path]:
    """Writes the spectrograms float32 ``[81, 199]`` of whole seconds as ``folder/00.npy``, ...; the files.

    The complete sound track, whatever range is annotated; none for a video without sound.
    """
    track = read_audio(video, sound.RATE, mono=True)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for second, samples in enumerate([] if track is None else sound.seconds(track.samples[0])):
        written.append(folder / f"{second:02d}.npy")
        with atomic_write(written[-1]) as file:
            np.save(file, sound.spectrogram(samples).astype(np.float32))
    return written


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write an RGB ``[H, W, 3]`` or grey ``[H, W]`` uint8 picture in the format of the suffix."""
    stored = image[..., ::-1] if image.ndim == 3 else image
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(stored))
    write_bytes(path, data.tobytes())
