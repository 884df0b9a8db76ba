"""Pictures of a comparison: the measures over frames, and two maps side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from gazenet.export.map_comparison import FrameDifference, Map
from gazenet.files import write_bytes

GAP = 4
"""Pixels of white between two maps."""


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
    if left.shape != right.shape:
        size = right.shape[1], right.shape[0]
        left = np.asarray(cv2.resize(left, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    white = np.full((len(right), GAP), 255, np.uint8)
    content = cv2.imencode(".png", np.hstack([left, white, right]))[1]
    write_bytes(path, content.tobytes())
