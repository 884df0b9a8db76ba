"""Clips for networks that see many frames at once: which frames, in which size and scale.

Published video networks differ little in this: a clip ends with the frame that gets the map, every frame is resized
without regard to its aspect ratio and normalised. The released maps were made with clips that deviate from what the
networks were trained with; both forms are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.cues.extractor import Windows
from gazenet.cues.window_cache import FrameCache

V = TypeVar("V")
Picture = NDArray[np.uint8]
Method = Literal["opencv", "bilinear", "lanczos"]

BUFFER = 16
"""Frames that the published pipeline keeps, in all its shipped configurations."""


def published_positions(last: int, length: int, valid: int | None = None) -> list[int]:
    """The ``length`` positions (from 0) that the released code takes for the map of the ``last``-th frame of a window.

    It takes one frame less than it should and repeats the first of them. ``valid``: frames that may be used at all
    (limited by the sound in some networks).
    """
    end = last if valid is None else min(last, valid)
    start = max(0, end - length + 1)
    return [start] * (length - (end - start)) + list(range(start, end))


def published_offsets(frame: int, length: int, buffer: int = BUFFER, valid: int | None = None) -> list[int]:
    """The clip of frame ``frame`` as the released code composes it, as offsets from that frame, oldest first.

    At the start of a video, and where the buffer is shorter than the clip, the newest frame fills the end. ``valid``
    as of :func:`published_positions`.
    """
    known = min(frame + 1, length, buffer)
    window = [*range(1 - known, 1), *[0] * (length - known)]
    return [window[position] for position in published_positions(length, length, valid)]


def causal_offsets(length: int, step: int = 1) -> list[int]:
    """The frame and the ``length - 1`` before it, every ``step``-th, as offsets, oldest first."""
    return list(range(-(length - 1) * step, 1, step))


def follow_each_other(offsets: Sequence[int]) -> bool:
    """Whether a clip holds frame after frame, none twice."""
    return all(b - a == 1 for a, b in pairwise(offsets))


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes what a network takes.

    ``size``: (height, width). ``mean`` and ``std``: RGB, of values in 0..1. ``method``: ``opencv`` is bilinear without
    smoothing; ``bilinear`` and ``lanczos`` are Pillow's, which smooth where the picture shrinks.
    """

    size: tuple[int, int]
    mean: Sequence[float]
    std: Sequence[float]
    method: Method = "opencv"

    def __call__(self, picture: Picture) -> NDArray[np.float32]:
        """RGB uint8 ``[H, W, 3]`` to float32 ``[3, *size]``."""
        small = resized(picture, self.size, self.method).astype(np.float32) / 255
        normal = (small - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1))


def resized(picture: Picture, size: tuple[int, int], method: Method) -> Picture:
    """uint8 ``[H, W, 3]`` to ``[*size, 3]``, the aspect ratio left aside."""
    if method == "opencv":
        return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    from PIL import Image

    filters = {"bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}
    return np.asarray(Image.fromarray(picture).resize(size[::-1], filters[method]), np.uint8)


class FrameResults(Generic[V]):
    """What is computed from single frames, once for all the clips that share a frame.

    Args:
        make: from the uint8 RGB frame ``[H, W, 3]`` to the value. It sees one frame at a time: no value depends on how
            a run is cut into batches.
    """

    def __init__(self, make: Callable[[Picture], V]) -> None:
        self._make = make
        self._memo: FrameCache[V] = FrameCache()

    def clear(self) -> None:
        """Another video begins."""
        self._memo.clear()

    def clip(self, windows: Windows, b: int, offsets: Sequence[int]) -> list[V]:
        """The values of window b's frames at ``offsets`` from its anchor; before frame 0 that of frame 0.

        Windows are asked for in rising order: older frames are forgotten.
        """
        anchor = int(windows.index[b])
        self._memo.forget_before(anchor - windows.anchor)
        return [self._of(windows, b, anchor, offset) for offset in offsets]

    def _of(self, windows: Windows, b: int, anchor: int, offset: int) -> V:
        assert windows.frames is not None
        pixels = windows.frames[b, windows.anchor + offset]
        return self._memo.get(max(0, anchor + offset), (), lambda: self._make(_picture(pixels)))


def _picture(pixels: Tensor) -> Picture:
    return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())


def stacked(frames: Sequence[Tensor]) -> Tensor:
    """Frames ``[3, H, W]`` as a clip ``[1, 3, T, H, W]``."""
    return torch.stack(list(frames), 1)[None]
