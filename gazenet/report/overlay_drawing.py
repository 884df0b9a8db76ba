"""A video frame with the predicted attention drawn over it.

The colours are computed at the size of the map; at full size only four 8-bit passes remain (two enlargements, one
product, one sum), so that a 1280x720 frame takes a few milliseconds on one core.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.maps.colours import table
from gazenet.report.palette import person_colour, rgb

if TYPE_CHECKING:
    from gazenet.cues.extractor import Face

Image = NDArray[np.uint8]
GLOW_SIDE = 320
"""Longer side at which the glow is coloured, in pixels; it is smooth, so that enlarging does not show."""
TEXT_SCALE = 4
"""Letters are drawn this many times larger and averaged down: OpenCV's own small letters are ragged."""


@dataclass(frozen=True)
class OverlayStyle:
    """The look of the overlay.

    Attributes:
        colours: name of a colour map, see :func:`gazenet.maps.colours.names`.
        strength: opacity 0..1 of the glow at the peak.
        light: brightness 0..1 that the picture keeps where saliency is zero.
        floor: part 0..1 of the peak below which there is no glow.
        marker: whether the peak gets a ring.
        boxes: whether faces get a box, with their share of attention where there is one.
    """

    colours: str = "inferno"
    strength: float = 0.7
    light: float = 0.66
    floor: float = 0.05
    marker: bool = True
    boxes: bool = True


_LOCAL = threading.local()
DEFAULT_STYLE = OverlayStyle()


def draw_overlay(
    frame: Image,
    saliency: NDArray[np.floating],
    faces: Sequence[Face] = (),
    shares: Mapping[int, float] | None = None,
    style: OverlayStyle = DEFAULT_STYLE,
) -> Image:
    """Draw a glow that grows with saliency, a ring at the peak, and boxes of people with their share of attention.

    Args:
        frame: uint8 ``[H, W, 3]`` RGB; it is left as it is.
        saliency: ``[h, w]`` of any size and scale >= 0, covering the whole frame; drawn relative to its maximum.
            Values that are not finite count as 0.
        faces: boxes in pixels of ``frame`` (see :func:`in_view`).
        shares: part 0..1 of attention per track.

    Returns:
        uint8 ``[H, W, 3]`` RGB.
    """
    height, width = frame.shape[:2]
    glow = _glow(saliency, (height, width))
    colours, light = _ramps(style)
    levels = cv2.merge([glow, glow, glow])
    enlarged = _scratch((height, width, 3))
    cv2.resize(cv2.LUT(levels, light), (width, height), dst=enlarged, interpolation=cv2.INTER_LINEAR)
    image = np.asarray(cv2.multiply(frame, enlarged, scale=1 / 255), np.uint8)
    cv2.resize(cv2.LUT(levels, colours), (width, height), dst=enlarged, interpolation=cv2.INTER_LINEAR)
    cv2.add(image, enlarged, dst=image)
    thickness = max(1, round(min(height, width) / 360))
    if style.marker and glow.max() > 0:
        _ring(image, _peak(glow, (height, width)), thickness)
    if style.boxes:
        for face in faces:
            _person(image, face, (shares or {}).get(face.track), thickness)
    return image


def in_view(faces: Sequence[Face], size: tuple[int, int], view: tuple[int, int]) -> tuple[Face, ...]:
    """Faces in pixels of a frame of ``size`` (height, width) as faces in pixels of its copy of size ``view``.

    Only the boxes are carried over, landmarks and crops are not.
    """
    sy, sx = view[0] / size[0], view[1] / size[1]
    return tuple(
        replace(
            face,
            box=(face.box[0] * sx, face.box[1] * sy, face.box[2] * sx, face.box[3] * sy),
            landmarks=None,
            crop=None,
        )
        for face in faces
    )


