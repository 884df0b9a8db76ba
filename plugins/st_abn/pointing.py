"""Pointing accuracy: whether spatial attention lies on the moving object, beside baselines without attention.

``places.json`` beside the label file (without one: in the folder of the set) gives, in pixels of a frame,
``{"radius": 7, "videos": {ID: {"moving": [[x, y] of every frame], "resting": [[x, y] of every object at rest]}}}``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.errors import UsageError
from gazenet_plugins.st_abn.clips import ActionClips, enlargement, evaluation_starts, frame_numbers, in_the_crop
from gazenet_plugins.st_abn.network import STABN
from gazenet_plugins.st_abn.recipe import ActionSet
from gazenet_plugins.st_abn.videos import ActionVideo

PLACES = "places.json"
CELL = 16
"""Pixels of the crop to a cell of the attention."""
Points = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectPlaces:
    """Positions of objects of one ``radius``, by video, in pixels: ``moving`` ``[T, 2]``, ``resting`` ``[n, 2]``."""

    radius: float
    moving: dict[str, Points]
    resting: dict[str, Points]


def read_places(source: ActionSet, videos: Sequence[ActionVideo]) -> ObjectPlaces | None:
    """Read the positions of the objects in a set's videos; None without a file.

    Raises UsageError for a file of another form, and if it lacks a video or frames of one.
    """
    path = (Path(source.labels).parent if source.labels is not None else Path(source.root)) / PLACES
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        moving = {name: _points(video["moving"]) for name, video in content["videos"].items()}
        resting = {name: _points(video.get("resting", [])) for name, video in content["videos"].items()}
        places = ObjectPlaces(float(content["radius"]), moving, resting)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        form = '{"radius": R, "videos": {ID: {"moving": [[x, y], ...]}}}'
        raise UsageError(f"{path}: is not of the form {form} ({type(error).__name__}: {error})") from None
    for video in videos:
        if len(moving.get(video.name, ())) < video.count:
            raise UsageError(f"{path}: does not say where things are in the {video.count} frames of {video.name}")
    return places


def _points(points: object) -> Points:
    return np.array(points, np.float64).reshape(-1, 2)


def hit(points: Points, target: Points, tolerance: float) -> NDArray[np.bool_]:
    """Return whether points are within ``tolerance`` of targets, all in pixels; ``[..., 2]`` each, broadcast."""
    return np.asarray(np.hypot(*np.moveaxis(points - target, -1, 0)) <= tolerance)


def cells(size: int) -> Points:
    """Return the centres ``[n, 2]`` (x, y) of all cells of a square crop, row by row."""
    centres = (np.arange(size // CELL) + 0.5) * CELL
    return np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)


@torch.inference_mode()
def pointing(network: STABN, clips: ActionClips, places: ObjectPlaces, device: torch.device | str) -> dict[str, float]:
    """Compute how often the brightest cell of the spatial attention is on the moving object, over all frames.

    A cell is on an object if its centre is within the object's radius and half a cell. Further fractions: ``resting``,
    the same for objects at rest (mean over them); ``chance``, for a random cell; ``centre``, for the middle of the
    picture.
    """
    size, hits = clips.data.size, defaultdict[str, list[NDArray[np.bool_]]](list)
    grid, middle = cells(size), np.full(2, size / 2)
    for video in clips.videos:
        moving, resting, tolerance = _objects_in_crop(video, clips, places)
        for start in evaluation_starts(video.count, clips.data.frames, clips.data.clips):
            peaks = grid[_brightest(network, clips, video, start, device)]
            target = moving[frame_numbers(start, clips.data.frames, video.count, clips.data.beyond)]
            hits["moving"].append(hit(peaks, target, tolerance))
            hits["resting"].append(hit(peaks[:, None], resting, tolerance).ravel())
            hits["chance"].append(hit(grid, target[:, None], tolerance).ravel())
            hits["centre"].append(hit(middle, target, tolerance))
    hits_by_target = {name: np.concatenate(parts) for name, parts in hits.items()}
    return {name: float(one.mean()) for name, one in hits_by_target.items() if len(one)}


def _objects_in_crop(video: ActionVideo, clips: ActionClips, places: ObjectPlaces) -> tuple[Points, Points, float]:
    """Return moving and resting objects in pixels of the crop, and the tolerance around their centres."""
    height, width = video.frames([0]).shape[1:3]
    moving, resting = (
        in_the_crop(points[video.name], height, width, clips.data) for points in (places.moving, places.resting)
    )
    return moving, resting, places.radius * enlargement(height, width, clips.data) + CELL / 2


def _brightest(
    network: STABN, clips: ActionClips, video: ActionVideo, start: int, device: torch.device | str
) -> NDArray[np.int64]:
    """Return the index of the brightest cell in every frame of a clip."""
    clip: Tensor = clips.clip(video, start)[None].to(device)
    return np.asarray(network.attention(clip).spatial[0, 0].flatten(1).argmax(1).cpu().numpy(), np.int64)
