"""The crops that the network takes for the gaze of one person, and their normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.cues.extractor import Face
from gazenet.cues.faces.face_crops import Box, PixelBox, enlarged, pixel_box, scaled

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PUBLISHED_MEAN = (224.0, 224.0, 224.0)
"""The published pipeline passes the height of the crop in place of the mean."""

HEAD = {"wider": 1.5, "higher": 1.6, "up": 0.12}
"""Factors from a face box to a head box with hair and neck, as in the training crops (chosen here)."""

CENTRE = 3


@dataclass(frozen=True)
class CropPlace:
    """The source of one of the seven crops: ``position`` in the window, ``box`` in pixels of its frames."""

    position: int
    box: PixelBox


def network_crop(crop: NDArray[np.uint8], published: bool) -> Tensor:
    """Convert a crop uint8 ``[S, S, 3]`` RGB to float32 ``[3, S, S]``, normalised."""
    mean = PUBLISHED_MEAN if published else MEAN
    x = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def followed(
    face: Face, faces: Sequence[Sequence[Face]], positions: Sequence[int], frame: Tensor, size: tuple[int, int]
) -> list[CropPlace]:
    """Return the head of one track at seven positions; in frames without it, its nearest detection."""
    detected = {p: other for p in positions for other in faces[p] if other.track == face.track}
    detected[positions[CENTRE]] = face
    nearest = [min(detected, key=lambda p: (abs(p - position), p)) for position in positions]
    return [CropPlace(p, _head(detected[p].box, frame, size)) for p in nearest]


def _head(box: Box, frame: Tensor, size: tuple[int, int]) -> PixelBox:
    return pixel_box(enlarged(scaled(box, size, frame), **HEAD))


def by_index(
    index: int, faces: Sequence[Sequence[Face]], positions: Sequence[int], frame: Tensor, size: tuple[int, int]
) -> list[CropPlace]:
    """Return the crops of the published pipeline: the box of the same index in each frame, of whatever person.

    In place of a frame with fewer boxes, the centre frame is cropped with the last box.
    """
    centre = positions[CENTRE]
    last = faces[centre][index].box
    places = []
    for position in positions:
        has = index < len(faces[position])
        last = faces[position][index].box if has else last
        places.append(CropPlace(position if has else centre, pixel_box(scaled(last, size, frame))))
    return places
