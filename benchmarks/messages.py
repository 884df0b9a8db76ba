"""What moves between processes and machines, and how long it takes. ``python benchmarks/messages.py [VIDEO ...]``.

- A frame of 640x360 to a program on this machine and its map back (``ProgramExtractor``, over pipes), alone and in
batches.
- The same to a program that listens on a topic (Wrapyfi, ZeroMQ), where Wrapyfi is installed.
- What the extractors of the embedded default leave in the cache, bytes per frame: map and records (least and most of
  the videos), for the videos named, else the demo clip.

The programs answer at once; what is measured is the way.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch

from gazenet.config.load import load_config
from gazenet.cues.external.program_extractor import ProgramExtractor
from gazenet.cues.external.serve import WindowBatch
from gazenet.cues.extractor import VideoContext, Windows
from gazenet.cues.registry import get
from gazenet.inference.engine.pipeline import run
from gazenet.maps.entry_files import LOG, MANIFEST, MAPS

SIZE, MAP = (360, 640), (54, 96)
PROGRAM = """
import numpy as np
from gazenet.cues.external import serve
maps = {}
serve(lambda batch: maps.setdefault(len(batch.frames), np.zeros((len(batch.frames), *batch.map_size), np.uint8)))
"""
SERVER = """
import numpy as np
from gazenet.cues.external.middleware import serve_topic
serve_topic(lambda batch: np.zeros((len(batch.frames), *batch.map_size), np.uint8), "/gazenet/benchmark")
"""
PORTS = ("WRAPYFI_ZEROMQ_SOCKET_PUB_PORT", "WRAPYFI_ZEROMQ_SOCKET_SUB_PORT")


def frames_of(count: int) -> np.ndarray:
    """Noise, uint8 ``[count, 1, H, W, 3]``."""
    return np.random.default_rng(0).integers(0, 256, (count, 1, *SIZE, 3), dtype=np.uint8)


def per_frame(work: Callable[[], object], frames: int, repetitions: int) -> str:
    """Milliseconds per frame: the median of the repetitions, after one that is not counted, and the longest."""
    times = []
    for _ in range(repetitions + 1):
        begin = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begin) / frames)
    return f"{median(times[1:]):.2f} ms per frame (at most {max(times[1:]):.2f})"


def over_pipes(batch: int, repetitions: int, folder: Path) -> str:
    """A batch to a program and its maps back."""
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    made = get("external").load()(command=f"{sys.executable} {program}")
    assert isinstance(made, ProgramExtractor)
    made.load(torch.device("cpu"), torch.float32, lambda name: folder)
    made.begin(VideoContext("noise", *SIZE, 25.0, None))
    frames = torch.from_numpy(frames_of(batch)).permute(0, 1, 4, 2, 3).contiguous()
    windows = Windows(
        index=np.arange(batch), times=np.zeros((batch, 1)), size=SIZE, map_size=MAP, anchor=0, frames=frames
    )
    return per_frame(lambda: made.extract(windows), batch, repetitions)


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """A program that answers on the topic, with ports of its own."""
    for name in PORTS:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            os.environ[name] = str(probe.getsockname()[1])
    server = subprocess.Popen([sys.executable, "-c", SERVER], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def over_a_topic(repetitions: int) -> str:
    """A frame to another process through Wrapyfi and its map back."""
    if importlib.util.find_spec("wrapyfi") is None:
        return "not measured: Wrapyfi is not installed (pip install 'gazenet[middleware]')"
    with listening():
        from gazenet.cues.external.middleware import Requester

        asker = Requester("/gazenet/benchmark", timeout=60.0)
        batch = WindowBatch(frames_of(1), {"map_size": list(MAP), "anchor": 0, "index": [0]})
        return per_frame(lambda: asker.ask(batch), 1, repetitions)


def left_behind(videos: Sequence[Path], folder: Path) -> Iterator[str]:
    """A line per kind of cache entry: bytes per frame of maps and of records."""
    outputs = [f"outputs.{name}=false" for name in ("maps", "overlay", "attention", "report")]
    config = load_config("infer", "default", [f"output_dir={folder}", *outputs])
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        result = run(config, videos, folder)
    if result.exit_code:
        raise RuntimeError(result.failures[0].reason)
    sizes: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(folder.glob(f".cache/maps/*/*/*/{MANIFEST}")):
        manifest = json.loads(path.read_text("utf-8"))
        frames = manifest["shape"][0]
        found = [(path.parent / name).stat().st_size / frames for name in (MAPS, LOG)]
        sizes.setdefault(manifest["key"]["extractor"], []).append((found[0], found[1]))
    for name, rows in sizes.items():
        records = [row[1] for row in rows]
        yield f"{name:20}{rows[0][0]:8.0f}{min(records):10.0f} to {max(records):.0f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO", help="for the sizes in the cache")
    parser.add_argument("--repetitions", type=int, default=50)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    logging.disable(logging.ERROR)  # Wrapyfi tells about every connection.
    print(f"frames of {SIZE[1]}x{SIZE[0]} ({frames_of(1).nbytes} bytes), maps of {MAP[1]}x{MAP[0]}")
    with tempfile.TemporaryDirectory(prefix="gazenet-messages-") as name:
        folder = Path(name)
        for batch in (1, 16):
            print(f"pipes, {batch:2} at once: {over_pipes(batch, options.repetitions, folder)}", flush=True)
        print(f"topic,  1 at once: {over_a_topic(options.repetitions)}", flush=True)
        videos = options.videos or [Path("demo/social_clip.mp4")]
        print(f"\nbytes per frame, {len(videos)} video(s)\n{'entry':20}{'map':>8}{'records':>10}")
        for line in left_behind(videos, folder / "out"):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
