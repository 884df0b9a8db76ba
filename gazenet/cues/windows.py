"""Windows of a video as a spec declares them: resized frames, faces with crops, maps of other cues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.extractor import Face, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec

Image = NDArray[np.uint8]


class WindowSource(Protocol):
    """The source of frames, faces and maps. Indices are always those of existing frames.

    For chunk ``k`` the frames from ``CueRunner.earliest(k)`` to ``CueRunner.horizon(k)`` are read, and the maps of
    other extractors at anchor frames only.
    """

    def image(self, index: int) -> Image:
        """Return the analysis frame, uint8 ``[H, W, 3]`` RGB, of the same size throughout a video."""

    def time(self, index: int) -> float:
        """Return the presentation time in seconds."""

    def faces(self, index: int) -> tuple[Face, ...]:
        """Return the faces of a frame in pixels of the full-size frame, with crops where the spec needs them."""

    def map(self, name: str, index: int) -> Image:
        """Return the final map of another extractor, uint8 ``[h, w]``."""


def input_size(spec: InputSpec, height: int, width: int) -> tuple[int, int]:
    """Return (height, width) at which an extractor gets a frame of ``height`` x ``width`` pixels.

    With ``keep_aspect``: the largest size inside ``spec`` (a fraction of a pixel rounds up), then both sides rounded
    up to ``multiple_of``; without ``enlarge`` never larger than the frame before that rounding.
    """
    if not spec.keep_aspect:
        return spec.height, spec.width
    if not spec.enlarge and height <= spec.height and width <= spec.width:
        size = height, width
    elif spec.height * width <= spec.width * height:
        size = spec.height, _ceil_div(width * spec.height, height)
    else:
        size = _ceil_div(height * spec.width, width), spec.width
    step = spec.multiple_of
    return _ceil_div(size[0], step) * step, _ceil_div(size[1], step) * step


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize ``[H, W, 3]`` to ``[*size, 3]``: by area if the picture shrinks, bilinear if it grows."""
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    shrinks = size[0] * size[1] < height * width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=method), np.uint8)


def crop_face(image: Image, box: tuple[float, float, float, float], side: int) -> Image:
    """Cut the square around ``box`` (left, top, right, bottom) as uint8 ``[side, side, 3]``, black outside ``image``.

    The square has the centre of the box and its longer side (at least one pixel, whole pixels).
    """
    left, top, right, bottom = box
    reach = max(1, int(np.ceil(max(right - left, bottom - top))))
    x, y = round((left + right - reach) / 2), round((top + bottom - reach) / 2)
    height, width = image.shape[:2]
    square = np.zeros((reach, reach, 3), np.uint8)
    x0, x1 = np.clip((x, x + reach), 0, width)
    y0, y1 = np.clip((y, y + reach), 0, height)
    if x0 < x1 and y0 < y1:
        square[y0 - y : y1 - y, x0 - x : x1 - x] = image[y0:y1, x0:x1]
    return resize(square, (side, side))


class WindowBuilder:
    """Builds batches of windows for one extractor; a frame that windows share is resized and transferred once."""

    def __init__(
        self, spec: ExtractorSpec, device: torch.device, video: VideoContext, map_size: tuple[int, int]
    ) -> None:
        self._spec, self._device, self._video, self._map_size = spec, device, video, map_size
        self._resized: dict[int, Image] = {}

    def forget(self) -> None:
        """Drop the resized frames; called after each chunk."""
        self._resized.clear()

    def build(self, anchors: Sequence[int], last_frame: int | None, source: WindowSource) -> Windows:
        """Build the windows around ``anchors``; indices are clamped to 0 and ``last_frame`` (if it is known)."""
        window, needs = self._spec.window, self._spec.needs
        indices = np.asarray(anchors)[:, None] + np.arange(-window.before, window.after + 1)
        indices = np.clip(indices, 0, last_frame)
        faces: list[list[tuple[Face, ...]]] = []
        if needs.faces or needs.face_crops:
            faces = [self._faces(row, window.before, source) for row in indices.tolist()]
        return Windows(
            index=np.asarray(anchors, np.int64),
            times=np.asarray([[source.time(i) for i in row] for row in indices.tolist()], np.float64),
            size=(self._video.height, self._video.width),
            map_size=self._map_size,
            anchor=window.before,
            frames=None if self._spec.input is None else self._frames(indices, self._spec.input, source),
            faces=faces,
            maps={name: self._maps(name, anchors, source) for name in needs.maps},
        )

    def _frames(self, indices: NDArray[np.int64], spec: InputSpec, source: WindowSource) -> torch.Tensor:
        """Return uint8 ``[B, L, 3, h, w]`` on the device."""
        unique, places = np.unique(indices, return_inverse=True)
        for index in unique.tolist():
            if index not in self._resized:
                image = source.image(index)
                self._resized[index] = resize(image, input_size(spec, *image.shape[:2]))
        stacked = torch.from_numpy(np.stack([self._resized[index] for index in unique.tolist()]))
        on_device = stacked.to(self._device).permute(0, 3, 1, 2).contiguous()
        return on_device[torch.from_numpy(places.reshape(indices.shape)).to(self._device)]

    def _faces(self, row: list[int], anchor: int, source: WindowSource) -> list[tuple[Face, ...]]:
        side = self._spec.needs.face_crops
        faces = [tuple(replace(face, crop=None) for face in source.faces(index)) for index in row]
        if side:
            faces[anchor] = tuple(_with_crop(face, side, row[anchor]) for face in source.faces(row[anchor]))
        return faces

    def _maps(self, name: str, anchors: Sequence[int], source: WindowSource) -> torch.Tensor:
        """Return float32 ``[B, h, w]`` in 0..1 on the device."""
        stacked = np.stack([source.map(name, index) for index in anchors])
        return torch.from_numpy(stacked).to(self._device).float() / 255


def _with_crop(face: Face, side: int, index: int) -> Face:
    """Return the face with its crop resized to ``side``; raises ValueError if the source supplied none."""
    if face.crop is None:
        raise ValueError(f"frame {index}: the face of track {face.track} comes without the crop that the spec needs")
    return replace(face, crop=resize(face.crop, (side, side)))
