"""Clips of action videos as inputs of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.media.decode import resize_image
from gazenet.training.seeded_samples import Sample
from gazenet_plugins.st_abn.colour import jitter
from gazenet_plugins.st_abn.recipe import ActionData
from gazenet_plugins.st_abn.videos import ActionVideo

MEAN = np.array([103.53, 116.28, 123.675], np.float32)
STD = np.array([57.375, 57.12, 58.395], np.float32)
"""The published mean, BGR, of values in 0..255."""


def evaluation_starts(length: int, frames: int, clips: int) -> list[int]:
    """Return the first frames of clips spread evenly over a video, as published."""
    if length < frames:
        return [0] * clips
    tick = (length - frames + 1) / clips
    return [int(tick / 2 + tick * k) for k in range(clips)]


def frame_numbers(start: int, frames: int, length: int, beyond: str) -> list[int]:
    """Return the frames of a clip; frames outside the video are replaced by the clip's first or last frame."""
    fill = start if beyond == "first" else length - 1
    return [k if k < length else fill for k in range(start, start + frames)]


def normalised(clip: NDArray[np.floating]) -> Tensor:
    """Normalise ``[T, H, W, 3]`` BGR 0..255 to the input ``[3, T, H, W]``."""
    return torch.from_numpy(np.ascontiguousarray(((clip - MEAN) / STD).transpose(3, 0, 1, 2), np.float32))


class ActionClips:
    """Samples of videos: ``clips`` ``[K, 3, T, S, S]`` and ``label`` ``[]``.

    One random clip in training, K evenly spread clips in validation. Pictures smaller than the crop are enlarged to
    it.
    """

    def __init__(self, videos: Sequence[ActionVideo], data: ActionData) -> None:
        self.videos, self.data = videos, data

    def __len__(self) -> int:
        return len(self.videos)

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        """Return the sample of one video. Raises MediaError."""
        video, data = self.videos[index], self.data
        if random is None:
            starts = evaluation_starts(video.count, data.frames, data.clips)
            clips = [self.clip(video, start) for start in starts]
        else:
            start = int(random.integers(0, max(video.count - data.frames, 0) + 1))
            clips = [normalised(self._varied(self.picture(video, start, random), random))]
        return {"clips": torch.stack(clips), "label": torch.tensor(video.label)}

    def clip(self, video: ActionVideo, start: int) -> Tensor:
        """Return the input ``[3, T, S, S]`` of the clip that begins at a frame, cropped in the middle."""
        return normalised(self.picture(video, start, None))

    def picture(self, video: ActionVideo, start: int, random: np.random.Generator | None) -> NDArray[np.float32]:
        """Return the clip ``[T, S, S, 3]`` BGR 0..255 from a frame on; the crop is random or central."""
        data = self.data
        numbers = frame_numbers(start, data.frames, video.count, data.beyond)
        frames = [_scaled(frame, data) for frame in video.frames(numbers)]
        height, width = frames[0].shape[:2]
        size = data.size
        if random is None:
            top, left = _middle(height, size), _middle(width, size)
        else:
            top, left = int(random.integers(0, height - size + 1)), int(random.integers(0, width - size + 1))
        crop = np.stack(frames)[:, top : top + size, left : left + size]
        return crop[..., ::-1].astype(np.float32)

    def _varied(self, clip: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        if self.data.flip != "none" and random.random() < 0.5:
            clip = np.flip(clip, 2 if self.data.flip == "horizontal" else 1)
        return jitter(clip, random) if self.data.colour else clip


def in_the_crop(points: NDArray[np.float64], height: int, width: int, data: ActionData) -> NDArray[np.float64]:
    """Convert points ``[..., 2]`` (x, y) of a frame to pixels of the central crop."""
    tall, broad = _enlarged(height, width, data)
    corner = np.array([_middle(broad, data.size), _middle(tall, data.size)])
    return points * np.array([broad / width, tall / height]) - corner


def enlargement(height: int, width: int, data: ActionData) -> float:
    """Return the pixels of the crop per pixel of the frame."""
    return max(data.shorter_side or min(height, width), data.size) / min(height, width)


def _middle(length: int, size: int) -> int:
    return int(length / 2 - size / 2)


def _enlarged(height: int, width: int, data: ActionData) -> tuple[int, int]:
    scale = enlargement(height, width, data)
    return max(data.size, round(height * scale)), max(data.size, round(width * scale))


def _scaled(frame: NDArray[np.uint8], data: ActionData) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    return resize_image(frame, *_enlarged(height, width, data))
