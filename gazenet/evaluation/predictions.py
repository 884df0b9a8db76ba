"""Predicted maps of videos: result folders of ``gasp_infer``, and folders of one grey picture per frame."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size
from gazenet.data.frame_sequences import named, size_of
from gazenet.errors import CacheError, UsageError
from gazenet.media.picture_file import read_grey
from gazenet.npy import open_npy
from gazenet.redaction import unescape_name

GATE = "gate_"
"""Beginning of the columns of gates, in ``attention.csv`` and in the tables of an evaluation."""


class PictureMaps:
    """Maps uint8 ``[T, h, w]`` that are read on access: those of a long video need not fit into memory."""

    ndim = 3

    def __init__(self, files: Sequence[Path], size: Size) -> None:
        self._files = tuple(files)
        self.shape = (len(self._files), *size)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        return read_grey(self._files[frame])


Maps = NDArray[Any] | PictureMaps


@dataclass(frozen=True)
class PredictedVideo:
    """The predicted maps of one video.

    Args:
        name: the video.
        maps: ``[T, h, w]``, an array or anything that is indexed by frame and has such a ``shape``.
        times: float64 ``[T]``, presentation times of the frames in seconds.
        size: (height, width) of the video's frames in pixels.
        media: the video, as the run recorded it.
        gates: float ``[T]`` for each cue of an integrator with gates, in its order; NaN where a frame has none.
    """

    name: str
    maps: Maps
    times: NDArray[np.float64]
    size: Size
    media: Path | None = None
    gates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def read_prediction(folder: Path, size: Size | None = None) -> PredictedVideo:
    """Read ``saliency.npy``, and frame times and gates of ``attention.csv``, from a result folder of ``gasp_infer``.

    ``size`` (height, width) of the video's frames; None: as ``run.json`` records it. Raises CacheError where
    something is missing or does not fit, MediaError where the video itself must be probed and is gone.
    """
    try:
        maps = _saliency(folder / "saliency.npy")
        rows = _attention(folder)
        times = np.array([float(row["time_s"]) for row in rows])
        gates = _gates(rows)
        record = _record(folder, optional=size is not None)
        size = size or _frame_size(record)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise CacheError(f"{folder}: cannot be scored: {error}") from None
    if maps.ndim != 3 or len(maps) != len(times):
        raise CacheError(f"{folder}: {len(maps)} maps, but {len(times)} frame times: they are not of one run")
    media = Path(unescape_name(record["input"])) if "input" in record else None
    return PredictedVideo(folder.name, maps, times, size, media, gates)


def read_gates(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Read the gates of ``attention.csv`` as of :class:`PredictedVideo`; empty where the run did not write that table.

    Raises CacheError for a table that cannot be read.
    """
    try:
        return _gates(_attention(folder)) if (folder / "attention.csv").is_file() else {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError(f"{folder}: cannot be scored: {error}") from None


def _attention(folder: Path) -> list[dict[str, str]]:
    with (folder / "attention.csv").open(newline="", encoding="utf-8") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["frame"]))


def _gates(rows: Sequence[Mapping[str, str]]) -> dict[str, NDArray[np.float64]]:
    columns = [name for name in (rows[0] if rows else {}) if name.startswith(GATE) and rows[0][name]]
    return {name.removeprefix(GATE): np.array([float(row[name] or "nan") for row in rows]) for name in columns}


def _saliency(path: Path) -> NDArray[np.generic]:
    try:
        return open_npy(path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}; run gasp_infer again") from None


def _record(folder: Path, optional: bool) -> dict[str, Any]:
    if optional and not (folder / "run.json").exists():
        return {}
    return dict(json.loads((folder / "run.json").read_text(encoding="utf-8")))


def _frame_size(record: Mapping[str, Any]) -> Size:
    """Height and width as the run recorded them, else as the video itself says."""
    video = record.get("video")
    if isinstance(video, Mapping) and "height" in video and "width" in video:
        return int(video["height"]), int(video["width"])
    from gazenet.media.decode import probe

    info = probe(Path(unescape_name(record["input"])))
    return info.height, info.width


def read_pictures(folder: Path, names: Sequence[str], size: Size) -> PredictedVideo:
    """Open ``<folder>/<frame>.png``, one grey picture for each name of a frame, in order.

    Frames have no times; their numbers stand for them. Raises CacheError for a frame without a map and for maps of
    another size than the frames (``size``: height, width), MediaError for maps of unequal sizes.
    """
    try:
        files = named(folder, names, "no map")
    except UsageError as error:
        raise CacheError(str(error)) from None
    height, width = size_of(files)
    if (height, width) != size:
        raise CacheError(
            f"{folder}: its maps are {height} x {width} (height x width), the frames {size[0]} x {size[1]}: "
            "write them at the size of the frames"
        )
    return PredictedVideo(folder.name, PictureMaps(files, size), np.arange(len(names), dtype=np.float64), size)


def is_result(folder: Path) -> bool:
    """Return whether a folder holds maps that ``gasp_infer`` computed."""
    return (folder / "saliency.npy").exists()
