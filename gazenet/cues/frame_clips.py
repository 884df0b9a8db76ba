"""Clips for networks that take many frames at once: which frames, in which size and normalisation.

Published video networks differ little in this: a clip ends with the frame that gets the map, every frame is resized
without regard to its aspect ratio and normalised. The released maps were made with clips that deviate from those of
the training; this module has both forms.
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
    """Return the ``length`` positions (from 0) that the released code uses for the map of frame ``last`` of a window.

    The released code takes one frame less than it should and repeats the first. ``valid``: the number of frames that
    may be used at all (the sound limits it in some networks).
    """
    end = last if valid is None else min(last, valid)
    start = max(0, end - length + 1)
    return [start] * (length - (end - start)) + list(range(start, end))


def published_offsets(frame: int, length: int, buffer: int = BUFFER, valid: int | None = None) -> list[int]:
    """Return the clip of ``frame`` as the released code composes it: offsets from that frame, oldest first.

    At the start of a video, and where the buffer is shorter than the clip, copies of the newest frame fill the end.
    ``valid``: see :func:`published_positions`.
    """
    available = min(frame + 1, length, buffer)
    window = [*range(1 - available, 1), *[0] * (length - available)]
    return [window[position] for position in published_positions(length, length, valid)]


def causal_offsets(length: int, step: int = 1) -> list[int]:
    """Return the offsets of a frame and of the ``length - 1`` before it, every ``step``-th, oldest first."""
    return list(range(-(length - 1) * step, 1, step))


def follow_each_other(offsets: Sequence[int]) -> bool:
    """Return whether the frames of a clip are consecutive."""
    return all(b - a == 1 for a, b in pairwise(offsets))


@dataclass(frozen=True)
class Preprocessing:
    """The conversion of a frame into the input of a network.

    ``size``: (height, width). ``mean`` and ``std``: RGB, of values in 0..1. ``method``: ``opencv`` is bilinear without
    smoothing; ``bilinear`` and ``lanczos`` are Pillow's, which smooth where the picture shrinks.
    """

    size: tuple[int, int]
    mean: Sequence[float]
    std: Sequence[float]
    method: Method = "opencv"

    def __call__(self, picture: Picture) -> NDArray[np.float32]:
        """Convert RGB uint8 ``[H, W, 3]`` to float32 ``[3, *size]``."""
        small = resized(picture, self.size, self.method).astype(np.float32) / 255
        normal = (small - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1))


def resized(picture: Picture, size: tuple[int, int], method: Method) -> Picture:
    """Resize uint8 ``[H, W, 3]`` to ``[*size, 3]``, without regard to the aspect ratio."""
    if method == "opencv":
        return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    from PIL import Image

    filters = {"bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}
    return np.asarray(Image.fromarray(picture).resize(size[::-1], filters[method]), np.uint8)


class FrameResults(Generic[V]):
    """Results computed from single frames, once for all the clips that share a frame.

    Args:
        make: computes the value of one uint8 RGB frame ``[H, W, 3]``. It takes one frame at a time, so that no value
            depends on how a run is cut into batches.
    """

    def __init__(self, make: Callable[[Picture], V]) -> None:
        self._make = make
        self._memo: FrameCache[V] = FrameCache()

    def clear(self) -> None:
        """Forget all results, for the next video."""
        self._memo.clear()

    def clip(self, windows: Windows, b: int, offsets: Sequence[int]) -> list[V]:
        """Return the values of the frames at ``offsets`` from the anchor of window ``b``.

        Frame 0 stands for the frames before it. Windows must come in ascending order: older frames are forgotten.
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
    """Stack frames ``[3, H, W]`` to a clip ``[1, 3, T, H, W]``."""
    return torch.stack(list(frames), 1)[None]
