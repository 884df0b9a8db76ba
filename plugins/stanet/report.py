"""Reports on a classifier: metrics per class, and a gallery of right and wrong answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gazenet.files import write_text
from gazenet.media import read_image
from gazenet_plugins.stanet import maps, prepare
from gazenet_plugins.stanet.classifiers import Stage
from gazenet_plugins.stanet.samples import SecondSample
from gazenet_plugins.stanet.workspace import Confidence, Mode, Workspace

TILE, LINE = 178, 13
"""Side of a picture and height of a line of words in a gallery, in pixels."""


def report(answers: Sequence[Confidence], classes: Sequence[str]) -> dict[str, Any]:
    """Compute ``accuracy`` and per class ``precision``, ``recall``, ``f1`` (0 where undefined) and ``support``."""
    true = np.array([one.true for one in answers])
    predicted = np.array([one.predicted for one in answers])
    rows = {}
    for number, name in enumerate(classes):
        hits = int(((true == number) & (predicted == number)).sum())
        named, actual = int((predicted == number).sum()), int((true == number).sum())
        precision, recall = hits / max(named, 1), hits / max(actual, 1)
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        rows[name] = {"precision": precision, "recall": recall, "f1": f1, "support": actual}
    return {"accuracy": float((true == predicted).mean()), "classes": rows}


def as_text(metrics: dict[str, Any]) -> str:
    """Format a report as a table."""
    width = max(len(name) for name in metrics["classes"])
    lines = [f"{'':{width}}  precision  recall      f1  support"]
    for name, row in metrics["classes"].items():
        if row["support"] or row["precision"]:
            values = f"{row['precision']:9.3f}  {row['recall']:6.3f}  {row['f1']:6.3f}  {row['support']:7d}"
            lines.append(f"{name:{width}}  {values}")
    total = sum(row["support"] for row in metrics["classes"].values())
    return "\n".join([*lines, f"{'accuracy':{width}}  {metrics['accuracy']:9.3f}{'':18}{total:7d}"]) + "\n"


@dataclass(frozen=True)
class PartAnswers:
    """The ``answers`` of a classifier for the ``samples`` of a part of the data, in the same order."""

    stage: Stage
    mode: Mode
    part: str
    samples: Sequence[SecondSample]
    answers: Sequence[Confidence]


def write_report(files: Workspace, results: PartAnswers, classes: Sequence[str], count: int) -> float:
    """Write report and gallery (``count`` pictures) of a classifier beside its weights; return its accuracy."""
    stage, mode, part, answers = results.stage, results.mode, results.part, results.answers
    folder = files.weights(stage, mode, 1).parents[1]
    metrics = report(answers, classes)
    write_text(folder / f"report_{part}.txt", as_text(metrics))
    pairs = list(zip(results.samples, answers, strict=True))
    for name, right in (("right", True), ("wrong", False)):
        chosen = [pair for pair in pairs if (pair[1].predicted == pair[1].true) == right]
        step = max(1, len(chosen) // max(count, 1))
        path = folder / f"{name}_{part}.png"
        path.unlink(missing_ok=True)
        if count and chosen:
            prepare.write_picture(path, gallery(files, stage, mode, chosen[::step][:count], classes))
    return float(metrics["accuracy"])


def gallery(
    files: Workspace,
    stage: Stage,
    mode: Mode,
    pairs: Sequence[tuple[SecondSample, Confidence]],
    classes: Sequence[str],
) -> NDArray[np.uint8]:
    """Draw pictures with the map of the true class in rows of four, with true and predicted class below: RGB."""
    tiles = [_tile(files, stage, mode, sample, confidence, classes) for sample, confidence in pairs]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % min(4, len(tiles)))
    columns = min(4, len(tiles))
    rows = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows, 0)


def _tile(
    files: Workspace, stage: Stage, mode: Mode, sample: SecondSample, confidence: Confidence, classes: Sequence[str]
) -> NDArray[np.uint8]:
    cam = read_image(files.class_map(stage, sample.video, sample.second, mode))[..., 0]
    small = np.asarray(maps.resized(cam, TILE, TILE), np.uint8)
    bgr = read_image(files.picture(stage, sample.video, sample.second))[..., ::-1]
    over = maps.saturated(maps.overlay(small, bgr))[..., ::-1]
    tile = Image.new("RGB", (TILE + 4, TILE + 3 * LINE), "white")
    tile.paste(Image.fromarray(np.ascontiguousarray(over)), (2, 0))
    words = (
        f"{sample.video} {sample.second:02d}",
        f"is {classes[confidence.true]} ({confidence.true_probability:.2f})",
        f"said {classes[confidence.predicted]} ({confidence.probability:.2f})",
    )
    draw = ImageDraw.Draw(tile)
    for number, text in enumerate(words):
        draw.text((3, TILE + number * LINE), text[:30], fill="black")
    return np.asarray(tile, np.uint8)
