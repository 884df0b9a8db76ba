"""Squares of a frame for BlazeFace, and faces from its output."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet_plugins.blazeface.network import anchors

Image = NDArray[np.uint8]
Faces = NDArray[np.float32]

CLIPPED = 100.0
"""Logits are clipped to this magnitude before the sigmoid."""
OVERLAP = 0.3
"""Candidates that overlap by more than this belong to one face."""
SCORE_COLUMN = 4
X_COLUMNS, Y_COLUMNS = [0, 2, *range(5, 17, 2)], [1, 3, *range(6, 17, 2)]


class FrameSquare(NamedTuple):
    """A square of a frame: its pixels at the size of the network, and its left and top in the frame."""

    pixels: Image
    corner: tuple[int, int]


def squares(image: Image, side: int, centre: bool) -> list[FrameSquare]:
    """Cut squares as high (or wide) as the frame ``[H, W, 3]``, resized to ``side`` pixels.

    As few squares as cover the frame, evenly spaced; with ``centre`` only the one in the middle.
    """
    height, width = image.shape[:2]
    long, short = max(height, width), min(height, width)
    size = (int(width * side / short), side) if width >= height else (side, int(height * side / short))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    count = 1 if centre else math.ceil(long / short)
    # A single square is centred; several reach from end to end.
    places = [(1, 2)] if count == 1 else [(k, count - 1) for k in range(count)]
    parts = []
    for k, steps in places:
        start, origin = (max(size) - side) * k // steps, (long - short) * k // steps
        if width >= height:
            parts.append(FrameSquare(small[:, start : start + side], (origin, 0)))
        else:
            parts.append(FrameSquare(small[start : start + side], (0, origin)))
    return parts


def network_input(parts: list[FrameSquare]) -> Tensor:
    """Convert squares to the input of the network, float32 ``[N, 3, S, S]`` in -1..1."""
    pixels = torch.from_numpy(np.stack([square.pixels for square in parts]))
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def candidates(boxes: Tensor, logits: Tensor, side: int, score: float) -> Faces:
    """Decode the boxes ``[896, 16]`` of one square with at least ``score`` to ``[N, 17]``.

    Columns: left, top, right, bottom, score, six points (x, y), in fractions of the square.
    """
    scores = logits.clamp(-CLIPPED, CLIPPED).sigmoid()
    sure = scores >= score
    centres, relative = anchors().to(boxes)[sure], boxes[sure] / side
    middle, half = relative[:, :2] + centres, relative[:, 2:4] / 2
    points = relative[:, 4:] + centres.repeat(1, 6)
    return torch.cat([middle - half, middle + half, scores[sure][:, None], points], 1).float().cpu().numpy()


def in_frame(faces: Faces, square: FrameSquare, short: int) -> Faces:
    """Convert fractions of a square to pixels of the frame, whose shorter side is ``short``."""
    pixels = faces * np.float32(short)
    pixels[:, X_COLUMNS] += square.corner[0]
    pixels[:, Y_COLUMNS] += square.corner[1]
    pixels[:, SCORE_COLUMN] = faces[:, SCORE_COLUMN]
    return pixels


def blended(candidates: Faces, overlap: float = OVERLAP) -> Faces:
    """Merge candidates that overlap with the best one to their mean, weighted by their scores; best first."""
    remaining = candidates[np.argsort(-candidates[:, SCORE_COLUMN], kind="stable")]
    faces = []
    while len(remaining):
        same = _overlaps(remaining[0], remaining) > overlap
        same[0] = True
        weights = remaining[same, SCORE_COLUMN : SCORE_COLUMN + 1]
        face = (remaining[same] * weights).sum(0) / weights.sum()
        face[SCORE_COLUMN] = weights.mean()
        faces.append(face)
        remaining = remaining[~same]
    return np.stack(faces) if faces else candidates


def _overlaps(best: Faces, boxes: Faces) -> NDArray[np.float32]:
    """Return the intersection over union of one box with several; 0 where a box has no area."""
    common = np.clip(np.minimum(best[2:4], boxes[:, 2:4]) - np.maximum(best[:2], boxes[:, :2]), 0, None).prod(1)
    area = (best[2:4] - best[:2]).prod() + (boxes[:, 2:4] - boxes[:, :2]).prod(1) - common
    return np.divide(common, area, out=np.zeros_like(common), where=area > 0)
