"""A small data set in the form of AVE: in every video the object of its category moves, and its tone sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from gazenet.media.encode import VideoWriter
from gazenet_plugins.stanet.ave import HEADER

SIDE, RATE, SECONDS, RADIUS = 128, 4, 5, 22
KINDS = {"Bark": ((230, 40, 40), 220.0), "Violin, fiddle": ((40, 220, 60), 880.0), "Bus": ((60, 80, 240), 2400.0)}
"""Colour and tone of a category."""


@dataclass(frozen=True)
class MadeUp:
    """Where it lies; ``places``: column and row of the object's centre by video and second, in parts of the side."""

    videos: Path
    lists: Path
    places: dict[tuple[str, int], tuple[float, float]]

    @property
    def chance(self) -> float:
        """How often a random point lies on the object."""
        return float(np.pi * (RADIUS / SIDE) ** 2)

    def hit(self, video: str, second: int, map_: np.ndarray) -> bool:
        """Whether the brightest point of a map of the complete picture lies on the object."""
        row, column = np.unravel_index(int(map_.argmax()), map_.shape)
        x, y = self.places[video, second]
        away = np.hypot((column + 0.5) / map_.shape[1] - x, (row + 0.5) / map_.shape[0] - y)
        return bool(away <= RADIUS / SIDE)


def made_up_ave(folder: Path, per_category: int = 4, kinds: Sequence[str] = tuple(KINDS), silent: int = -1) -> MadeUp:
    """Videos of five seconds and the lists of AVE; the last video of each category is in the validation list.

    ``silent``: number of a video that gets no sound.
    """
    videos = folder / "videos"
    videos.mkdir(parents=True)
    rows, held, places = [], [], {}
    for number in range(per_category * len(kinds)):
        kind, name = kinds[number % len(kinds)], f"-video{number:05d}"
        rng = np.random.default_rng(number)
        path = _path(rng)
        _write(videos / f"{name}.mp4", kind, path, rng, sounds=number != silent)
        # The picture of a second is the second of its four frames.
        places |= {(name, second): tuple(path[RATE * second + 1]) for second in range(SECONDS)}
        line = f"{kind}&{name}&good&0&{SECONDS}"
        (held if number >= (per_category - 1) * len(kinds) else rows).append(line)
    for file, lines in (("trainSet.txt", rows), ("valSet.txt", held), ("Annotations.txt", [HEADER, *rows, *held])):
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return MadeUp(videos, folder, places)


def _path(rng: np.random.Generator) -> np.ndarray:
    """Centre of the object in every frame ``[frames, 2]``, x and y in parts of the side."""
    ends = rng.uniform(0.2, 0.8, (2, 2))
    share = np.linspace(0, 1, RATE * SECONDS)[:, None]
    return ends[0] * (1 - share) + ends[1] * share


def _write(path: Path, kind: str, places: np.ndarray, rng: np.random.Generator, sounds: bool) -> None:
    colour, tone = KINDS[kind]
    sound = _tone(path.with_suffix(".sound.mp4"), tone, rng) if sounds else None
    noise = rng.integers(40, 160, (8, 8, 1)).repeat(3, 2)
    ground = noise.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1).astype(np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    with VideoWriter(path, SIDE, SIDE, Fraction(RATE), sound) as writer:
        for k, (u, v) in enumerate(places):
            image = ground.copy()
            image[np.hypot(x - u * SIDE, y - v * SIDE) < RADIUS] = colour
            writer.write(image, k / RATE)
    if sound is not None:
        sound.unlink()


def _tone(path: Path, tone: float, rng: np.random.Generator, rate: int = 16_000) -> Path:
    t = np.arange(int((SECONDS + 0.2) * rate)) / rate
    samples = (0.4 * np.sin(2 * np.pi * tone * t) + 0.02 * rng.standard_normal(len(t))).astype(np.float32)[None]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        for start in range(0, len(t), 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def batch(side: int, moments: int) -> dict[str, torch.Tensor]:
    return {
        "images": torch.rand(2, moments, 3, side, side),
        "audios": torch.rand(2, moments, 81, 199),
        "targets": torch.rand(2, moments, 1, side, side),
        "class_id": torch.tensor([0, 2]),
    }