def normalised(saliency: NDArray[np.floating]) -> Image:
    """Saliency ``[h, w]`` relative to its maximum as uint8; zeros where it has no positive finite value."""
    clean = np.nan_to_num(np.asarray(saliency, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(clean.max(initial=0.0))
    if top <= 0:
        return np.zeros(clean.shape, np.uint8)
    return (np.clip(clean, 0, None) * (255 / top) + 0.5).astype(np.uint8)


def _glow(saliency: NDArray[np.floating], size: tuple[int, int]) -> Image:
    """The normalised map at ``GLOW_SIDE``, smooth, in the frame's aspect ratio."""
    scale = min(1.0, GLOW_SIDE / max(size))
    small = max(1, round(size[1] * scale)), max(1, round(size[0] * scale))
    # Cubic enlargement overshoots; 8-bit saturation clips that.
    return np.asarray(cv2.resize(normalised(saliency), small, interpolation=cv2.INTER_CUBIC), np.uint8)


@functools.lru_cache(maxsize=16)
def _ramps(style: OverlayStyle) -> tuple[Image, Image]:
    """Per glow level: colour times opacity, and the light left to the picture; both uint8 ``[1, 256, 3]``."""
    level = np.linspace(0, 1, 256)
    rise = np.clip((level - style.floor) / (1 - style.floor), 0, 1)
    alpha = style.strength * np.sin(rise * np.pi / 2) ** 1.5
    # The dark end of the colour map would only blacken the picture around the glow.
    hue = table(style.colours)[(64 + 191 * rise).astype(int)]
    keep = (1 - alpha) * (style.light + (1 - style.light) * np.minimum(1, 2 * rise))
    light = np.repeat(np.round(255 * keep)[:, None], 3, axis=1)
    return np.round(hue * alpha[:, None]).astype(np.uint8)[None], light.astype(np.uint8)[None]


def _scratch(shape: tuple[int, int, int]) -> Image:
    """Return this thread's buffer of the frame's size: fresh memory for every frame costs more than the arithmetic."""
    buffer: Image | None = getattr(_LOCAL, "buffer", None)
    if buffer is None or buffer.shape != shape:
        buffer = _LOCAL.buffer = np.empty(shape, np.uint8)
    return buffer


def _peak(glow: Image, size: tuple[int, int]) -> tuple[int, int]:
    row, column = np.unravel_index(int(glow.argmax()), glow.shape)
    return round((column + 0.5) * size[1] / glow.shape[1]), round((row + 0.5) * size[0] / glow.shape[0])


def _ring(image: Image, centre: tuple[int, int], thickness: int) -> None:
    radius = 7 * thickness
    cv2.circle(image, centre, radius, (20, 16, 24), thickness + 2, cv2.LINE_AA)
    cv2.circle(image, centre, radius, (255, 255, 255), thickness, cv2.LINE_AA)
    cv2.circle(image, centre, thickness, (255, 255, 255), -1, cv2.LINE_AA)


def _person(image: Image, face: Face, share: float | None, thickness: int) -> None:
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(edge)) for edge in face.box)
    if right <= 0 or bottom <= 0 or left >= width or top >= height or right <= left or bottom <= top:
        return
    colour = rgb(person_colour(face.track))
    cv2.rectangle(image, (left, top), (right, bottom), (20, 16, 24), thickness + 1, cv2.LINE_AA)
    cv2.rectangle(image, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
    text = f"{face.track}" if share is None else f"{face.track}   {round(100 * share)}%"
    _label(image, text, (left, top), colour, max(11, 5 + 7 * thickness))


def _label(image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], size: int) -> None:
    """Dark letters on a chip of the person's colour that sits on the box, or in it at the upper edge of the frame."""
    letters = _letters(text, size)
    pad = max(3, size // 3)
    high, wide = letters.shape[0] + 2 * pad, letters.shape[1] + 2 * pad
    height, width = image.shape[:2]
    if high > height or wide > width:
        return
    x = min(max(corner[0], 0), width - wide)
    y = corner[1] - high if corner[1] >= high else min(max(corner[1], 0), height - high)
    image[y : y + high, x : x + wide] = colour
    ink = letters.astype(np.uint16)[..., None]
    inner = image[y + pad : y + high - pad, x + pad : x + wide - pad]
    inner[:] = ((inner * (255 - ink) + np.array((18, 16, 24), np.uint16) * ink) // 255).astype(np.uint8)


@functools.lru_cache(maxsize=512)
def _letters(text: str, size: int) -> Image:
    """Coverage 0..255 of a line of text with capitals ``size`` pixels high."""
    font, stroke = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size * TEXT_SCALE / 14))
    scale = cv2.getFontScaleFromHeight(font, size * TEXT_SCALE, stroke)
    (wide, high), base = cv2.getTextSize(text, font, scale, stroke)
    canvas = np.zeros((high + base // 2, wide), np.uint8)
    cv2.putText(canvas, text, (0, high), font, scale, 255, stroke, cv2.LINE_AA)
    rows, columns = np.flatnonzero(canvas.any(axis=1)), np.flatnonzero(canvas.any(axis=0))
    canvas = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = max(1, round(canvas.shape[1] / TEXT_SCALE)), max(1, round(canvas.shape[0] / TEXT_SCALE))
    return np.asarray(cv2.resize(canvas, small, interpolation=cv2.INTER_AREA), np.uint8)
