"""The values of a training: a table of its epochs, and pictures of curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.files import write_bytes, write_text

Row = dict[str, float]
Points = Sequence[tuple[float, float]]
"""(optimiser step or epoch, value)."""
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
    losses = {"training": "train_loss", "validation": "val_loss"}
    named = {label: [(row["epoch"], row[name]) for row in rows if name in row] for label, name in losses.items()}
    draw_panels(folder / CURVE, {"loss": {label: points for label, points in named.items() if points}}, "epoch", title)


def draw_panels(path: Path, panels: Mapping[str, Mapping[str, Points]], along: str, title: str = "") -> None:
    """The PNG ``path``: one above the other, a panel for each label of a vertical axis, with its named curves.

    A curve named ``training`` with two beside it is drawn thin: it is the noise around its mean.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 0.6 + (3.4 if len(panels) == 1 else 2.2 * len(panels))), layout="tight")
    FigureCanvasAgg(figure)
    rows: list[Any] = list(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]) if panels else []
    for axes, (label, named) in zip(rows, panels.items(), strict=True):
        for name, points in named.items():
            thin = name == "training" and len(named) > 2
            axes.plot(*zip(*points, strict=True), label=name, linewidth=0.6 if thin else 1.6)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    if rows:
        rows[0].set_title(title)
        rows[-1].set_xlabel(along)
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        if next(iter(panels.values())):
            rows[0].legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(path, buffer.getvalue())
