"""The course of a training as a picture: what the CSV logger wrote, with axes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gazenet.errors import UsageError
from gazenet.files import write_bytes

Points = Sequence[tuple[float, float]]
"""(optimiser step, value)."""

WIDTH, HEIGHT, MARGIN = 460, 250, 44
INK, GRID, COLOURS = "#222222", "#dddddd", ("#9db4d0", "#c0392b", "#2e7d32")
SMOOTHED = 10
"""Logged values that a smoothed curve averages."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes: a title with the unit of the vertical axis, and named curves over optimiser steps."""

    title: str
    curves: Mapping[str, Points]


def read_log(files: Sequence[Path]) -> dict[str, list[tuple[float, float]]]:
    """Column to its (step, value) in order of steps, from the CSV logs of a run and its resumes.

    A step that was done again after a resume counts as it was done last. Raises UsageError for a file that is no log.
    """
    found: dict[str, dict[float, float]] = {}
    for path in files:
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    step = float(row["step"])
                    for name, text in row.items():
                        if name != "step" and text:
                            found.setdefault(name, {})[step] = float(text)
        except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
            raise UsageError(f"{path}: is no log of a training: {error}") from None
    return {name: sorted(points.items()) for name, points in found.items()}


def smoothed(points: Points, width: int = SMOOTHED) -> list[tuple[float, float]]:
    """The mean of each value and up to ``width - 1`` before it."""
    values = [value for _, value in points]
    means = [
        math.fsum(part) / len(part) for k in range(len(values)) if (part := values[max(0, k + 1 - width) : k + 1])
    ]
    return [(step, mean) for (step, _), mean in zip(points, means, strict=True)]


def panels(log: Mapping[str, Points]) -> list[Panel]:
    """Loss, correlation and NSS of training and validation, as far as they were logged."""
    found = []
    for name, title in (("loss", "loss (weighted sum)"), ("cc", "CC"), ("nss", "NSS (standard deviations)")):
        training = log.get(f"train_{name}", ())
        curves = {
            "training": training,
            f"training, mean of {SMOOTHED}": smoothed(training),
            "validation": log.get(f"val_{name}", ()),
        }
        if any(curves.values()):
            found.append(Panel(title, curves))
    return found


def draw(found: Sequence[Panel]) -> bytes:
    """PNG of the panels, one below the other."""
    picture = Image.new("RGB", (WIDTH, HEIGHT * max(1, len(found))), "white")
    for number, panel in enumerate(found):
        _draw_panel(ImageDraw.Draw(picture), panel, number * HEIGHT)
    file = io.BytesIO()
    picture.quantize(32).save(file, "png", optimize=True)
    return file.getvalue()


def write_curve(files: Sequence[Path], path: Path) -> None:
    """Draw the logs ``files`` of one run into the picture ``path``. Raises UsageError for a file that is no log."""
    write_bytes(path, draw(panels(read_log(files))))


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``, about as many as wanted."""
    rough = max(high - low, 1e-9) / about
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _draw_panel(canvas: ImageDraw.ImageDraw, panel: Panel, top: int) -> None:
    finite = {name: [p for p in points if math.isfinite(p[1])] for name, points in panel.curves.items()}
    every = [point for points in finite.values() for point in points] or [(0.0, 0.0)]
    right, low, high = (max(x for x, _ in every) or 1.0, min(y for _, y in every), max(y for _, y in every))
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    left, bottom = MARGIN, top + HEIGHT - 34
    wide, tall = WIDTH - MARGIN - 12, HEIGHT - 34 - 40
    font = ImageFont.load_default(11)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + wide * x / right, bottom - tall * (y - low) / (high - low)

    for value in ticks(low, high):
        y = place(0, value)[1]
        canvas.line([(left, y), (left + wide, y)], fill=GRID)
        canvas.text((left - 5, y), f"{value:g}", fill=INK, font=font, anchor="rm")
    for value in ticks(0, right, 7):
        x = place(value, low)[0]
        canvas.line([(x, bottom), (x, bottom + 3)], fill=INK)
        canvas.text((x, bottom + 5), f"{value:g}", fill=INK, font=font, anchor="mt")
    canvas.line([(left, bottom - tall), (left, bottom), (left + wide, bottom)], fill=INK)
    canvas.text((left + wide / 2, bottom + 19), "optimiser steps", fill=INK, font=font, anchor="mt")
    canvas.text((left, top + 6), panel.title, fill=INK, font=ImageFont.load_default(13), anchor="lt")
    x = left
    for colour, (name, points) in zip(COLOURS, finite.items(), strict=True):
        if points:
            canvas.line([place(*point) for point in points], fill=colour, width=1 if colour == COLOURS[0] else 2)
            canvas.text((x, top + 24), name, fill=colour, font=font, anchor="lt")
            x += round(canvas.textlength(name, font=font)) + 14
