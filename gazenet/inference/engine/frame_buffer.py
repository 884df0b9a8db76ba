"""The video at work, and the part of it that is held in memory because some stage still needs it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face, Record
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.cues.windows import crop_face
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.engine.timing import Timings
from gazenet.media.frames import Frame, VideoInfo

Maps = NDArray[np.uint8]


@dataclass(frozen=True)
class PassContext:
    """The facts of a video that every part of a pass over it needs.

    Attributes:
        graph: the loaded plugins.
        source_id: hash of the video's content.
        info: facts of the container.
        timings: receives the seconds of every stage.
        warnings: plain lines for the run record, in the order in which they arise.
    """

    graph: StageGraph
    source_id: str
    info: VideoInfo
    timings: Timings
    warnings: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the full frame in pixels, to which boxes refer."""
        return self.info.height, self.info.width

    @property
    def map_size(self) -> tuple[int, int]:
        """(h, w) of the cue maps."""
        return self.graph.config.map_shape(self.size)

    @property
    def chunk(self) -> int:
        """Frames per chunk."""
        return self.graph.config.chunk


class FrameBuffer:
    """Frames, faces and maps of a video as its stages produce them (a ``WindowSource``).

    Args:
        tracker: answers for the faces of a frame; None where no faces are detected.
        chunk: frames per chunk.

    Attributes:
        decoded: number of frames decoded so far.
        last: index of the video's last frame; None until the video has ended.
    """

    def __init__(self, tracker: FaceTracker | None, chunk: int) -> None:
        self._tracker, self._chunk = tracker, chunk
        self._frames: dict[int, Frame] = {}
        self._maps: dict[str, dict[int, tuple[Maps, list[Record]]]] = {}
        self.decoded = 0
        self.last: int | None = None
        self._oldest = 0

    def add(self, frame: Frame) -> None:
        """Take the next decoded frame."""
        self._frames[frame.index] = frame
        self.decoded = frame.index + 1

    def image(self, index: int) -> NDArray[np.uint8]:
        """uint8 ``[H, W, 3]`` RGB of a frame at analysis size."""
        return self._frames[index].image

    def time(self, index: int) -> float:
        """Presentation time of a frame in seconds."""
        return self._frames[index].time

    def faces(self, index: int) -> tuple[Face, ...]:
        """The tracked faces of a frame."""
        return self._tracker.faces(index) if self._tracker is not None else ()

    def faces_known(self, index: int) -> bool:
        """Return whether no later detection can change the faces of a frame."""
        return self._tracker is None or self._tracker.settled(index)

    def map(self, name: str, index: int) -> Maps:
        """Map uint8 ``[h, w]`` of an extractor for a frame."""
        k = index // self._chunk
        return self._maps[name][k][0][index - k * self._chunk]

    def frames_in(self, k: int) -> int:
        """Number of decoded frames of chunk ``k``; not positive where none is decoded."""
        return min((k + 1) * self._chunk, self.decoded) - k * self._chunk

    def chunk_decoded(self, k: int) -> bool:
        """Return whether chunk ``k`` is decoded as a whole; the last chunk of a video may be shorter."""
        count = self.frames_in(k)
        return count > 0 and (count == self._chunk or self.last is not None)

    def keep(self, name: str, k: int, maps: Maps, records: list[Record]) -> None:
        """Hold the finished chunk ``k`` of an extractor."""
        self._maps.setdefault(name, {})[k] = (maps, records)

    def has(self, name: str, k: int) -> bool:
        """Return whether chunk ``k`` of an extractor is finished and held."""
        return k in self._maps.get(name, {})

    def chunk(self, name: str, k: int) -> tuple[Maps, list[Record]]:
        """Maps and records of chunk ``k`` of an extractor."""
        return self._maps[name][k]

    def span(self, name: str, start: int, stop: int) -> tuple[Maps, list[Record]]:
        """Maps and records of the frames ``start`` .. ``stop - 1`` of an extractor."""
        maps, records = [], []
        for k in range(start // self._chunk, -(-stop // self._chunk)):
            low, high = max(start - k * self._chunk, 0), stop - k * self._chunk
            chunk_maps, chunk_records = self.chunk(name, k)
            maps.append(chunk_maps[low:high])
            records += chunk_records[low:high]
        return np.concatenate(maps), records

    def drop_before(self, index: int) -> None:
        """Drop the frames before ``index`` and the chunks that end before it."""
        for old in range(self._oldest, min(index, self.decoded)):
            self._frames.pop(old, None)
        self._oldest = max(self._oldest, index)
        for chunks in self._maps.values():
            for k in [k for k in chunks if (k + 1) * self._chunk <= index]:
                del chunks[k]
        if self._tracker is not None:
            self._tracker.drop_before(index)


class FaceCropView:
    """The buffer as an extractor sees it that wants a picture of every face (a ``WindowSource``).

    Args:
        buffer: source of frames and faces.
        side: side of the square crops, in pixels.
        size: (height, width) of the full frame, to which boxes refer.
    """

    def __init__(self, buffer: FrameBuffer, side: int, size: tuple[int, int]) -> None:
        self._buffer, self._side, self._size = buffer, side, size
        self.image, self.time, self.map = buffer.image, buffer.time, buffer.map

    def faces(self, index: int) -> tuple[Face, ...]:
        """The faces of a frame with their crops."""
        image = self._buffer.image(index)
        sy, sx = image.shape[0] / self._size[0], image.shape[1] / self._size[1]
        faces = []
        for face in self._buffer.faces(index):
            left, top, right, bottom = face.box
            crop = crop_face(image, (left * sx, top * sy, right * sx, bottom * sy), self._side)
            faces.append(replace(face, crop=crop))
        return tuple(faces)
