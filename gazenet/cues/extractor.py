"""The contract between the platform and an extractor: windows in, maps out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.media.frames import Waveform

Record = dict[str, Any]
"""JSON-serialisable facts of one frame, for example ``{"faces": [{"track": 0, "yaw": 12.0}]}``."""


@dataclass(frozen=True)
class Face:
    """One face in one frame; coordinates are pixels of the full-size frame, origin at the top left.

    ``box`` is (left, top, right, bottom). ``landmarks``, float32 ``[478, 3]`` (x, y, depth), follow the MediaPipe face
    mesh with irises (468..472 right, 473..477 left); None without a landmark network. ``presence`` in 0..1 is the
    confidence in them: it is low for profiles, whose landmarks still follow motion. ``crop`` is a square RGB uint8
    ``[S, S, 3]`` around the box with S = ``spec.needs.face_crops``, in anchor frames only, else None; it is never
    cached.
    """

    track: int
    box: tuple[float, float, float, float]
    score: float
    landmarks: NDArray[np.float32] | None = None
    presence: float = 0.0
    crop: NDArray[np.uint8] | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) in pixels."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


@dataclass(frozen=True)
class VideoContext:
    """The facts of a video before its first window, with the whole sound for extractors that listen.

    ``height``, ``width``: pixels of a frame. ``rate``: frames per second. ``waveform``: None without sound.
    """

    source_id: str
    height: int
    width: int
    rate: float
    waveform: Waveform | None


@dataclass(frozen=True)
class Windows:
    """A batch of B windows of L frames (``spec.window``), aligned by frame index.

    ``index`` ``[B]``: the anchor frames; ``times`` ``[B, L]``: seconds of every frame of each window; ``anchor``: the
    position of the anchor inside a window.
    ``frames``: uint8 ``[B, L, 3, h, w]`` RGB on the extractor's device, sized by ``spec.input`` (None without one).
    ``faces[b][l]``: the faces of that frame (empty tuples unless the spec needs them). ``maps[name]``: float ``[B, h,
    w]`` of the anchor frames. ``size``: (height, width) of the full frame; ``map_size``: (h, w) that maps must have.
    """

    index: NDArray[np.int64]
    times: NDArray[np.float64]
    size: tuple[int, int]
    map_size: tuple[int, int]
    anchor: int
    frames: torch.Tensor | None = None
    faces: Sequence[Sequence[Sequence[Face]]] = ()
    maps: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class CueMaps:
    """Maps float ``[B, h, w]`` in 0..1 covering the complete frame, and one record per map (or None for no records).

    ``pictures``: where the spec declares them, the coloured picture of every map as the published pipeline draws it,
    RGB uint8 ``[H, W, 3]`` of any size, covering the complete frame.
    """

    maps: torch.Tensor
    records: Sequence[Record] | None = None
    pictures: Sequence[NDArray[np.uint8]] | None = None


class Extractor(Protocol):
    """The contract of an extractor. Any class with these members will do.

    Inherit this class to get a ``begin`` that does nothing. The constructor takes the spec's ``parameters`` as
    keyword arguments.
    """

    spec: ExtractorSpec

    @abstractmethod
    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the weights onto ``device`` in ``dtype``; ``asset_path(id)`` returns the file of a declared asset."""

    def begin(self, video: VideoContext) -> None:
        """Prepare for a video; called once per video, before its first window."""

    @abstractmethod
    def extract(self, windows: Windows) -> CueMaps:
        """Return the maps of a batch of windows, one per window."""


class AssetPath(Protocol):
    """A function from a catalogue id to its verified local file."""

    def __call__(self, asset_id: str) -> Path:
        """Return the file; raises UsageError with the command that downloads it if it is missing."""
