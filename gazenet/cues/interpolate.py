"""Interpolation of the maps of anchor frames to maps of all frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FloatMaps = NDArray[np.float32]


def interpolate(anchors: Mapping[int, FloatMaps], frames: Sequence[int]) -> FloatMaps:
    """Return maps float32 ``[len(frames), h, w]``: linear between neighbouring anchors, constant after the last one.

    ``anchors`` maps a frame index to its float32 ``[h, w]`` map; the map of an anchor is returned unchanged. Raises
    ValueError for a frame without an anchor at or before it.
    """
    indices = sorted(anchors)
    if not frames or not indices or min(frames) < indices[0]:
        raise ValueError(f"no anchor at or before frame {min(frames, default=0)}")
    out = np.empty((len(frames), *anchors[indices[0]].shape), np.float32)
    for row, frame in enumerate(frames):
        place = bisect_right(indices, frame) - 1
        earlier = anchors[indices[place]]
        if frame == indices[place] or place + 1 == len(indices):
            out[row] = earlier
            continue
        share = np.float32((frame - indices[place]) / (indices[place + 1] - indices[place]))
        out[row] = earlier + (anchors[indices[place + 1]] - earlier) * share
    return out


def quantise(maps: FloatMaps) -> NDArray[np.uint8]:
    """Quantise float maps in 0..1 to uint8, rounded to the nearest of 256 levels; values outside are clipped."""
    levels: NDArray[np.uint8] = np.rint(np.clip(maps, 0.0, 1.0) * np.float32(255)).astype(np.uint8)
    return levels
