"""A graph of small made-up stages over made-up frames: the pipeline without networks and without files to decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gazenet.config.inference import InferConfig
from gazenet.cues.extractor import CueMaps, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, Needs, WindowSpec
from gazenet.cues.registry import PluginEntry
from gazenet.cues.runner import CueRunner, RunnerSettings
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.inference.engine.stage_graph import CueStage, StageGraph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.engine.video_pass import VideoPass
from gazenet.inference.results import ChunkResult
from gazenet.maps.map_store import MapStore
from gazenet.media.frames import Frame, VideoInfo

SIZE = (48, 64)


class Frames:
    """Frames of noise; ``closed`` tells whether the reader was closed, ``reading`` whether somebody reads."""

    def __init__(self, count: int, fail_at: int | None = None) -> None:
        self.info = VideoInfo(Path("toy.mp4"), SIZE[1], SIZE[0], Fraction(25), None, count, 0, False, None, None)
        self.size, self.corrupt_frames, self.warnings = SIZE, 0, []
        self._count, self._fail_at = count, fail_at
        self.reading = False

    def __iter__(self) -> Iterator[Frame]:
        self.reading = True
        try:
            for k in range(self._count):
                if k == self._fail_at:
                    raise OSError("the disk is gone")
                image = np.random.default_rng(k).integers(0, 255, (*SIZE, 3), np.uint8)
                yield Frame(k, k / 25, image)
        finally:
            self.reading = False

    def close(self) -> None:
        assert not self.reading, "closed under the feet of the reading thread"


class Toy:
    """Base of the made-up extractors; ``fail_at``: frame on which extraction raises."""

    spec: ExtractorSpec
    fail_at: int | None = None

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: Any) -> None:
        """No weights."""

    def begin(self, video: VideoContext) -> None:
        """No sound."""

    def extract(self, windows: Windows) -> CueMaps:
        for frame in windows.index:
            if self.fail_at is not None and frame >= self.fail_at:
                raise RuntimeError(f"boom on {frame}")
        values = self.values(windows)
        ramp = torch.linspace(0, 1, windows.map_size[1])[None, None]
        maps = (values[:, None, None] * ramp).expand(len(windows), *windows.map_size)
        return CueMaps(maps, [{"value": float(v)} for v in values])

    def values(self, windows: Windows) -> torch.Tensor:
        raise NotImplementedError


def spec(name: str, **more: Any) -> ExtractorSpec:
    return ExtractorSpec(name=name, summary=name, cue="other", implementation=f"toy:{name}", neutral=0.25, **more)


class Bright(Toy):
    """Mean brightness over a window of six frames, every third frame."""

    spec = spec("bright", input=InputSpec(height=8, width=8), window=WindowSpec(before=2, after=3, stride=3), batch=2)

    def values(self, windows: Windows) -> torch.Tensor:
        assert windows.frames is not None
        return windows.frames.float().flatten(1).mean(1) / 255


class Crowd(Toy):
    """Where the faces stand."""

    spec = spec("crowd", needs=Needs(faces=True), window=WindowSpec(after=2, stride=2))

    def values(self, windows: Windows) -> torch.Tensor:
        sums = [sum(face.box[0] for faces in row for face in faces) for row in windows.faces]
        return torch.tensor(sums).clamp(0, 200) / 200


class Echo(Toy):
    """Half of what ``bright`` says."""

    spec = spec("echo", needs=Needs(faces=True, maps=("bright",)))

    def values(self, windows: Windows) -> torch.Tensor:
        return windows.maps["bright"].float().amax((1, 2)).clamp(0, 1) / 2


class Eyes:
    """A face stage that sees one face, moving to the right; ``calls`` counts its detections."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(
        self, images: Sequence[np.ndarray], full_size: tuple[int, int], frames: Sequence[int]
    ) -> list[list[dict[str, Any]]]:
        self.calls += len(images)
        return [[{"box": [float(image[0, 0, 0]) / 16, 4.0, 30.0, 34.0], "score": 0.9}] for image in images]


class Sum:
    """An integrator whose results lag two frames behind."""

    class spec:
        name = "sum"
        cues = ("bright", "crowd", "echo")
        pictured = ()
        smoothing = 2

    def stream(self, live: bool = False) -> SumStream:
        return SumStream()


class SumStream:
    def __init__(self) -> None:
        self._waiting: list[np.ndarray] = []
        self._next = 0

    def push(self, maps: dict[str, np.ndarray]) -> FusedChunk:
        total = np.sum([maps[name].astype(np.float32) for name in Sum.spec.cues], axis=0)
        self._waiting += list(total)
        return self._give(len(self._waiting) - 2)

    def finish(self) -> FusedChunk:
        return self._give(len(self._waiting))

    def _give(self, count: int) -> FusedChunk:
        given, self._waiting = self._waiting[: max(count, 0)], self._waiting[max(count, 0) :]
        start, self._next = self._next, self._next + len(given)
        maps = np.stack(given) if given else np.zeros((0, 0, 0), np.float32)
        return FusedChunk(start, maps, np.full((len(given), 3), 0.5, np.float32))


def toy_graph(*extractors: type[Toy], fuse: bool = True, faces: bool = True, **config: Any) -> StageGraph:
    chosen = extractors or (Bright, Crowd, Echo)
    settings = InferConfig.model_validate(
        {"extractors": [{"name": one.spec.name} for one in chosen], "chunk": 8, "map_size": 16, **config}
    )
    cues = []
    for one in chosen:
        entry = PluginEntry(one.spec.name, one.spec, "toys", lambda one=one: one)
        runner = CueRunner(entry, {}, RunnerSettings(Path, (12, 16), chunk=settings.chunk))
        cues.append(CueStage(entry, runner, f"print-of-{one.spec.name}"))
    stage: Any = Eyes() if faces else None
    integrator: Any = Sum() if fuse else None
    return StageGraph(settings, stage, "print-of-faces", (), tuple(cues), integrator)


def work(
    graph: StageGraph, frames: Frames, root: Path, watch: Callable[[VideoPass, ChunkResult], None] | None = None
) -> tuple[VideoPass, list[ChunkResult]]:
    """Runs the graph over the frames as the pipeline does."""
    chunks: list[ChunkResult] = []

    def emit(chunk: ChunkResult) -> None:
        chunks.append(chunk)
        if watch is not None:
            watch(job, chunk)

    try:
        job = VideoPass(graph, frames, "ab" * 16, MapStore(root), Timings())
        job.run(emit)
    finally:
        frames.close()
    return job, chunks


def told(chunks: list[ChunkResult]) -> list[Any]:
    """Everything that sinks can see, in a form that can be compared."""
    return [
        (
            chunk.start + k,
            float(chunk.times[k]),
            chunk.saliency[k].tobytes() if len(chunk.saliency) else b"",
            chunk.images[k].tobytes(),
            chunk.faces[k],
            {name: maps[k].tobytes() for name, maps in chunk.cues.items()},
            {name: records[k] for name, records in chunk.records.items()},
            {name: planes[k].tobytes() for name, planes in chunk.pictures.items()},
        )
        for chunk in chunks
        for k in range(len(chunk))
    ]
