"""From maps of anchor frames to maps of all frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FloatMaps = NDArray[np.float32]


def interpolate(anchors: Mapping[int, FloatMaps], frames: Sequence[int]) -> FloatMaps:
    """Maps float32 ``[len(frames), h, w]``: linear between the two neighbouring anchors, held after the last one.

    ``anchors`` maps a frame index to its float32 ``[h, w]`` map. Every frame needs an anchor at or before it
    (ValueError). An anchor's own map is returned unchanged.
    """
    known = sorted(anchors)
    if not frames or not known or min(frames) < known[0]:
        raise ValueError(f"no anchor at or before frame {min(frames, default=0)}")
    out = np.empty((len(frames), *anchors[known[0]].shape), np.float32)
    for row, frame in enumerate(frames):
        place = bisect_right(known, frame) - 1
        left = anchors[known[place]]
        if frame == known[place] or place + 1 == len(known):
            out[row] = left
            continue
        share = np.float32((frame - known[place]) / (known[place + 1] - known[place]))
        out[row] = left + (anchors[known[place + 1]] - left) * share
    return out


def quantise(maps: FloatMaps) -> NDArray[np.uint8]:
    """Float maps in 0..1 as uint8, rounded to the nearest of 256 levels; what lies outside is clipped."""
    levels: NDArray[np.uint8] = np.rint(np.clip(maps, 0.0, 1.0) * np.float32(255)).astype(np.uint8)
    return levels
