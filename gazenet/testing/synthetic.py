"""Made-up videos for conformance tests: moving shapes, faces with plausible landmarks, a tone that comes and goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face, VideoContext
from gazenet.cues.windows import crop_face
from gazenet.media.frames import Waveform

Image = NDArray[np.uint8]


@dataclass
class SyntheticVideo:
    """A video of ``frames`` frames of ``size`` (height, width); a ``WindowSource`` for the runner.

    ``seed`` changes the pictures of all frames from ``differs_from`` up to ``differs_until``, the others stay.
    ``blank`` pictures are all black, ``fading`` ones become brighter from the first to the last.
    ``hard`` faces lie across the border, have no size or no mesh. ``sound_seconds`` is the end of the sound, if not
    with the pictures; ``loud`` is its volume (0: silence).
    """

    frames: int = 20
    size: tuple[int, int] = (72, 128)
    people: int = 2
    sound: bool = True
    crop: int = 0
    seed: int = 0
    differs_from: int = 0
    differs_until: int = 1_000_000
    blank: bool = False
    fading: bool = False
    hard: bool = False
    sound_seconds: float | None = None
    loud: float = 0.3
    maps: dict[str, list[Image]] = field(default_factory=dict)

    def image(self, index: int) -> Image:
        """Noise with a bright disc that moves to the right."""
        height, width = self.size
        if self.blank:
            return np.zeros((height, width, 3), np.uint8)
        seed = self._seed(index)
        rng = np.random.default_rng(1000 * seed + index)
        picture = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
        y, x = np.mgrid[:height, :width]
        centre = width * (0.2 + 0.6 * ((index + 3 * seed) % 20) / 20)
        picture[np.hypot(x - centre, y - height / 2) < height / 6] = (220, 180, 40)
        if self.fading:
            picture = (picture * ((1 + index) / self.frames)).astype(np.uint8)
        return picture

    def _seed(self, index: int) -> int:
        return self.seed if self.differs_from <= index < self.differs_until else 0

    def time(self, index: int) -> float:
        """Return the time of a frame in seconds, at 25 frames per second."""
        return index / 25

    def faces(self, index: int) -> tuple[Face, ...]:
        """Faces side by side; their mouths open and close."""
        if self.hard:
            return tuple(self._hard_faces(index))
        return tuple(self._face(track, index) for track in range(self.people))

    def _hard_faces(self, index: int) -> Iterator[Face]:
        """Without a mesh, across a corner, wholly outside, without a size."""
        width = self.size[1]
        boxes = [(10.0, 8.0, 20.0, 20.0), (-9.0, -9.0, 7.0, 7.0), (width + 5.0, 0.0, width + 25.0, 20.0), (5.0,) * 4]
        for track, box in enumerate(boxes):
            left, top, right, bottom = box
            crop = crop_face(self.image(index), (left, top, right, bottom), self.crop) if self.crop else None
            centre = (left + right) / 2, (top + bottom) / 2
            mesh = synthetic_mesh(centre, right - left, 0.05) if track else None
            yield Face(track, (left, top, right, bottom), 0.4, mesh, 0.2, crop)

    def _face(self, track: int, index: int) -> Face:
        height, width = self.size
        side = height / 4
        x, y = width * (track + 1) / (self.people + 1) + 0.2 * index, height * 0.4
        opening = 0.06 * (1 + np.sin(0.9 * index + track + self._seed(index)))
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        crop = crop_face(self.image(index), box, self.crop) if self.crop else None
        return Face(track, box, 0.9, synthetic_mesh((x, y), side, float(opening)), 0.95, crop)

    def map(self, name: str, index: int) -> Image:
        """Return the map of another extractor for a frame."""
        return self.maps[name][index]

    def context(self) -> VideoContext:
        """Return the facts that an extractor gets before the first window."""
        sound = None
        if self.sound:
            seconds = self.frames / 25 if self.sound_seconds is None else self.sound_seconds
            t = np.arange(int(seconds * 16_000) + 1) / 16_000
            tone = np.sin(2 * np.pi * 180 * t) * self.loud * (1 + np.sin(2 * np.pi * 2 * t))
            sound = Waveform(tone[None].astype(np.float32), 16_000)
        return VideoContext("made-up", *self.size, 25.0, sound)


def synthetic_mesh(centre: tuple[float, float], side: float, opening: float) -> NDArray[np.float32]:
    """478 points on a bent ellipse; those that cues measure stand where a frontal face has them."""
    angles = np.linspace(0, 40 * np.pi, 478)
    radius = np.linspace(0.05, 0.5, 478)
    points = np.stack([radius * np.cos(angles), 1.2 * radius * np.sin(angles), -0.3 * np.cos(radius * np.pi)], 1)
    named = {
        10: (0, -0.6, 0), 152: (0, 0.6, 0), 234: (-0.5, 0, 0), 454: (0.5, 0, 0), 1: (0, 0.1, -0.3),
        33: (-0.3, -0.2, -0.1), 133: (-0.12, -0.2, -0.12), 362: (0.12, -0.2, -0.12), 263: (0.3, -0.2, -0.1),
        468: (-0.2, -0.2, -0.1), 473: (0.22, -0.2, -0.1), 13: (0, 0.33 - opening, -0.2), 14: (0, 0.33 + opening, -0.2),
        78: (-0.15, 0.33, -0.15), 308: (0.15, 0.33, -0.15), 0: (0, 0.28 - opening, -0.2), 17: (0, 0.4 + opening, -0.2),
    }  # fmt: skip
    for index, place in named.items():
        points[index] = place
    return (points * side + [*centre, 0]).astype(np.float32)
