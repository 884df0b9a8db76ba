"""The table of the epochs of a training, and its curves as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.files import write_bytes, write_text
from gazenet.training.preflight import CURVE, EPOCHS

Row = dict[str, float]
PANELS = {"loss": "loss", "cc": "CC", "nss": "NSS (standard deviations)"}
"""Logged value, without ``train_`` or ``val_``, to the label of its axis."""


def write_table(folder: Path, rows: Sequence[Row]) -> None:
    """Write ``epochs.csv``: a line per epoch; a value that an epoch lacks is an empty cell. Raises OSError."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / EPOCHS, text.getvalue())


def draw_curve(folder: Path, rows: Sequence[Row], title: str) -> None:
    """Write ``curve.png``: loss, CC and NSS of training and validation over the epochs, as far as they were logged."""
    parts = {"training": "train", "validation": "val"}
    panels = {}
    for name, label in PANELS.items():
        points = {
            part: [(row["epoch"], row[f"{prefix}_{name}"]) for row in rows if f"{prefix}_{name}" in row]
            for part, prefix in parts.items()
        }
        if name == "loss" or any(points.values()):
            panels[label] = {part: values for part, values in points.items() if values}
    draw_panels(folder / CURVE, panels, title)


def draw_panels(path: Path, panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], title: str) -> None:
    """Write the PNG ``path``: one panel above the other, by the label of its vertical axis, with named curves.

    Curves are points (epoch, value). Raises OSError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 0.6 + (3.4 if len(panels) == 1 else 2.2 * len(panels))), layout="tight")
    FigureCanvasAgg(figure)
    rows: list[Any] = list(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0])
    for axes, (label, curves) in zip(rows, panels.items(), strict=True):
        for name, points in curves.items():
            axes.plot(*zip(*points, strict=True), label=name, marker="." if len(points) == 1 else "", linewidth=1.6)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    rows[0].set_title(title)
    rows[-1].set_xlabel("epoch")
    rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    if next(iter(panels.values())):
        rows[0].legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(path, buffer.getvalue())
