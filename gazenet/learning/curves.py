"""The values of a training, epoch by epoch: a table, and a picture of its losses."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from gazenet.files import write_bytes, write_text

Row = dict[str, float]
TABLE, CURVE = "epochs.csv", "curve.png"


def write_table(folder: Path, rows: Sequence[Row]) -> None:
    """``epochs.csv``: a line per epoch; a value that an epoch lacks is an empty cell."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / TABLE, text.getvalue())


def draw_curve(folder: Path, rows: Sequence[Row], title: str) -> None:
    """``curve.png``: training and validation loss over the epochs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, label in (("train_loss", "training"), ("val_loss", "validation")):
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=label)
    axes.set(xlabel="epoch", ylabel="loss", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(folder / CURVE, buffer.getvalue())
