"""What the report keeps of a video of unknown length, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gazenet.report.jpeg import Box, Image, face_picture


@dataclass(frozen=True)
class KeyFrame:
    """A frame that the report shows: its facts, and its pictures as JPEG bytes."""

    index: int
    facts: Mapping[str, Any]
    pictures: Mapping[str, bytes]

    @property
    def bytes(self) -> int:
        """Bytes of all pictures."""
        return sum(len(picture) for picture in self.pictures.values())


class KeyFrames:
    """Evenly spaced frames: whenever there are too many, or too many bytes, every other one goes.

    Args:
        most: number of frames never exceeded.
        budget: sum of their JPEG bytes, never exceeded as long as more than one frame is kept.
    """

    def __init__(self, most: int, budget: int) -> None:
        self._most, self._budget = most, budget
        self.step = 1
        self.items: list[KeyFrame] = []

    def wants(self, index: int) -> bool:
        """Whether the frame of this index is worth encoding."""
        return index % self.step == 0

    def add(self, frame: KeyFrame) -> None:
        """Takes a frame that :meth:`wants` agreed to; indices increase."""
        self.items.append(frame)
        while len(self.items) > 1 and (
            len(self.items) > self._most or sum(item.bytes for item in self.items) > self._budget
        ):
            self.step *= 2
            self.items = [item for item in self.items if item.index % self.step == 0]


@dataclass
class TimelineBin:
    """Sums over a stretch of frames; ``shares[track]`` is (sum, frames in which the person was there)."""

    time: float
    frames: int = 0
    gates: list[float] = field(default_factory=list)
    gate_frames: int = 0
    shares: dict[int, tuple[float, int]] = field(default_factory=dict)

    def add(self, gates: Sequence[float], shares: Mapping[int, float]) -> None:
        """Counts one frame."""
        one = TimelineBin(
            self.time, 1, list(gates), 1 if gates else 0, {track: (part, 1) for track, part in shares.items()}
        )
        self.join(one)

    def join(self, other: TimelineBin) -> None:
        """Adds the sums of a later stretch."""
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
        """The next frame."""
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
        return [round(one.time, 3) for one in self.bins]

    def gates(self, count: int) -> list[list[float | None]]:
        """Per cue the mean gate of each stretch; None where there was none."""
        return [
            [round(one.gates[k] / one.gate_frames, 4) if one.gate_frames else None for one in self.bins]
            for k in range(count)
        ]

    def share(self, track: int) -> list[float | None]:
        """The mean share of a person in each stretch over the frames with that person; None where there are none."""
        parts = (one.shares.get(track) for one in self.bins)
        return [round(part[0] / part[1], 4) if part else None for part in parts]


@dataclass
class ReportPerson:
    """What is known of a track: times in seconds, ``attention`` the sum of its shares."""

    track: int
    first: float
    last: float
    frames: int = 0
    attention: float = 0.0
    area: float = 0.0
    face: bytes | None = None


class ReportPeople:
    """Everybody who was seen; pictures are kept of the most attended only.

    Args:
        side: of the pictures, in pixels.
        pictures: how many pictures at most.
    """

    def __init__(self, side: int, pictures: int) -> None:
        self._side, self._most = side, pictures
        self._people: dict[int, ReportPerson] = {}

    def see(
        self, time: float, image: Image, boxes: Mapping[int, Box], shares: Mapping[int, float], size: tuple[int, int]
    ) -> None:
        """The people of one frame; boxes in pixels of a frame of ``size`` (height, width)."""
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
        """Everybody, the most attended first."""
        return sorted(self._people.values(), key=lambda person: (-person.attention, person.track))


def finite(value: float) -> float:
    """The value, or 0 in place of NaN and infinity."""
    return float(value) if math.isfinite(value) else 0.0
