"""The frames that some stage still needs: the moving part of a video that is held in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face, Record
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.cues.windows import crop_face
from gazenet.media.frames import Frame

Maps = NDArray[np.uint8]


class WithCrops:
    """The buffer as an extractor sees it that wants a picture of every face.

    Args:
        buffer: where frames and faces come from.
        side: of the square crops, in pixels.
        size: (height, width) of the full frame, in whose pixels boxes are.
    """

    def __init__(self, buffer: FrameBuffer, side: int, size: tuple[int, int]) -> None:
        self._buffer, self._side, self._size = buffer, side, size
        self.image, self.time, self.map = buffer.image, buffer.time, buffer.map

    def faces(self, index: int) -> tuple[Face, ...]:
        image = self._buffer.image(index)
        sy, sx = image.shape[0] / self._size[0], image.shape[1] / self._size[1]
        cut = []
        for face in self._buffer.faces(index):
            left, top, right, bottom = face.box
            crop = crop_face(image, (left * sx, top * sy, right * sx, bottom * sy), self._side)
            cut.append(replace(face, crop=crop))
        return tuple(cut)


class FrameBuffer:
    """Implements the runner's ``WindowSource`` over what has been decoded, tracked and extracted so far."""

    def __init__(self, tracker: FaceTracker | None, chunk: int) -> None:
        self.tracker, self._chunk = tracker, chunk
        self._frames: dict[int, Frame] = {}
        self._maps: dict[str, dict[int, tuple[Maps, list[Record]]]] = {}
        self.decoded = 0
        self._oldest = 0

    def add(self, frame: Frame) -> None:
        self._frames[frame.index] = frame
        self.decoded = frame.index + 1

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._frames[index].image

    def time(self, index: int) -> float:
        return self._frames[index].time

    def faces(self, index: int) -> tuple[Face, ...]:
        return self.tracker.faces(index) if self.tracker is not None else ()

    def map(self, name: str, index: int) -> Maps:
        k = index // self._chunk
        return self._maps[name][k][0][index - k * self._chunk]

    def keep(self, name: str, k: int, maps: Maps, records: list[Record]) -> None:
        """Remembers the finished chunk ``k`` of an extractor."""
        self._maps.setdefault(name, {})[k] = (maps, records)

    def has(self, name: str, k: int) -> bool:
        return k in self._maps.get(name, {})

    def chunk(self, name: str, k: int) -> tuple[Maps, list[Record]]:
        return self._maps[name][k]

    def span(self, name: str, start: int, stop: int) -> tuple[Maps, list[Record]]:
        """Maps and records of the frames ``start`` .. ``stop - 1`` of an extractor."""
        maps, records = [], []
        for k in range(start // self._chunk, -(-stop // self._chunk)):
            low, high = max(start - k * self._chunk, 0), stop - k * self._chunk
            some, told = self.chunk(name, k)
            maps.append(some[low:high])
            records += told[low:high]
        return np.concatenate(maps), records

    def drop_before(self, index: int) -> None:
        """Forgets the frames before ``index`` and the chunks that end before it."""
        for old in range(self._oldest, min(index, self.decoded)):
            self._frames.pop(old, None)
        self._oldest = max(self._oldest, index)
        for chunks in self._maps.values():
            for k in [k for k in chunks if (k + 1) * self._chunk <= index]:
                del chunks[k]
        if self.tracker is not None:
            self.tracker.drop_before(index)
