"""Checks of the results of extractors; an error names the plugin and the frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.extractor import CueMaps, Record, Windows
from gazenet.errors import PluginError
from gazenet.guard.exception_text import first_line_of

OVERSHOOT = 1e-4
"""Tolerance for values outside 0..1 by rounding; they are clipped."""


def checked_output(
    name: str, windows: Windows, output: object, device: torch.device
) -> tuple[NDArray[np.float32], list[Record] | None]:
    """Return maps float32 ``[B, h, w]`` in 0..1 and records after a round trip through JSON (None without records).

    Raises PluginError unless ``output`` is :class:`CueMaps` with finite floating-point maps in 0..1 of the requested
    shape on ``device`` and one JSON-serialisable record per map.
    """
    frames = frames_text(windows)
    if not isinstance(output, CueMaps):
        raise PluginError(f"{name}: {frames}: extract must return CueMaps, not {type(output).__name__}")
    maps = _checked_maps(name, frames, windows, output.maps, device)
    return maps, _checked_records(name, frames, windows, output.records)


def checked_pictures(name: str, windows: Windows, output: CueMaps) -> Sequence[NDArray[np.uint8]]:
    """Return the coloured pictures of a batch. Raises PluginError unless there is one uint8 ``[H, W, 3]`` per map."""
    pictures = output.pictures
    if pictures is None or len(pictures) != len(windows):
        count = "none" if pictures is None else str(len(pictures))
        raise PluginError(f"{name}: {frames_text(windows)}: pictures: {count}, expected one per map ({len(windows)})")
    for index, one in zip(windows.index.tolist(), pictures, strict=True):
        if not isinstance(one, np.ndarray) or one.dtype != np.uint8 or one.ndim != 3 or one.shape[2] != 3:
            form = f"{one.dtype} {one.shape}" if isinstance(one, np.ndarray) else type(one).__name__
            raise PluginError(f"{name}: frame {index}: the picture is {form}, expected uint8 [H, W, 3]")
    return pictures


def frames_text(windows: Windows) -> str:
    """Return the anchor frames of a batch in words, for messages."""
    first, last = int(windows.index[0]), int(windows.index[-1])
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def _checked_maps(name: str, frames: str, windows: Windows, maps: object, device: torch.device) -> NDArray[np.float32]:
    expected = (len(windows), *windows.map_size)
    if not isinstance(maps, torch.Tensor):
        raise PluginError(f"{name}: {frames}: maps must be a torch.Tensor, not {type(maps).__name__}")
    if tuple(maps.shape) != expected:
        raise PluginError(
            f"{name}: {frames}: maps have shape {list(maps.shape)}, expected [B, h, w] = {list(expected)}"
        )
    if maps.layout is not torch.strided:
        raise PluginError(f"{name}: {frames}: maps are {maps.layout}, expected a dense tensor")
    if not maps.dtype.is_floating_point:
        raise PluginError(f"{name}: {frames}: maps have dtype {maps.dtype}, expected a floating-point dtype")
    if not _same_device(maps.device, device):
        raise PluginError(f"{name}: {frames}: maps are on {maps.device}, expected {device}")
    values = np.asarray(maps.detach().to("cpu", torch.float32).numpy(), np.float32)
    _check_values(name, windows, values)
    return np.clip(values, 0.0, 1.0)


def _same_device(actual: torch.device, expected: torch.device) -> bool:
    """Compare two devices; 'cuda' without an index matches any index."""
    return actual.type == expected.type and (None in (actual.index, expected.index) or actual.index == expected.index)


def _check_values(name: str, windows: Windows, values: NDArray[np.float32]) -> None:
    for index, one in zip(windows.index.tolist(), values, strict=True):
        low, high = float(one.min()), float(one.max())
        if not np.isfinite((low, high)).all():
            raise PluginError(f"{name}: frame {index}: the map holds values that are not finite")
        if low < -OVERSHOOT or high > 1 + OVERSHOOT:
            raise PluginError(f"{name}: frame {index}: the map spans {low:.4g} to {high:.4g}, expected 0 to 1")


def _checked_records(name: str, frames: str, windows: Windows, records: object) -> list[Record] | None:
    if records is None:
        return None
    if not isinstance(records, Sequence) or len(records) != len(windows):
        count = len(records) if isinstance(records, Sequence) else type(records).__name__
        raise PluginError(f"{name}: {frames}: records: {count}, expected one per map ({len(windows)}) or None")
    return [_as_json(name, index, record) for index, record in zip(windows.index.tolist(), records, strict=True)]


def _as_json(name: str, index: int, record: Any) -> Record:
    """Return the record after a round trip through JSON, so that a fresh result equals a cached one."""
    if not isinstance(record, dict):
        raise PluginError(f"{name}: frame {index}: a record must be a dict, not {type(record).__name__}")
    try:
        normal: Record = json.loads(json.dumps(record, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginError(f"{name}: frame {index}: the record is not JSON: {first_line_of(error)}") from error
    return normal
