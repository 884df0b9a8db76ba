"""Between the packed cache and the published layout.

The way out is exact but for colours and JPEG. The way back estimates: it looks for the nearest colour of the colour
map, so that pictures blended with others (cones, boxes) come back only roughly. Integrators that were trained on
published pictures should be given those as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.errors import CacheError
from gazenet.maps.colours import colourise, table
from gazenet.maps.frame_folders import FrameFolderReader, FrameFolderWriter
from gazenet.maps.map_reader import MapReader
from gazenet.maps.map_writer import MapWriter

__all__ = ["colour_of", "decolourise", "from_published", "to_published"]

_BITS = 6
_DARK = 48
"""Below this on every channel a pixel is the black around boxes, in colour maps that begin with another colour."""


def colour_of(picture: str) -> str | None:
    """The colour map of a published picture; None for pictures in their own colours, such as ``captured``."""
    if picture.startswith("det_transformed_"):
        return "jet"
    if picture.startswith("transformed_salmap"):
        return "bone"
    return "grey" if picture.startswith("transformed_fixmap") else None


def to_published(readers: Mapping[str, MapReader], writer: FrameFolderWriter, colours: Mapping[str, str]) -> int:
    """Writes packed maps as pictures.

    Args:
        readers: name of the picture to the maps; all of one video, so of one length.
        colours: name of the picture to its colour map; where absent, the published one or ``jet``.

    Returns:
        How many files were written.

    Raises:
        CacheError: the lengths differ, an entry is damaged, the disk is full.
    """
    lengths = {picture: len(reader) for picture, reader in readers.items()}
    if len(set(lengths.values())) > 1:
        raise CacheError(f"{writer.video}: the maps are not of one length: {lengths}")
    written = 0
    for picture, reader in readers.items():
        colour = colours.get(picture) or colour_of(picture) or "jet"
        for index, grey in enumerate(reader.maps):
            written += writer.write(index, picture, colourise(grey, colour))
    return written


def from_published(reader: FrameFolderReader, picture: str, writer: MapWriter, colour: str | None = None) -> MapReader:
    """Reads the pictures of one cue into an entry of the packed cache, resized to its maps; what is done is kept.

    Every frame's record says which frame the picture is of: ``{"source": index}``, None where it has none yet.

    Args:
        writer: entered; its layout gives the size of the maps.
        colour: the colour map of the pictures; None: the published one.

    Raises:
        CacheError: a picture is missing or damaged; or has no colour map and none is given.
    """
    colour = colour or colour_of(picture)
    if colour is None:
        raise CacheError(f"{reader.folder}: {picture} is no coloured map; say which colour map it has")
    layout, missing = writer.layout, set(reader.missing(picture))
    source: int | None = None
    for index in range(layout.chunks(len(reader))):
        start = index * layout.chunk
        stop = start + layout.frames_of(index, len(reader))
        records = []
        for frame in range(start, stop):
            source = source if frame in missing else frame
            records.append({"source": source})
        if writer.has(index):
            continue
        images = reader.read(picture, start, stop)
        maps = [_shrink(decolourise(image, colour), layout.height, layout.width) for image in images]
        writer.write(index, np.stack(maps), records)
    return writer.finish(len(reader))


def decolourise(image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """RGB uint8 ``[..., h, w, 3]`` of a colour map back to uint8 ``[..., h, w]``: the nearest colour's place in it.

    Black is 0 in every colour map.
    """
    levels = (image >> (8 - _BITS)).astype(np.int32)
    red, green, blue = levels[..., 0], levels[..., 1], levels[..., 2]
    return _inverse(name)[(red << 2 * _BITS) | (green << _BITS) | blue]


@functools.cache
def _inverse(name: str) -> NDArray[np.uint8]:
    """For each colour of ``_BITS`` bits per channel the place of the nearest one in the colour map."""
    step = 1 << (8 - _BITS)
    axis = np.arange(1 << _BITS, dtype=np.float32) * step + (step - 1) / 2
    colours = table(name).astype(np.float32)
    begins_black = colours[0].max() < _DARK
    half = 0.5 * (colours**2).sum(axis=1)
    found = np.empty((len(axis),) * 3, np.uint8)
    for k, red in enumerate(axis):
        green, blue = np.meshgrid(axis, axis, indexing="ij")
        points = np.stack([np.full_like(green, red), green, blue], axis=-1).reshape(-1, 3)
        # argmin |p - c|^2 = argmin |c|^2 / 2 - p.c
        nearest = (half - points @ colours.T).argmin(axis=1)
        if not begins_black:
            nearest[points.max(axis=1) < _DARK] = 0
        found[k] = nearest.reshape(green.shape)
    return found.reshape(-1)


def _shrink(grey: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if grey.shape == (height, width):
        return grey
    smaller = height <= grey.shape[0] and width <= grey.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (width, height), interpolation=method), np.uint8)
