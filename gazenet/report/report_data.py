"""Data of the report: key frames, time line and people of a video of any length, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gazenet.report.jpeg import Box, Image, face_picture


@dataclass(frozen=True)
class KeyFrame:
    """A frame that the report shows, with its facts and its pictures as JPEG bytes."""

    index: int
    facts: Mapping[str, Any]
    pictures: Mapping[str, bytes]

    @property
    def bytes(self) -> int:
        """Bytes of all pictures."""
        return sum(len(picture) for picture in self.pictures.values())


class KeyFrames:
    """Evenly spaced frames; whenever there are too many, or too many bytes, every second one is dropped.

    Args:
        most: the largest number of frames.
        budget: the largest sum of their JPEG bytes, as long as more than one frame is kept.
    """

    def __init__(self, most: int, budget: int) -> None:
        self._most, self._budget = most, budget
        self.step = 1
        self.items: list[KeyFrame] = []

    def wants(self, index: int) -> bool:
        """Return whether the frame of this index is worth encoding."""
        return index % self.step == 0

    def add(self, frame: KeyFrame) -> None:
        """Take a frame for which :meth:`wants` is true; indices increase."""
        self.items.append(frame)
        while len(self.items) > 1 and (
            len(self.items) > self._most or sum(item.bytes for item in self.items) > self._budget
        ):
            self.step *= 2
            self.items = [item for item in self.items if item.index % self.step == 0]


@dataclass
class TimelineBin:
    """Sums over a stretch of frames; ``shares[track]`` is (sum, number of frames with that person)."""

    time: float
    frames: int = 0
    gates: list[float] = field(default_factory=list)
    gate_frames: int = 0
    shares: dict[int, tuple[float, int]] = field(default_factory=dict)

    def add(self, gates: Sequence[float], shares: Mapping[int, float]) -> None:
        """Count one frame."""
        counted = {track: (share, 1) for track, share in shares.items()}
        self.join(TimelineBin(self.time, 1, list(gates), 1 if gates else 0, counted))

    def join(self, other: TimelineBin) -> None:
        """Add the sums of a later stretch."""
        self.frames += other.frames
        self.gate_frames += other.gate_frames
        if other.gates:
            self.gates = [a + b for a, b in zip(self.gates or [0.0] * len(other.gates), other.gates, strict=True)]
        for track, (part, count) in other.shares.items():
            before = self.shares.get(track, (0.0, 0))
            self.shares[track] = (before[0] + part, before[1] + count)


class Timeline:
    """Means of gates and shares over equal stretches of frames; neighbours merge when there are more than ``most``."""

    def __init__(self, most: int) -> None:
        self._most, self._step, self._seen = most, 1, 0
        self.bins: list[TimelineBin] = []

    def add(self, time: float, gates: Sequence[float], shares: Mapping[int, float]) -> None:
        """Count the next frame, at a time in seconds."""
        if self._seen % self._step == 0:
            if len(self.bins) == self._most:
                self._halve()
            if self._seen % self._step == 0:
                self.bins.append(TimelineBin(time))
        self.bins[-1].add(gates, shares)
        self._seen += 1

    def _halve(self) -> None:
        self._step *= 2
        for k in range(0, len(self.bins) - 1, 2):
            self.bins[k].join(self.bins[k + 1])
        self.bins = self.bins[::2]

    def times(self) -> list[float]:
        """Time of the first frame of each stretch, seconds."""
        return [round(stretch.time, 3) for stretch in self.bins]

    def gates(self, count: int) -> list[list[float | None]]:
        """Per cue the mean gate of each stretch; None where there was none."""
        return [
            [
                round(stretch.gates[k] / stretch.gate_frames, 4) if stretch.gate_frames else None
                for stretch in self.bins
            ]
            for k in range(count)
        ]

    def share(self, track: int) -> list[float | None]:
        """The mean share of a person in each stretch over the frames with that person; None where there are none."""
        parts = (stretch.shares.get(track) for stretch in self.bins)
        return [round(part[0] / part[1], 4) if part else None for part in parts]


@dataclass
class ReportPerson:
    """A person in the report: a track with its times in seconds and ``attention``, the sum of its shares."""

    track: int
    first: float
    last: float
    frames: int = 0
    attention: float = 0.0
    area: float = 0.0
    face: bytes | None = None


class ReportPeople:
    """All people of a video, with pictures of the most attended.

    Args:
        side: of the pictures, in pixels.
        pictures: the largest number of pictures.
    """

    def __init__(self, side: int, pictures: int) -> None:
        self._side, self._most = side, pictures
        self._people: dict[int, ReportPerson] = {}

    def see(
        self, time: float, image: Image, boxes: Mapping[int, Box], shares: Mapping[int, float], size: tuple[int, int]
    ) -> None:
        """Count the people of one frame; boxes in pixels of a frame of ``size`` (height, width)."""
        for track, box in boxes.items():
            person = self._people.setdefault(track, ReportPerson(track, time, time))
            person.last = time
            person.frames += 1
            person.attention += finite(shares.get(track, 0.0))
            area = (box[2] - box[0]) * (box[3] - box[1])
            # A noticeably larger view only: most frames then cost nothing.
            if area > 1.2 * person.area:
                person.area, person.face = area, face_picture(image, box, size, self._side) or person.face
        if len(self._people) > 2 * self._most:
            for person in self.ranked()[self._most :]:
                person.face = None

    def ranked(self) -> list[ReportPerson]:
        """All people, the most attended first."""
        return sorted(self._people.values(), key=lambda person: (-person.attention, person.track))


def finite(value: float) -> float:
    """The value, or 0 in place of NaN and infinity."""
    return float(value) if math.isfinite(value) else 0.0
