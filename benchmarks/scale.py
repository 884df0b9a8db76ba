"""One process, its threads, and a Ray cluster over the same videos. ``python benchmarks/scale.py``.

Two extractors: a stand-in that sleeps for a set time per frame (what is left of the wall clock is the engine), and a
real one. Every engine runs the same generated videos twice, short and three times as long; the difference is what the
additional frames cost, without the start of processes and the loading of networks. Efficiency: the time that one
perfect worker would take, divided by workers and by the time it took.
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
from fractions import Fraction
from pathlib import Path

import numpy as np

from gazenet.config.infer import InferConfig
from gazenet.inference.jobs import Engine
from gazenet.inference.pipeline import run
from gazenet.media.encode import VideoWriter
from gazenet.testing.fakes import write_distribution

SLEEPER = """
import time
import torch
from gazenet.cues.spec import ExtractorSpec, InputSpec
from gazenet.cues.types import CueMaps

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
LONGER = 3
SIZE = (72, 128)


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


def seconds(extractor: dict[str, object], videos: Sequence[Path], folder: Path, engine: str, workers: int) -> float:
    """Wall time of a run from nothing. Raises RuntimeError where a video fails."""
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
        begin = time.perf_counter()
        result = run(config, videos, folder, engine=chosen)
    if result.exit_code:
        raise RuntimeError(result.failures[0].reason)
    return time.perf_counter() - begin


@contextlib.contextmanager
def started(engine: str, workers: int) -> Iterator[Engine | None]:
    """The engine by its name; None for this process."""
    if engine == "local":
        yield None
        return
    from gazenet.inference.distributed.cluster import RayEngine

    with RayEngine("local", workers) as ray:
        yield ray


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; prints a table per extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument(
        "--frames", type=int, default=160, help="of the short videos; the long ones have three times as many"
    )
    parser.add_argument("--sleep_ms", type=float, default=5.0, help="per frame, of the stand-in")
    parser.add_argument("--real", default="saliency", help="the real extractor; empty for none")
    parser.add_argument("--engines", nargs="+", default=["local:1", "local:2", "ray:1", "ray:2", "ray:4"])
    options = parser.parse_args(argv)
    extractors: list[tuple[dict[str, object], float | None]] = [
        ({"name": "sleeper", "parameters": {"ms": options.sleep_ms}}, options.sleep_ms)
    ]
    extractors += [({"name": options.real}, None)] if options.real else []
    with tempfile.TemporaryDirectory(prefix="gazenet-scale-") as name:
        folder = Path(name)
        with installed(folder / "site"):
            short = make_videos(folder, options.videos, options.frames)
            long = make_videos(folder, options.videos, LONGER * options.frames)
            more = options.videos * options.frames * (LONGER - 1)
            for extractor, ideal in extractors:
                print(f"\n{extractor['name']}: {options.videos} videos, ms per additional frame")
                table(extractor, ideal, short, long, more, folder / "out", options.engines)
    return 0


def table(
    extractor: dict[str, object],
    ideal_ms: float | None,
    short: Sequence[Path],
    long: Sequence[Path],
    more: int,
    folder: Path,
    engines: Sequence[str],
) -> None:
    """A line per engine: ms per frame, what of it is the engine, frames per second, efficiency."""
    print(f"{'engine':<10}{'ms/frame':>10}{'engine ms':>11}{'frames/s':>10}{'efficiency':>12}")
    base: float | None = None
    for text in engines:
        engine, _, number = text.partition(":")
        workers = int(number)
        took = seconds(extractor, long, folder, engine, workers) - seconds(extractor, short, folder, engine, workers)
        ms = 1000 * took / more
        # A local run works on one video at a time: its threads serve the stages beside the one extractor.
        side_by_side = workers if engine == "ray" else 1
        base = ms if base is None else base
        one = base if ideal_ms is None else ideal_ms
        own = f"{ms - one / side_by_side:.2f}" if ideal_ms is not None else "-"
        print(f"{text:<10}{ms:>10.2f}{own:>11}{1000 / ms:>10.1f}{one / side_by_side / ms:>12.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
