"""Frames between the threads of a live run: the last ones with their faces and maps, and the newest to come."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face, Record
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.cues.windows import crop_face
from gazenet.media.frames import Frame

T = TypeVar("T")
MARGIN = 64
"""Frames kept beyond the longest window: stages lag behind the newest frame."""


@dataclass(frozen=True)
class NewestMap:
    """The newest map uint8 ``[h, w]`` of a cue with its record, computed for the frame ``index`` at ``time``.

    ``picture``: uint8 ``[3, h, w]`` (RGB planes) of a cue that gives coloured pictures.
    """

    map: NDArray[np.uint8]
    record: Record
    index: int
    time: float
    picture: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class HistoryView:
    """The frames up to an anchor as an extractor sees them (a ``WindowSource``); it does not change.

    ``origin`` is subtracted from all times: the start of the sound that the extractor gets.
    """

    anchor: int
    frames: dict[int, Frame]
    people: dict[int, tuple[Face, ...]]
    maps: dict[str, NewestMap]
    size: tuple[int, int]
    crops: int
    origin: float = 0.0

    def image(self, index: int) -> NDArray[np.uint8]:
        """uint8 ``[H, W, 3]`` RGB of a frame."""
        return self.frames[self._held(index)].image

    def time(self, index: int) -> float:
        """Seconds from ``origin`` to a frame."""
        return self.frames[self._held(index)].time - self.origin

    def faces(self, index: int) -> tuple[Face, ...]:
        """The faces of a frame, with crops at the anchor where the extractor takes them."""
        faces = self.people[self._held(index)]
        if not self.crops or index != self.anchor:
            return faces
        image = self.image(index)
        return tuple(replace(face, crop=crop_face(image, face.box, self.crops)) for face in faces)

    def map(self, name: str, index: int) -> NDArray[np.uint8]:
        """The newest map of a cue, whatever the frame."""
        return self.maps[name].map

    def _held(self, index: int) -> int:
        """The oldest frame held stands in for those before it."""
        return max(index, self.anchor - len(self.frames) + 1)


class FrameHistory:
    """Frames in order, without gaps: dropped frames are not part of it.

    Args:
        before: frames of the longest window before its anchor.
        size: (height, width) of the frames.
    """

    def __init__(self, before: int, size: tuple[int, int]) -> None:
        self._depth, self._size = before + 1 + MARGIN, size
        self._changed = threading.Condition()
        self._frames: dict[int, Frame] = {}
        self._tracker = FaceTracker()
        self._detected = -1
        self._maps: dict[str, NewestMap] = {}
        self.newest = -1

    def add(self, image: NDArray[np.uint8], time: float) -> int:
        """Take a new frame and drop the oldest; returns its index."""
        with self._changed:
            self.newest += 1
            self._frames[self.newest] = Frame(self.newest, time, image)
            old = self.newest - self._depth
            self._frames.pop(old, None)
            # The tracker must answer for the oldest frame held, however long ago faces were detected.
            self._tracker.drop_before(old + 1)
            self._changed.notify_all()
            return self.newest

    def wait_beyond(self, index: int, timeout: float, faces: bool = False) -> int:
        """Wait for a frame after ``index``, with ``faces`` for one whose faces are detected.

        Returns the newest, or -1 where there is none after ``timeout`` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._last(faces) > index, timeout)
            last = self._last(faces)
            return last if last > index else -1

    def _last(self, faces: bool) -> int:
        return self._detected if faces else self.newest

    def frame(self, index: int) -> Frame:
        """A frame that is still held."""
        with self._changed:
            return self._frames[index]

    def detected(self, index: int, detections: Sequence[dict[str, Any]]) -> None:
        """Take the detections of a frame."""
        with self._changed:
            self._tracker.push(index, detections)
            self._detected = index
            self._changed.notify_all()

    def put_map(self, name: str, newest: NewestMap) -> None:
        """Take a new map of a cue."""
        with self._changed:
            self._maps[name] = newest
            self._changed.notify_all()

    def held(self) -> int:
        """Number of frames held."""
        with self._changed:
            return len(self._frames)

    def has(self, names: Sequence[str]) -> bool:
        """Return whether each of these cues has a map."""
        with self._changed:
            return all(name in self._maps for name in names)

    def now(self) -> tuple[tuple[Face, ...], dict[str, NewestMap]]:
        """The people and the maps of this moment."""
        with self._changed:
            return self._people(self._detected), dict(self._maps)

    def view(self, anchor: int, before: int, faces: bool, crops: int, origin: float = 0.0) -> HistoryView:
        """The window that ends at ``anchor``; its first frames may be dropped already."""
        with self._changed:
            wanted = [k for k in range(max(0, anchor - before), anchor + 1) if k in self._frames]
            people = {k: self._people(k) for k in wanted} if faces or crops else {}
            frames = {k: self._frames[k] for k in wanted}
            return HistoryView(anchor, frames, people, dict(self._maps), self._size, crops, origin)

    def _people(self, index: int) -> tuple[Face, ...]:
        try:
            return self._tracker.faces(min(index, self._detected)) if self._detected >= 0 else ()
        except LookupError:  # before the first detection
            return ()


class SourceEnded(Exception):
    """The source has ended."""


class SourceStalled(Exception):
    """The source gave nothing within the time to wait."""


class LatestValue(Generic[T]):
    """A value that is put in replaces the one that waits; ``dropped`` counts the replaced ones."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._ended = False
        self._error: BaseException | None = None
        self.put_in, self.dropped = 0, 0

    def counted(self) -> tuple[int, int, int]:
        """Numbers of values put in, dropped and waiting (0 or 1) at one moment; the others were taken."""
        with self._changed:
            return self.put_in, self.dropped, int(self._item is not None)

    def put(self, item: T) -> None:
        """Put in a value."""
        with self._changed:
            self.put_in += 1
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Put in no more; ``error`` is raised to the taker after the last value."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self, timeout: float) -> T:
        """Wait for the newest value.

        Raises SourceStalled after ``timeout`` seconds, SourceEnded or the error of the source at its end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._ended, timeout)
            item, self._item = self._item, None
            if item is not None:
                return item
            if self._error is not None:
                raise self._error
            raise SourceEnded if self._ended else SourceStalled
