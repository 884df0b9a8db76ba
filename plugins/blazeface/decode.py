"""From a frame to BlazeFace's squares, and from its answers to faces."""

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
OVERLAP = 0.3
SCORE_COLUMN = 4
X_COLUMNS, Y_COLUMNS = [0, 2, *range(5, 17, 2)], [1, 3, *range(6, 17, 2)]


class FrameSquare(NamedTuple):
    """A square of a frame: its pixels at the network's size, left and top in the frame."""

    pixels: Image
    corner: tuple[int, int]


def squares(image: Image, side: int, centre: bool) -> list[FrameSquare]:
    """Squares as high (or wide) as the frame ``[H, W, 3]``, at the network's ``side``.

    As few as cover the frame, evenly spaced; the one in the middle only if ``centre``.
    """
    height, width = image.shape[:2]
    long, short = max(height, width), min(height, width)
    size = (int(width * side / short), side) if width >= height else (side, int(height * side / short))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    count = 1 if centre else math.ceil(long / short)
    # One square lies in the middle, several from end to end.
    places = [(1, 2)] if count == 1 else [(k, count - 1) for k in range(count)]
    found = []
    for k, steps in places:
        start, origin = (max(size) - side) * k // steps, (long - short) * k // steps
        if width >= height:
            found.append(FrameSquare(small[:, start : start + side], (origin, 0)))
        else:
            found.append(FrameSquare(small[start : start + side], (0, origin)))
    return found


def network_input(found: list[FrameSquare]) -> Tensor:
    """Squares as the network's pictures float32 ``[N, 3, S, S]`` in -1..1."""
    pixels = torch.from_numpy(np.stack([square.pixels for square in found]))
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def candidates(boxes: Tensor, logits: Tensor, side: int, score: float) -> Faces:
    """Boxes of one square ``[896, 16]`` from a score on: ``[N, 17]`` left, top, right, bottom, score, six (x, y).

    In shares of the square.
    """
    scores = logits.clamp(-CLIPPED, CLIPPED).sigmoid()
    sure = scores >= score
    centres, relative = anchors().to(boxes)[sure], boxes[sure] / side
    middle, half = relative[:, :2] + centres, relative[:, 2:4] / 2
    points = relative[:, 4:] + centres.repeat(1, 6)
    return torch.cat([middle - half, middle + half, scores[sure][:, None], points], 1).float().cpu().numpy()


def in_frame(found: Faces, square: FrameSquare, short: int) -> Faces:
    """Shares of a square in pixels of the frame, whose shorter side is ``short``."""
    pixels = found * np.float32(short)
    pixels[:, X_COLUMNS] += square.corner[0]
    pixels[:, Y_COLUMNS] += square.corner[1]
    pixels[:, SCORE_COLUMN] = found[:, SCORE_COLUMN]
    return pixels


def blended(found: Faces, overlap: float = OVERLAP) -> Faces:
    """Each face as the mean of the candidates that overlap with its best one, weighted by their scores; best first."""
    rest = found[np.argsort(-found[:, SCORE_COLUMN], kind="stable")]
    faces = []
    while len(rest):
        same = _overlaps(rest[0], rest) > overlap
        same[0] = True
        weights = rest[same, SCORE_COLUMN : SCORE_COLUMN + 1]
        face = (rest[same] * weights).sum(0) / weights.sum()
        face[SCORE_COLUMN] = weights.mean()
        faces.append(face)
        rest = rest[~same]
    return np.stack(faces) if faces else found


def _overlaps(best: Faces, others: Faces) -> NDArray[np.float32]:
    """Intersection over union of one box with several; 0 where a box has no area."""
    common = np.clip(np.minimum(best[2:4], others[:, 2:4]) - np.maximum(best[:2], others[:, :2]), 0, None).prod(1)
    area = (best[2:4] - best[:2]).prod() + (others[:, 2:4] - others[:, :2]).prod(1) - common
    return np.divide(common, area, out=np.zeros_like(common), where=area > 0)
