"""Orientation of decoded frames and their size as displayed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

ROTATIONS = {(0, False, False): 0, (0, True, True): 180, (1, True, False): 90, (1, False, True): 270}
ASPECT_LIMIT = 8


@dataclass(frozen=True)
class Orientation:
    """The steps that make a stored frame upright: swap the axes, then mirror left-right, then top-bottom."""

    swap: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def rotation(self) -> int:
        """Clockwise turn in degrees (0, 90, 180, 270), without mirroring."""
        key = (int(self.swap), self.mirror_x, self.mirror_y)
        return ROTATIONS.get(key, 90 if self.swap else 0)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image ``[H, W, 3]`` upright and contiguous; ``[W, H, 3]`` where the axes are swapped."""
        if not (self.swap or self.mirror_x or self.mirror_y):
            return image
        turned = image.transpose(1, 0, 2) if self.swap else image
        return np.ascontiguousarray(turned[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1])


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read the orientation from the frame's display matrix; upright without one.

    The matrix is that of ISO/IEC 14496-12: x' = a x + c y, y' = b x + d y. Angles are rounded to multiples of 90
    degrees.
    """
    try:
        matrix = frame.side_data[Type.DISPLAYMATRIX]  # type: ignore[typeddict-item]
    except KeyError:
        return Orientation()
    a, b, _, c, d = np.frombuffer(bytes(matrix), "<i4")[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def display_size(width: int, height: int, aspect: Fraction | None, orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) as displayed: the pixel aspect, unless it is absurd, scales the width before turning."""
    if aspect and Fraction(1, ASPECT_LIMIT) <= aspect <= ASPECT_LIMIT:
        width = max(1, round(width * aspect))
    return (height, width) if orientation.swap else (width, height)


def fit_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Return (width, height) with a longer side of at most ``max_side``: even where scaled, else unchanged."""
    longer = max(width, height)
    if max_side is None or longer <= max_side:
        return width, height
    scale = max_side / longer
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))
