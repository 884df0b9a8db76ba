"""Ground truth of the STAViS authors (Tsiami, Koutras, Maragos, CVPR 2020) put into the per-frame cache.

Expected: ``<stavis>/<dataset>/<video>/fixMap_00001.mat`` (variable ``eyeMap``, fixations above 0) and
``<stavis>/<dataset>/<video>/maps/eyeMap_00001.jpg``; five digits, 1 is the first frame of the cache.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet import files
from gazenet.data.dataset import Behaviour, require
from gazenet.data.grouped_frames import FIXMAP, SALMAP
from gazenet.data.matlab_files import load_mat, numbers
from gazenet.errors import UsageError
from gazenet.files import natural_order
from gazenet.maps.entry_files import disk_errors
from gazenet.maps.frame_folders import frame_file

SIDE = 120
"""Height and width of published fixation pictures, whatever the shape of the video."""
PUBLISHED_QUALITY, EXACT_QUALITY = 75, 100


@dataclass(frozen=True)
class StavisImport:
    """The written files, and the frames of the cache (``<dataset>/<video>/<frame>``) without annotation by STAViS."""

    salmaps: int
    fixmaps: int
    without: tuple[str, ...]


def postprocess_get_from_stavis(stavis: Path, cache: Path, behaviour: Behaviour = "published") -> StavisImport:
    """Replace the ground truth of every frame of the cache that STAViS has; running it again gives the same files.

    Salmaps are copied byte by byte. Fixation pictures: published, shrunk to 120 x 120 (every point spreads) and
    written as JPEG of quality 75; corrected, in their own size and quality 100, so that half brightness gives back
    the very points.

    Args:
        stavis: folder of the STAViS annotations (``datasets/stavis_preprocessed``).
        cache: folder of the cache (``datasets/processed/Grouped_frames``).

    Raises:
        UsageError: a folder is missing, nothing matches, or a file is damaged; naming it. CacheError: the disk.
    """
    require(stavis, "the folder of STAViS annotations")
    require(cache, "the per-frame cache")
    salmaps, fixmaps, without = 0, 0, []
    for dataset, video, number in _frames(cache):
        source = stavis / dataset / video
        picture, matrix = source / "maps" / f"eyeMap_{number:05d}.jpg", source / f"fixMap_{number:05d}.mat"
        if not (picture.is_file() or matrix.is_file()):
            without.append(f"{dataset}/{video}/{number}")
        if picture.is_file():
            _write(frame_file(cache, dataset, video, number - 1, SALMAP), _jpeg(picture))
            salmaps += 1
        if matrix.is_file():
            _write(frame_file(cache, dataset, video, number - 1, FIXMAP), fixation_picture(matrix, behaviour))
            fixmaps += 1
    if not salmaps + fixmaps:
        raise UsageError(f"{stavis}: has nothing of any frame in {cache}; folders must be <dataset>/<video>")
    return StavisImport(salmaps, fixmaps, tuple(without))


def fixation_picture(matrix: Path, behaviour: Behaviour) -> bytes:
    """Encode the fixations of one frame as a grey JPEG. Raises UsageError naming the file."""
    from PIL import Image

    points = numbers(load_mat(matrix), "eyeMap", matrix)
    if points.ndim != 2 or not points.size:
        raise UsageError(f"{matrix}: eyeMap must be a picture [h, w], not {list(points.shape)}")
    picture: NDArray[np.floating[Any]] = points
    if behaviour == "published":
        # In floats: in bytes, thinly spread points would be rounded away.
        grey = Image.fromarray(points.astype(np.float32))
        picture = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    quality = PUBLISHED_QUALITY if behaviour == "published" else EXACT_QUALITY
    data = io.BytesIO()
    Image.fromarray(((picture > 0) * 255).astype(np.uint8)).save(data, "JPEG", quality=quality)
    return data.getvalue()


def _frames(cache: Path) -> Iterator[tuple[str, str, int]]:
    for video in sorted((path for path in cache.glob("*/*") if path.is_dir()), key=natural_order):
        numbers_there = sorted(int(frame.name) for frame in video.iterdir() if frame.name.isdecimal())
        yield from ((video.parent.name, video.name, number) for number in numbers_there if number > 0)


def _jpeg(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] != b"\xff\xd8" or data.rstrip(b"\0")[-2:] != b"\xff\xd9":
        raise UsageError(f"{path}: the JPEG is cut off or damaged; download it again")
    return data


def _write(path: Path, data: bytes) -> None:
    with disk_errors(path):
        files.write_bytes(path, data)
