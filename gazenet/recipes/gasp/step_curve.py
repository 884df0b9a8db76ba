"""The course of a training as a picture, step by step: what the CSV logger wrote, also before a resume."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from gazenet.errors import UsageError
from gazenet.training.curves import Points, draw_panels

PANELS = {"loss": "loss (weighted sum)", "cc": "CC", "nss": "NSS (standard deviations)"}
"""Logged name, without ``train_`` or ``val_``, to the label of its axis."""
SMOOTHED = 10
"""Logged values that a smoothed curve averages."""


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
    parts = [values[max(0, k + 1 - width) : k + 1] for k in range(len(values))]
    return [(step, math.fsum(part) / len(part)) for (step, _), part in zip(points, parts, strict=True)]


def curves(log: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """Label of a vertical axis to its named curves: training and validation, as far as they were logged."""
    found = {}
    for name, label in PANELS.items():
        training, validation = log.get(f"train_{name}", ()), log.get(f"val_{name}", ())
        named = {"training": training, f"mean of {SMOOTHED}": smoothed(training), "validation": validation}
        if any(named.values()):
            found[label] = {key: points for key, points in named.items() if points}
    return found


def write_curve(files: Sequence[Path], path: Path) -> None:
    """Draw the logs ``files`` of one run into the PNG ``path``. Raises UsageError for a file that is no log."""
    draw_panels(path, curves(read_log(files)), "optimiser steps")
