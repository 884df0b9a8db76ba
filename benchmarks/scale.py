"""One process, its threads, and a Ray cluster over the same videos. ``python benchmarks/scale.py``.

Two extractors: a stand-in that sleeps for a set time per frame (what is left of the wall clock is the engine), and a
real one. Every engine works through a few videos per worker. Counted is the time from the end of the second round of
videos to the end of the last one: by then all processes are there and all stages have work. What comes before is told
as the start: processes, networks, and the first videos' way through stages that wait for each other. Files lie in the
folder for temporary ones: ``TMPDIR=/dev/shm`` leaves the disk out.

Per additional frame, with W workers per stage:

- over ideal: what is more than the sleep divided by W;
- over local: what is more than the time of one local process divided by W, which decodes and stores the same frames;
- processor: milliseconds of all processes; every unit of a video decodes it, a local run does so once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from gazenet.config.inference import InferConfig
from gazenet.inference.engine.engine_protocol import Engine, EngineResult, RunInput
from gazenet.inference.engine.pipeline import one_after_the_other, run
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.media.encode import VideoWriter
from gazenet.media.frame_source import open_source
from gazenet.testing.fakes import write_distribution

SLEEPER = """
import time
import torch
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec
from gazenet.cues.extractor import CueMaps

class Sleeper:
    spec = ExtractorSpec(name="sleeper", summary="sleeps", cue="other", implementation="gazenet_sleeper:Sleeper",
                         input=InputSpec(height=18, width=32), batch=16, parameters={"ms": 5.0})
    def __init__(self, ms):
        self.seconds = ms / 1000
    def load(self, device, dtype, asset_path):
        pass
    def begin(self, video):
        pass
    def extract(self, windows):
        time.sleep(self.seconds * len(windows))
        light = windows.frames.float().mean((1, 2, 3, 4)) / 255
        return CueMaps(light[:, None, None].expand(len(windows), *windows.map_size))
"""
SIZE = (72, 128)
SETTLED = 2
"""Rounds of videos that are not counted."""
LIMIT_MS = 1.0
"""What Ray may take per frame over the ideal, in batches of 16."""


class Stamped:
    """An engine, with the moment and the processor time of its processes at which each video ended."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.stamps: list[tuple[float, float]] = []

    def __call__(self, graph: StageGraph, jobs: Sequence[RunInput], resume: bool) -> Iterator[EngineResult]:
        """Run the engine and stamp the end of every input."""
        for ended in self._engine(graph, jobs, resume):
            self.stamps.append((time.perf_counter(), processor_s()))
            yield ended


