"""A small generated data set: which way does the disc go? ``python -m gazenet_plugins.st_abn.motion_set FOLDER``.

Every film shows two discs of one look on a quiet noise; one rests, the other moves left, right, up or down. A single
frame tells nothing of the class. ``places.json`` says where the moving disc is in every frame.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazenet.files import write_json, write_text

CLASSES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
RADIUS = 0.11
"""Of the discs, in sides of the picture."""
TRAVEL = 0.45


def film(
    way: tuple[int, int], frames: int, side: int, random: np.random.Generator
) -> tuple[NDArray[np.uint8], list[tuple[float, float]]]:
    """Frames ``[T, S, S, 3]`` RGB and the centre (x, y) of the moving disc in pixels, frame by frame."""
    noise = random.normal(90, 8, (side, side, 3))
    colour = random.uniform(170, 250, 3)
    direction = np.array(way, float)
    middle = random.uniform(0.3, 0.7, 2)
    # The path lies around the middle of what it needs, so that places say nothing of the class.
    middle = np.where(direction != 0, random.uniform(0.42, 0.58, 2), middle)
    resting = middle + (0.33 * np.where(direction != 0, 0, 1)) * np.where(middle > 0.5, -1, 1)
    pictures, places = [], []
    rows, columns = np.mgrid[:side, :side]
    for k in range(frames):
        moving = middle + direction * TRAVEL * (k / max(frames - 1, 1) - 0.5)
        image = noise.copy()
        for x, y in (resting * side, moving * side):
            image[np.hypot(columns + 0.5 - x, rows + 0.5 - y) < RADIUS * side] = colour
        pictures.append(np.clip(image, 0, 255).astype(np.uint8))
        places.append((float(moving[0] * side), float(moving[1] * side)))
    return np.stack(pictures), places


def write_set(folder: Path, per_class: int, frames: int = 8, side: int = 64, seed: int = 0) -> None:
    """Folders of pictures, ``labels.txt``, ``classes.txt`` and ``places.json``."""
    random = np.random.default_rng(seed)
    lines, places = [], {}
    for k in range(per_class):
        for label, way in enumerate(CLASSES.values()):
            name = f"{label}{k:04d}"
            pictures, places[name] = film(way, frames, side, random)
            (folder / "frames" / name).mkdir(parents=True, exist_ok=True)
            for index, picture in enumerate(pictures, 1):
                Image.fromarray(picture).save(folder / "frames" / name / f"{index:06d}.png")
            lines.append(f"{name} {frames} {label}")
    write_text(folder / "labels.txt", "\n".join(lines) + "\n")
    write_text(folder / "classes.txt", "\n".join(CLASSES) + "\n")
    write_json(folder / "places.json", places)


def read_places(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Centres ``[T, 2]`` of the moving disc, by video."""
    told = json.loads((folder / "places.json").read_text(encoding="utf-8"))
    return {name: np.array(places, np.float64) for name, places in told.items()}


def main(arguments: Sequence[str]) -> int:
    """Writes ``FOLDER/train`` (64 films) and ``FOLDER/validation`` (32)."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    write_set(folder / "train", 16)
    write_set(folder / "validation", 8, seed=1)
    print(f"written: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
