"""The cascade of MTCNN: proposals from an image pyramid, refined twice on finer crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gazenet.cues.faces.nms import nms
from gazenet_plugins.mtcnn.network import BoxOutput, ONet, PNet, RNet, normalised, resized

Array = NDArray[np.float32]

CELL, STEP = 12, 2
"""Side of a proposal of PNet and distance between proposals, in pixels."""


@dataclass(frozen=True)
class CascadeSettings:
    """Settings: ``smallest`` face in pixels; ``factor`` between scales; lowest probability of each stage."""

    smallest: int = 20
    factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)


@dataclass(frozen=True)
class CascadeFaces:
    """Faces, largest first: ``boxes`` ``[N, 4]``, ``scores`` ``[N]`` and ``points`` ``[N, 5, 2]``."""

    boxes: Array
    scores: Array
    points: Array


class Cascade(nn.Module):
    """The cascade of networks from a picture to faces."""

    def __init__(self, settings: CascadeSettings | None = None) -> None:
        super().__init__()
        self.pnet, self.rnet, self.onet = PNet(), RNet(), ONet()
        self.settings = settings or CascadeSettings()

    @torch.inference_mode()
    def forward(self, image: NDArray[np.uint8]) -> CascadeFaces:
        """Detect the faces of ``image`` uint8 ``[H, W, 3]`` RGB."""
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float()[None]
        _, finer, finest = self.settings.thresholds
        boxes, scores, refined = self._refined(picture, self._proposals(picture), self.rnet, 24, finer)
        stay = nms(boxes, scores, 0.7)
        boxes = squared(moved(boxes[stay], _array(refined.shift)[stay], 1))
        boxes, scores, refined = self._refined(picture, boxes, self.onet, 48, finest)
        points = _array(refined.points).reshape(-1, 2, 5).transpose(0, 2, 1)
        points = boxes[:, None, :2] - 1 + points * (boxes[:, None, 2:] - boxes[:, None, :2] + 1)
        boxes = moved(boxes, _array(refined.shift), 1)
        stay = nms(boxes, scores, 0.7, inclusive=True, over_min_area=True)
        stay.sort(key=lambda k: -float((boxes[k, 2:] - boxes[k, :2]).prod()))
        return CascadeFaces(boxes[stay], scores[stay], points[stay])

    def scales(self, height: int, width: int) -> list[float]:
        """Return the scales of the pyramid, from the smallest face in a proposal to the whole picture in one."""
        scale, result = CELL / self.settings.smallest, []
        side = min(height, width) * scale
        while side >= CELL:
            result.append(scale)
            scale, side = scale * self.settings.factor, side * self.settings.factor
        return result

    def _proposals(self, picture: Tensor) -> Array:
        """Return the square boxes of PNet over all scales."""
        height, width = picture.shape[2:]
        parts = [self._at_scale(picture, scale) for scale in self.scales(height, width)]
        boxes, scores, shifts = (np.concatenate(part) for part in zip(_NOTHING, *parts, strict=True))
        stay = nms(boxes, scores, 0.7)
        return squared(moved(boxes[stay], shifts[stay], 0))

    def _at_scale(self, picture: Tensor, scale: float) -> tuple[Array, Array, Array]:
        height, width = picture.shape[2:]
        proposals: BoxOutput = self.pnet(
            normalised(resized(picture, (int(height * scale + 1), int(width * scale + 1))))
        )
        probability = proposals.probability[0, 1]
        cells = torch.nonzero(probability >= self.settings.thresholds[0])
        rows, columns = cells.unbind(1)
        low = cells.flip(1).float() * STEP
        boxes = torch.cat([((low + 1) / scale).floor(), ((low + CELL) / scale).floor()], 1)
        scores, shifts = probability[rows, columns], proposals.shift[0, :, rows, columns].T
        stay = nms(_array(boxes), _array(scores), 0.5)
        return _array(boxes)[stay], _array(scores)[stay], _array(shifts)[stay]

    def _refined(
        self, picture: Tensor, boxes: Array, network: nn.Module, side: int, least: float
    ) -> tuple[Array, Array, BoxOutput]:
        """Return the boxes that a finer network accepts, with its scores and its output for each."""
        crops, inside = crops_of(picture, boxes, side)
        output: BoxOutput = network(normalised(crops))
        passed = output.probability[:, 1] > least
        points = None if output.points is None else output.points[passed]
        chosen = BoxOutput(output.shift[passed], output.probability[passed], points)
        return boxes[inside][_array(passed).astype(bool)], _array(chosen.probability)[:, 1], chosen


_NOTHING = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))


def _array(values: Tensor | None) -> Array:
    assert values is not None
    return np.asarray(values.float().cpu().numpy(), np.float32)


def moved(boxes: Array, shifts: Array, pixel: int) -> Array:
    """Move corners by ``shifts`` in fractions of the sides (``pixel`` longer than the difference of corners)."""
    sides = boxes[:, 2:] - boxes[:, :2] + np.float32(pixel)
    return boxes + shifts * np.tile(sides, 2)


def squared(boxes: Array) -> Array:
    """Return the squares of the longer side around the centres of boxes."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(1, keepdims=True) if len(boxes) else sides[:, :1]
    low = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([low, low + longer], 1)


def crops_of(picture: Tensor, boxes: Array, side: int) -> tuple[Tensor, NDArray[np.intp]]:
    """Return crops ``[n, 3, side, side]`` of all boxes with pixels in the picture, and the indices of those boxes.

    Corners are truncated and count pixels from 1.
    """
    height, width = picture.shape[2:]
    low = np.maximum(np.trunc(boxes[:, :2]).astype(np.int64), 1) - 1
    high = np.minimum(np.trunc(boxes[:, 2:]).astype(np.int64), (width, height))
    inside = np.nonzero((high > low).all(1))[0]
    crops = [picture[:, :, low[k, 1] : high[k, 1], low[k, 0] : high[k, 0]] for k in inside]
    return torch.cat([picture.new_zeros(0, 3, side, side), *(resized(crop, (side, side)) for crop in crops)]), inside
