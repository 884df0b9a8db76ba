"""Results of the pipeline: per chunk, per video, per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face, Record
from gazenet.media.frames import VideoInfo

if TYPE_CHECKING:
    from gazenet.inference.inputs.dataset_inputs import DatasetVideo

EMPTY_MAPS = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True)
class ChunkResult:
    """Consecutive frames ``start`` .. ``start + n - 1``, ready for the sinks.

    ``images``: analysis frames uint8 ``[H, W, 3]`` RGB; ``times`` float64 ``[n]``; ``saliency`` float32 ``[n, h, w]``
    and ``gates`` float32 ``[n, M]`` (both empty without an integrator); ``cues``: uint8 ``[n, h, w]`` per extractor;
    ``pictures``: uint8 ``[n, 3, 120, 120]`` (RGB planes) per extractor that gives coloured pictures.
    """

    start: int
    images: Sequence[NDArray[np.uint8]]
    times: NDArray[np.float64]
    saliency: NDArray[np.float32]
    gates: NDArray[np.float32]
    faces: Sequence[tuple[Face, ...]]
    cues: dict[str, NDArray[np.uint8]]
    records: dict[str, list[Record]]
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class VideoSummary:
    """The outcome of one input; ``counts`` holds the number of ``corrupt_frames`` and the names of ``skipped_cues``.

    ``skipped``: whether it was finished by an earlier run.
    """

    path: Path
    folder: Path | None
    frames: int
    warnings: list[str]
    counts: dict[str, Any]
    timings: dict[str, Any]
    skipped: bool = False


class InputFailure(NamedTuple):
    """An input that failed, with the reason in one line; ``trace`` only for an error of the program itself."""

    path: Path
    reason: str
    trace: str = ""


@dataclass(frozen=True)
class RunResult:
    """The outcome of a run: ``exit_code`` 0 or 1, the finished inputs, and the failed ones."""

    finished: list[VideoSummary] = field(default_factory=list)
    failures: list[InputFailure] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 where an input failed, else 0."""
        return 1 if self.failures else 0


@dataclass(frozen=True)
class SinkContext:
    """Facts of a video that sinks get before the first frame.

    Attributes:
        folder: where the results of the video go.
        source: path or name of the video.
        info: facts of its container.
        frame_size: (height, width) of the frames at analysis size.
        map_size: (h, w) of the cue maps.
        cues: names of the extractors.
        gates: names of the cues that the integrator weighs; empty without an integrator.
        config: the config of the run as JSON data.
        dataset_video: what the data set says of the video, if it is from one.
    """

    folder: Path
    source: Path
    info: VideoInfo
    frame_size: tuple[int, int]
    map_size: tuple[int, int]
    cues: tuple[str, ...]
    gates: tuple[str, ...]
    config: dict[str, Any]
    dataset_video: DatasetVideo | None = None


@dataclass(frozen=True)
class Prediction:
    """A whole video in memory.

    ``saliency`` float32 ``[T, h, w]``, every frame divided by its maximum; ``times`` float64 ``[T]`` in seconds;
    ``gates`` float32 ``[T, M]`` in the order of ``gate_names``; ``cues`` uint8 ``[T, h, w]`` per extractor;
    ``records`` one dict per frame and extractor; ``faces`` per frame; ``pictures`` uint8 ``[T, 3, 120, 120]`` (RGB
    planes) per extractor that gives coloured pictures.

    >>> import numpy as np
    >>> import gazenet
    >>> saliency = np.zeros((2, 4, 6), np.float32)
    >>> saliency[:, 1, 3] = 1
    >>> prediction = gazenet.Prediction(
    ...     saliency, times=np.array([0.0, 0.04]), gates=np.zeros((2, 0), np.float32), gate_names=(),
    ...     cues={}, records={}, faces=[(), ()], timings={})
    >>> [divmod(int(frame.argmax()), 6) for frame in prediction.saliency]
    [(1, 3), (1, 3)]
    """

    saliency: NDArray[np.float32]
    times: NDArray[np.float64]
    gates: NDArray[np.float32]
    gate_names: tuple[str, ...]
    cues: dict[str, NDArray[np.uint8]]
    records: dict[str, list[Record]]
    faces: list[tuple[Face, ...]]
    timings: dict[str, Any]
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