@dataclass(frozen=True)
class Measured:
    """Per frame in the middle of a run: milliseconds by the clock and of all processors; the start in seconds."""

    ms: float
    processor_ms: float
    start_s: float


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The stand-in as an installed package, here and in processes that are started from here."""
    points = {"gazenet.extractors": {"sleeper": "gazenet_sleeper:Sleeper"}}
    write_distribution(folder, "gazenet-sleeper", points, {"gazenet_sleeper": SLEEPER})
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in (str(folder), os.getcwd(), before) if part)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        os.environ["PYTHONPATH"] = before


def make_videos(folder: Path, count: int, frames: int) -> list[Path]:
    """``count`` videos of noise, no two the same."""
    paths = []
    for k in range(count):
        path = folder / f"video{k}_{frames}.mp4"
        noise = np.random.default_rng(k).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        with VideoWriter(path, SIZE[1], SIZE[0], Fraction(25)) as writer:
            for index in range(frames):
                writer.write(np.roll(noise, index, axis=1), index / 25)
        paths.append(path)
    return paths


def processor_s() -> float:
    """Processor time of this process and of all that descend from it, in seconds."""
    found: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            found[int(path.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {os.getpid()}
    while more := {process for process, (parent, _) in found.items() if parent in family} - family:
        family |= more
    return sum(found[process][1] for process in family) / os.sysconf("SC_CLK_TCK")


def measure(
    extractor: dict[str, object], videos: Sequence[Path], frames: int, folder: Path, engine: str, workers: int
) -> Measured:
    """A run from nothing. Raises RuntimeError where a video fails."""
    shutil.rmtree(folder, ignore_errors=True)
    config = InferConfig.model_validate(
        {
            "extractors": [extractor],
            "integrator": None,
            "output_dir": str(folder),
            "map_size": 32,
            "threads": 1,
            "workers": workers if engine == "local" else 2,
            # Faces on the first frame only: they are another stage's cost.
            "faces": {"mesh": False, "stride": 100_000, "max_side": 128},
            "outputs": {"maps": False, "overlay": False, "attention": False, "report": False},
        }
    )
    # The runs' own progress would tear the table apart.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), started(engine, workers) as chosen:
        stamped, begin = Stamped(chosen), time.perf_counter()
        result = run(config, videos, folder, engine=stamped)
    if result.exit_code:
        raise RuntimeError(result.failures[0].reason)
    before = SETTLED * at_once(engine, workers)
    first, last = stamped.stamps[before - 1], stamped.stamps[-1]
    more = (len(videos) - before) * frames
    return Measured(1000 * (last[0] - first[0]) / more, 1000 * (last[1] - first[1]) / more, first[0] - begin)


def at_once(engine: str, workers: int) -> int:
    """Videos side by side. A local run works on one: its threads serve the stages beside the one extractor."""
    return workers if engine == "ray" else 1


@contextlib.contextmanager
def started(engine: str, workers: int) -> Iterator[Engine]:
    """The engine by its name."""
    if engine == "local":
        yield one_after_the_other
        return
    from gazenet.inference.distributed.cluster import RayEngine

    with RayEngine("local", workers) as ray:
        yield ray


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; prints a table per extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="videos per worker, the first two are not counted")
    parser.add_argument("--frames", type=int, default=320, help="of every video")
    parser.add_argument("--sleep_ms", type=float, default=20.0, help="per frame, of the stand-in")
    parser.add_argument("--real", default="saliency", help="the real extractor; empty for none")
    parser.add_argument("--engines", nargs="+", default=["local:1", "local:2", "ray:1", "ray:2", "ray:4"])
    options = parser.parse_args(argv)
    engines = [(name, int(number)) for name, _, number in (text.partition(":") for text in options.engines)]
    extractors: list[tuple[dict[str, object], float | None]] = [
        ({"name": "sleeper", "parameters": {"ms": options.sleep_ms}}, options.sleep_ms)
    ]
    extractors += [({"name": options.real}, None)] if options.real else []
    with tempfile.TemporaryDirectory(prefix="gazenet-scale-") as name:
        folder = Path(name)
        with installed(folder / "site"):
            videos = make_videos(folder, options.rounds * max(at_once(*one) for one in engines), options.frames)
            print(
                f"videos of {options.frames} frames, {options.rounds} per worker; decoding one: {decoding(videos[0])}"
            )
            for extractor, ideal in extractors:
                print(f"\n{extractor['name']}: per additional frame")
                table(extractor, ideal, videos, options.frames, options.rounds, folder / "out", engines)
    return 0


def decoding(video: Path) -> str:
    """What it takes to read the frames of a video and nothing else."""
    begin, source = time.process_time(), open_source(video)
    try:
        frames = sum(1 for _ in source)
    finally:
        source.close()
    return f"{1000 * (time.process_time() - begin) / frames:.2f} ms of a processor per frame"


def table(
    extractor: dict[str, object],
    ideal_ms: float | None,
    videos: Sequence[Path],
    frames: int,
    rounds: int,
    folder: Path,
    engines: Sequence[tuple[str, int]],
) -> None:
    """A line per engine; the first one is what the others are compared with."""
    names = ("ms/frame", "over ideal", "over local", "processor ms", "efficiency", "start s")
    print("".join(name.rjust(14) for name in ("engine", *names)))
    local: float | None = None
    for engine, workers in engines:
        count = at_once(engine, workers)
        found = measure(extractor, videos[: rounds * count], frames, folder, engine, workers)
        local = found.ms if local is None else local
        ideal = (local if ideal_ms is None else ideal_ms) / count
        cells = [f"{engine}:{workers}", f"{found.ms:.2f}", "-" if ideal_ms is None else f"{found.ms - ideal:.2f}"]
        cells += [f"{found.ms - local / count:.2f}", f"{found.processor_ms:.2f}"]
        cells += [f"{ideal / found.ms:.2f}", f"{found.start_s:.1f}"]
        missed = engine == "ray" and ideal_ms is not None and found.ms - ideal > LIMIT_MS
        print("".join(cell.rjust(14) for cell in cells) + ("  above the limit" if missed else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
