"""A small generated data set: the direction of a moving disc. ``python -m gazenet_plugins.st_abn.motion_set FOLDER``.

Every film shows three identical discs on slight noise; two rest, the third moves left, right, up or down. The middle
of its path and the resting discs are placed before the direction is chosen, so that the middle frame carries no
information about the class, and any single frame little. ``places.json`` gives the positions of the discs. Their size
in pixels is fixed: a larger picture has more positions without motion.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazenet.files import write_json, write_text

CLASSES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
RADIUS = 7.0
"""Of the discs, in pixels."""
STEP = 4.0
"""Pixels from frame to frame."""
RESTING = 2
FRAMES = 5
TRIES = 10_000
SIDE, WIDE = 72, 128
"""Sides of the pictures: of films to learn from, of which parts of 64 pixels are shown; of films to look around in."""


@dataclass(frozen=True)
class Scene:
    """The content of a film of any class: middle of the path and resting discs (x, y in pixels), noise, colour."""

    middle: NDArray[np.float64]
    resting: NDArray[np.float64]
    ground: NDArray[np.float64]
    colour: NDArray[np.float64]


def scene(frames: int, side: int, random: np.random.Generator) -> Scene:
    """Place discs so that none touches another or the edge of the picture, in whichever direction one of them moves.

    Raises ValueError for pictures too small for so many frames.
    """
    ground, colour = random.normal(100, 10, (side, side, 3)), random.uniform(170, 250, 3)
    reach = STEP * (frames - 1) / 2
    for _ in range(TRIES):
        middle = random.uniform(RADIUS + reach, side - RADIUS - reach, 2)
        resting = random.uniform(RADIUS, side - RADIUS, (RESTING, 2))
        between = np.hypot(*(resting[0] - resting[1]))
        if between > 2 * RADIUS and np.hypot(*(resting - middle).T).min() > 2 * RADIUS + reach:
            return Scene(middle, resting, ground, colour)
    raise ValueError(f"{side} pixels have no room for {frames} frames")


def film(way: tuple[int, int], frames: int, shown: Scene) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Draw frames ``[T, S, S, 3]`` RGB; also return the centre ``[T, 2]`` (x, y) of the moving disc in pixels."""
    steps = np.arange(frames) - (frames - 1) / 2
    places = shown.middle + STEP * steps[:, None] * np.array(way, np.float64)
    rows, columns = np.mgrid[: len(shown.ground), : len(shown.ground)] + 0.5
    pictures = []
    for place in places:
        image = shown.ground.copy()
        for x, y in (*shown.resting, place):
            image[np.hypot(columns - x, rows - y) < RADIUS] = shown.colour
        pictures.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(pictures), places


def write_set(folder: Path, per_class: int, side: int = SIDE, frames: int = FRAMES, seed: int = 0) -> None:
    """Write folders of pictures, ``labels.txt``, ``classes.txt`` and ``places.json``."""
    random = np.random.default_rng(seed)
    lines, videos = [], {}
    for k in range(per_class):
        for label, way in enumerate(CLASSES.values()):
            name = f"{label}{k:04d}"
            shown = scene(frames, side, random)
            pictures, places = film(way, frames, shown)
            (folder / "frames" / name).mkdir(parents=True, exist_ok=True)
            for index, picture in enumerate(pictures, 1):
                Image.fromarray(picture).save(folder / "frames" / name / f"{index:06d}.png")
            lines.append(f"{name} {frames} {label}")
            videos[name] = {"moving": places.tolist(), "resting": shown.resting.tolist()}
    write_text(folder / "labels.txt", "\n".join(lines) + "\n")
    write_text(folder / "classes.txt", "\n".join(CLASSES) + "\n")
    write_json(folder / "places.json", {"radius": RADIUS, "videos": videos})


def main(arguments: Sequence[str]) -> int:
    """Write ``FOLDER/train`` (240 films), ``FOLDER/validation`` (32) and ``FOLDER/wide`` (32, of 128 pixels)."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    write_set(folder / "train", 60)
    write_set(folder / "validation", 8, seed=1)
    write_set(folder / "wide", 8, side=WIDE, seed=2)
    print(f"written: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
