"""Drawings of the attention over a video: spatial attention as colours, the temporal weight as a bar above.

The bar has the colour of its weight. Beyond what was published, small pictures are enlarged, the weight is written on
its bar and a ring marks the brightest cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.media.encode import VideoWriter

BAR = 20
"""Height of the bar in pixels."""
LEAST = 224
"""Least number of pixels of the shorter side of a drawn frame."""
FRAME, MAP = 0.6, 0.4
Picture = NDArray[np.uint8]


def with_attention(frame: Picture, spatial: NDArray[np.float32], temporal: float) -> Picture:
    """Draw a frame ``[S, S, 3]`` RGB with its map ``[h, w]`` and weight, both 0..1; it grows by BAR rows."""
    height, width = frame.shape[:2]
    # The coloured map is enlarged, not the map: so it was published.
    colours = cv2.applyColorMap(np.clip(spatial * 255, 0, 255).astype(np.uint8), cv2.COLORMAP_JET)
    large = cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR)[..., ::-1]
    blended = np.clip(FRAME * frame.astype(np.float32) + MAP * large, 0, 255).astype(np.uint8)
    weight = np.full((1, 1), np.clip(temporal * 255, 0, 255), np.uint8)
    colour = cv2.applyColorMap(weight, cv2.COLORMAP_JET)[0, 0, ::-1]
    bar = np.broadcast_to(colour, (BAR, width, 3))
    return np.asarray(np.concatenate([bar, blended]), np.uint8)


def enlarged(frame: Picture) -> Picture:
    """Enlarge a frame by a whole factor, so that its shorter side has at least ``LEAST`` pixels."""
    times = -(-LEAST // min(frame.shape[:2]))
    return np.asarray(frame.repeat(times, 0).repeat(times, 1), np.uint8)


def marked(picture: Picture, spatial: NDArray[np.float32], temporal: float) -> Picture:
    """Write the weight on a picture of :func:`with_attention` and draw a ring around the brightest cell."""
    canvas = picture.copy()
    row, column = np.unravel_index(int(spatial.argmax()), spatial.shape)
    high, wide = (canvas.shape[0] - BAR) / spatial.shape[0], canvas.shape[1] / spatial.shape[1]
    centre = (round((column + 0.5) * wide), BAR + round((row + 0.5) * high))
    for colour, stroke in ((0, 2), (255, 1)):
        cv2.circle(canvas, centre, round(min(high, wide) / 2), (colour,) * 3, stroke, cv2.LINE_AA)
        place, font = (4, BAR - 5), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, f"{temporal:.2f}", place, font, 0.5, (colour,) * 3, stroke, cv2.LINE_AA)
    return canvas


def grid(pictures: Iterable[Picture], columns: int = 8) -> Picture:
    """Arrange pictures of one size in rows of at most ``columns``, the last row filled up with black."""
    tiles = list(pictures)
    columns = min(columns, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    return np.asarray(np.concatenate(rows), np.uint8)


def write_film(pictures: Iterable[Picture], path: Path, rate: int = 12) -> None:
    """Write pictures as a film, slow enough to look at. Raises MediaError."""
    shown = [even(one) for one in pictures]
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, shown[0].shape[1], shown[0].shape[0], Fraction(rate)) as writer:
        for index, picture in enumerate(shown):
            writer.write(picture, index / rate)


def even(picture: Picture) -> Picture:
    """Without a last odd row or column, which the codec does not take."""
    return picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
