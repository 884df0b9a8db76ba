"""The checks that every sink must pass, each a function that raises AssertionError with a clear text."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.config.sink_spec import SinkSpec
from gazenet.inference.results import EMPTY_MAPS, ChunkResult, SinkContext
from gazenet.inference.sinks.sink import LoadedSink, make_sink
from gazenet.media.frames import VideoInfo
from gazenet.plugin_registry import PluginEntry
from gazenet.testing.declaration_checks import declares_what_it_is
from gazenet.testing.synthetic import SyntheticVideo

SinkEntry = PluginEntry[SinkSpec]
MAP_SIZE = (9, 16)
SUMMARY: dict[str, Any] = {"timings": {}, "warnings": [], "versions": {}, "config": {}}


def context(folder: Path, video: SyntheticVideo) -> SinkContext:
    """Return the facts that a sink gets before the first frame of a made-up video with the cue ``voice``."""
    info = VideoInfo(Path("party.mp4"), video.size[1], video.size[0], Fraction(25), None, None, 0, False, None, None)
    return SinkContext(folder, Path("party.mp4"), info, video.size, MAP_SIZE, ("voice",), ("voice",), {})


def chunk(video: SyntheticVideo, start: int, stop: int, saliency: bool = True) -> ChunkResult:
    """Frames of a made-up video as sinks get them: read-only, and without maps where no integrator runs."""
    rng, count = np.random.default_rng(start), stop - start
    maps = (rng.random((count, *MAP_SIZE)) / 144).astype(np.float32) if saliency else EMPTY_MAPS.copy()
    gates = np.full((count, 1), 0.5, np.float32) if saliency else np.zeros((0, 0), np.float32)
    images = [video.image(k) for k in range(start, stop)]
    cue = rng.integers(0, 256, (count, *MAP_SIZE), dtype=np.uint8)
    times = np.array([video.time(k) for k in range(start, stop)])
    arrays: list[NDArray[Any]] = [*images, maps, gates, cue, times]
    for values in arrays:
        values.flags.writeable = False
    faces = [video.faces(k) for k in range(start, stop)]
    return ChunkResult(start, images, times, maps, gates, faces, {"voice": cue}, {"voice": [{}] * count})


def _opened(entry: SinkEntry, folder: Path, video: SyntheticVideo) -> LoadedSink:
    sink = make_sink(entry, {})
    sink.open(context(folder, video))
    return sink


def _written(entry: SinkEntry, folder: Path, saliency: bool = True, frames: int = 8) -> None:
    video = SyntheticVideo(frames=frames)
    sink = _opened(entry, folder, video)
    for start in range(0, frames, 4):
        sink.write(chunk(video, start, min(start + 4, frames), saliency))
        early = [name for name in sink.files if (folder / name).exists()]
        assert not early, f"{early[0]} has its name before close"
    sink.close({**SUMMARY, "frames": frames})
    assert all(isinstance(line, str) for line in sink.notes), "notes are not texts"
    missing = [name for name in sink.files if not (folder / name).is_file()]
    assert not missing, f"{missing[0]} is missing after close"
    others = sorted({path.name for path in folder.iterdir()} - set(sink.files))
    assert not others, f"{others[0]} is left in the folder, which the declaration does not name"
    assert sink.kept(folder), "it does not keep what it has just written"
    sink.abort()
    assert all((folder / name).is_file() for name in sink.files), "abort after close removes the files"


def writes_its_files_at_the_end(entry: SinkEntry) -> None:
    """The declared files, and no others, have their names after ``close`` and not before; ``abort`` leaves them."""
    with tempfile.TemporaryDirectory() as folder:
        _written(entry, Path(folder))


def works_on_one_frame(entry: SinkEntry) -> None:
    """A video of a single frame is no error."""
    with tempfile.TemporaryDirectory() as folder:
        _written(entry, Path(folder), frames=1)


def works_without_an_integrator(entry: SinkEntry) -> None:
    """Chunks without maps are no error for a sink that does not need them."""
    if not entry.spec.saliency:
        with tempfile.TemporaryDirectory() as folder:
            _written(entry, Path(folder), saliency=False)


def takes_back_what_it_began(entry: SinkEntry) -> None:
    """``abort`` leaves nothing in the folder, after a chunk and right after ``open``."""
    for frames in (0, 4):
        with tempfile.TemporaryDirectory() as name:
            folder, video = Path(name), SyntheticVideo(frames=8)
            sink = _opened(entry, folder, video)
            if frames:
                sink.write(chunk(video, 0, frames))
            sink.abort()
            left = sorted(path.name for path in folder.iterdir())
            assert not left, f"{left[0]} is left after abort"


SINK_CHECKS: Sequence[Callable[[SinkEntry], None]] = (
    declares_what_it_is,
    writes_its_files_at_the_end,
    works_on_one_frame,
    works_without_an_integrator,
    takes_back_what_it_began,
)
