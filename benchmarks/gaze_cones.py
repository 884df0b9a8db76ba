"""Gaze cones of a frame: scattered interpolation face by face, against ours. ``python benchmarks/gaze_cones.py``.

Plain: for every face the depth of the 10,000 points of its cone is interpolated to all pixels of the frame (nearest
point, ``scipy.interpolate.griddata``) and smoothed, as the released pipeline draws Gaze360. Ours: the same picture by
one distance transform per face, at the size at which the extractor computes it. Both are brought to the size of a cue
map and compared in steps of 255.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import griddata
from scipy.ndimage import gaussian_filter

from gazenet_plugins.gaze360.extractor import FAST_SIDE
from gazenet_plugins.gaze360.published_map import SIGMA, Depth, cone_points, fast_depth, grey

if __package__:
    from benchmarks.side_by_side import Row, compare, show
else:
    from side_by_side import Row, compare, show

MAP_SIZE = (120, 120)
MEAN_LIMIT = 16.0
"""Largest mean difference in steps of 255: where points lie on each other, plain takes any of their depths, ours the
mean."""

Clouds = Sequence[NDArray[np.int64]]


def clouds(faces: int, size: tuple[int, int], seed: int = 0) -> Clouds:
    """Points of cones at random places with random gazes."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(faces):
        gaze = rng.standard_normal(3)
        corner = rng.uniform(0.1, 0.9, 2) * size[::-1]
        found.append(cone_points(tuple(corner.tolist()), (gaze / np.linalg.norm(gaze)).astype(np.float32)))
    return found


def scattered(some: Clouds, size: tuple[int, int]) -> NDArray[np.float32]:
    """The map ``[120, 120]`` by interpolation of scattered points at full size."""
    return _map([_interpolated(points, *size) for points in some])


def _interpolated(points: NDArray[np.int64], height: int, width: int) -> Depth:
    x, y = np.meshgrid(np.linspace(0, width, width), np.linspace(0, height, height))
    depth = griddata(points[:, :2].astype(float), points[:, 2].astype(float), (x, y), method="nearest")
    return np.asarray(gaussian_filter(depth, SIGMA))


def transformed(some: Clouds, size: tuple[int, int]) -> NDArray[np.float32]:
    """The map ``[120, 120]`` as the extractor draws it."""
    zoom = min(1.0, FAST_SIDE / max(size))
    return _map([fast_depth(points, *size, zoom) for points in some])


def _map(depths: Sequence[Depth]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(grey(depths), MAP_SIZE[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def measure(faces: int, size: tuple[int, int], repetitions: int) -> tuple[Row, float]:
    """The comparison of one frame; the mean difference in steps of 255."""
    some = clouds(faces, size)
    times = compare(lambda: scattered(some, size), lambda: transformed(some, size), repetitions)
    steps = float(255 * np.abs(scattered(some, size) - transformed(some, size)).mean())
    return Row(f"{faces} faces, {size[1]} x {size[0]}", *times, 1, f"mean {steps:.1f} of 255"), steps


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 1 where pictures differ by more than the limit."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    cases = [(1, (360, 640)), (3, (360, 640)), (1, (720, 1280)), (3, (720, 1280)), (3, (1080, 1920))]
    measured = [measure(faces, size, args.repetitions) for faces, size in cases]
    print(show([row for row, _ in measured], "frame"))
    return int(max(steps for _, steps in measured) > MEAN_LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
