"""Attention maps of the branches: merged per face, drawn into the frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import Picture, jet, wrapped
from gazenet.cues.faces.face_crops import Box, PixelBox
from gazenet.cues.rendering import Canvas, FloatMap

Map = NDArray[np.floating]
TINY = 1e-30
"""Smallest divisor, and smallest value before a logarithm."""

MERGES: dict[str, Callable[[Map], Map]] = {
    "sum": lambda maps: maps.sum(0),
    "mean": lambda maps: maps.mean(0),
    "gmean": lambda maps: np.exp(np.log(np.maximum(maps, TINY)).mean(0)),
    "first": lambda maps: maps[0],
}


@dataclass(frozen=True)
class FaceMap:
    """One face to draw: its box in whole pixels and its merged map ``[6, 6]``."""

    box: PixelBox
    field: Map


def from_zero(maps: Map) -> Map:
    """Subtract the minimum of each map ``[B, 6, 6]``: the published normalisation, unbounded above."""
    return maps - maps.min((1, 2), keepdims=True)


def to_one(maps: Map) -> Map:
    """Clip maps ``[B, 6, 6]`` at 0 and rescale them to 0..1, as the authors show them; constant maps give 0."""
    maps = from_zero(np.maximum(maps, 0))
    return maps / np.maximum(maps.max((1, 2), keepdims=True), TINY)


def window(side: int = 6) -> Map:
    """Return a radial Hann window ``[side, side]``: 1 in the middle, 0 at the border."""
    line = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / (side - 1))
    centre = (side - 1) / 2
    rows, columns = np.mgrid[:side, :side] - centre
    return np.asarray(np.interp(centre + np.hypot(rows, columns), np.arange(side), line, right=0.0))


def merged(maps: Map, labels: NDArray[np.integer], vote: int, merge: str = "sum", every: bool = False) -> Map:
    """Merge the maps of the branches that voted with the majority (``every``: of all) to ``[6, 6]``, windowed."""
    chosen = maps if every else maps[labels == vote]
    return MERGES[merge](chosen) * window(maps.shape[1])


def picture(faces: Sequence[FaceMap], height: int, width: int) -> Picture:
    """Draw the published picture BGR ``[height, width, 3]``; overlapping faces add modulo 256."""
    canvas: Picture = np.zeros((height, width, 3), np.uint8)
    for face in faces:
        left, top, right, bottom = _clipped(face.box, height, width)
        if right <= left or bottom <= top:
            continue
        colours = jet(wrapped(255 * face.field))
        light = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
        planes = cv2.resize(np.dstack([colours, light]), (right - left, bottom - top)).astype(np.float64)
        alpha, part = planes[..., 3:] / 255, canvas[top:bottom, left:right]
        part += (alpha * planes[..., :3] + (1 - alpha) * part).astype(np.uint8)
    return canvas


def levels(faces: Sequence[FaceMap], height: int, width: int) -> Picture:
    """Draw the published picture before colouring, uint8 ``[height, width]``."""
    canvas: Picture = np.zeros((height, width), np.uint8)
    for face in faces:
        left, top, right, bottom = _clipped(face.box, height, width)
        if right > left and bottom > top:
            grey = cv2.resize(wrapped(255 * face.field), (right - left, bottom - top))
            canvas[top:bottom, left:right] += np.asarray(grey, np.uint8)
    return canvas


def _clipped(box: PixelBox, height: int, width: int) -> PixelBox:
    left, top, right, bottom = box
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def placed(canvas: Canvas, box: Box, field: Map) -> FloatMap:
    """Scale a map ``[6, 6]`` to a maximum of 1 and draw it over ``box``, clipped to the frame."""
    cell_height, cell_width = canvas.size[0] / canvas.shape[0], canvas.size[1] / canvas.shape[1]
    # A face thinner than two cells would vanish between cell centres.
    width, height = max(box[2] - box[0], 2 * cell_width), max(box[3] - box[1], 2 * cell_height)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    side = field.shape[0]
    columns = (canvas.columns() - x + width / 2) / width * side - 0.5
    rows = (canvas.rows() - y + height / 2) / height * side - 0.5
    across, down = (np.ascontiguousarray(np.broadcast_to(axis, canvas.shape), np.float32) for axis in (columns, rows))
    full = (field / max(float(field.max()), TINY)).astype(np.float32)
    return np.asarray(cv2.remap(full, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
