"""Comparison of two sequences of maps of the same frames: an engine with its reference, or one run with another.

Grey levels are those of 8-bit pictures. The brightest pixel jumps where maps have plateaus; the centroid of the blob
around it does not, so both are reported.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.errors import UsageError
from gazenet.files import natural_order, write_bytes
from gazenet.npy import open_npy

Map = NDArray[np.uint8]

VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm")

GAP = 4
"""Pixels of white between two maps side by side."""

BLOB = 0.8
"""The share of the maximum above which pixels connected with the brightest one belong to its blob."""


@dataclass(frozen=True)
class FrameDifference:
    """Two maps of a frame compared: mean absolute difference in grey levels, distances in pixels, correlation.

    ``peak``: between the first brightest pixels in reading order; ``blob``: between the centroids of the blobs around
    them. ``correlation`` is 1 for two constant maps, 0 where only one is constant.
    """

    name: str
    mae: float
    peak: float
    blob: float
    correlation: float


@dataclass(frozen=True)
class SummaryStatistics:
    """Mean, standard deviation of the population, minimum and maximum over frames."""

    mean: float
    std: float
    low: float
    high: float


def compare_maps(reference: Map, other: Map, name: str = "") -> FrameDifference:
    """Compare two maps uint8 ``[h, w]``; the reference is resized where the sizes differ."""
    reference = _stretched(reference, other)
    a, b = reference.astype(np.float32), other.astype(np.float32)
    return FrameDifference(
        name,
        mae=float(np.abs(a - b).mean(dtype=np.float64)),
        peak=_distance(peak(reference), peak(other)),
        blob=_distance(blob_centre(reference), blob_centre(other)),
        correlation=_correlation(a, b),
    )


def peak(map_: Map) -> tuple[float, float]:
    """Return (row, column) of the first brightest pixel in reading order."""
    row, column = np.unravel_index(int(map_.argmax()), map_.shape)
    return float(row), float(column)


def blob_centre(map_: Map, fraction: float = BLOB) -> tuple[float, float]:
    """Return (row, column) of the intensity-weighted centroid of the blob that holds the brightest pixel.

    Pixels of a blob touch by sides or corners. The blob of a black map is its first pixel.
    """
    row, column = (int(value) for value in peak(map_))
    highest = int(map_[row, column])
    if highest == 0:
        return 0.0, 0.0
    _, labels = cv2.connectedComponents((map_ >= fraction * highest).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels == labels[row, column])
    weights = map_[rows, columns].astype(np.float64)
    return float(np.average(rows, weights=weights)), float(np.average(columns, weights=weights))


def _stretched(map_: Map, other: Map) -> Map:
    """Return a map resized to the size of another one, bilinearly without smoothing."""
    if map_.shape == other.shape:
        return map_
    return np.asarray(cv2.resize(map_, other.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    flat = [values.astype(np.float64).ravel() - values.mean(dtype=np.float64) for values in (a, b)]
    norms = [float(np.linalg.norm(values)) for values in flat]
    if min(norms) == 0:
        return float(max(norms) == 0)
    return float(flat[0] @ flat[1] / (norms[0] * norms[1]))


def summary(frames: Iterable[FrameDifference]) -> dict[str, SummaryStatistics]:
    """Return the statistics of every measure by its name. Raises ValueError without frames."""
    differences = list(frames)
    if not differences:
        raise ValueError("no frames to summarise")
    return {
        field: _statistics([getattr(frame, field) for frame in differences])
        for field in ("mae", "peak", "blob", "correlation")
    }


def _statistics(values: list[float]) -> SummaryStatistics:
    array = np.asarray(values)
    return SummaryStatistics(float(array.mean()), float(array.std()), float(array.min()), float(array.max()))


def compare_sequences(reference: Path, other: Path) -> Iterator[FrameDifference]:
    """Compare two runs frame by frame, one pair in memory at a time. Reads and raises as :func:`pairs` does."""
    return (compare_maps(a, b, name) for name, a, b in pairs(reference, other))


def pairs(reference: Path, other: Path) -> Iterator[tuple[str, Map, Map]]:
    """Yield name and both maps, uint8 ``[h, w]``, of every frame that two runs have in common.

    A run is a folder of grey pictures (paired by file name; frames of only one run are left out), a grey video, or a
    ``.npy`` file of maps ``[T, h, w]``, uint8 or 0..1; a folder that holds ``saliency.npy`` stands for that file.
    Raises UsageError for unreadable files, for a folder beside a file, for files of different lengths, and for folders
    without common names; MediaError for videos that cannot be decoded.
    """
    first, second = _result(reference), _result(other)
    if first.is_dir() != second.is_dir():
        raise UsageError(f"{reference} and {other}: compare two folders or two files, not one of each")
    return _folders(first, second) if first.is_dir() else _files(first, second)


def _result(path: Path) -> Path:
    maps = path / "saliency.npy"
    return maps if maps.is_file() else path


def _folders(reference: Path, other: Path) -> Iterator[tuple[str, Map, Map]]:
    common = {path.name for path in _pictures(reference)} & {path.name for path in _pictures(other)}
    names = sorted(common, key=natural_order)
    if not names:
        raise UsageError(f"{reference} and {other}: no picture is in both under one name")
    return ((name, _grey(reference / name), _grey(other / name)) for name in names)


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg"))


def _grey(path: Path) -> Map:
    # Not by OpenCV: a name that is not UTF-8 kills it.
    data = np.frombuffer(path.read_bytes(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if picture is None:
        raise UsageError(f"{path}: not a readable picture")
    return np.asarray(picture, np.uint8)


def _files(reference: Path, other: Path) -> Iterator[tuple[str, Map, Map]]:
    first, second = _sequence(reference), _sequence(other)
    for index, (a, b) in enumerate(zip_longest(first, second)):
        if a is None or b is None:
            shorter, longer = (reference, other) if a is None else (other, reference)
            raise UsageError(f"{shorter} has {index} frames, {longer} has more: compare runs over the same frames")
        yield str(index), a, b


def _sequence(path: Path) -> Iterator[Map]:
    """Yield the maps of a file."""
    if path.suffix.lower() not in VIDEOS:
        return (_eight_bit(map_) for map_ in _maps(path))
    from gazenet.media.decode import VideoReader

    return (np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), np.uint8) for frame in VideoReader(path))


def _maps(path: Path) -> NDArray[np.generic]:
    try:
        maps = open_npy(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable .npy file ({error})") from None
    if maps.ndim != 3:
        raise UsageError(f"{path}: has shape {list(maps.shape)}, expected [frames, height, width]")
    return maps


def _eight_bit(map_: NDArray[np.generic]) -> Map:
    if map_.dtype == np.uint8:
        return np.asarray(map_, np.uint8)
    return np.round(np.clip(map_.astype(np.float32), 0, 1) * 255).astype(np.uint8)


def plot_differences(frames: Sequence[FrameDifference], measures: Sequence[tuple[str, str]], path: Path) -> None:
    """Write a PNG with one row per measure (field, label) over the frames in order."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2 * len(measures)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    rows = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (field, label) in zip(rows, measures, strict=True):
        axes.plot([getattr(frame, field) for frame in frames], linewidth=1)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    rows[-1].set_xlabel("matched frame")
    content = io.BytesIO()
    canvas.print_png(content)
    write_bytes(path, content.getvalue())


def write_side_by_side(left: Map, right: Map, path: Path) -> None:
    """Write two maps uint8 ``[h, w]`` as one PNG; the left one is resized to the right one."""
    white = np.full((len(right), GAP), 255, np.uint8)
    content = cv2.imencode(".png", np.hstack([_stretched(left, right), white, right]))[1]
    write_bytes(path, content.tobytes())
