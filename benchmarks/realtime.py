"""Ten minutes of a live run: does it end as it began? ``python benchmarks/realtime.py``.

A clip of 640x360 at 25 frames/s is played at its own pace, again and again, through the config for live work (all
embedded cues, fused); a made-up microphone is heard beside it, and the overlay is drawn on a screen that nobody sees.
Printed are a row per minute and a verdict; everything goes to a JSON file as well. Exit code 1: frames are missing in
the counts, something grows, or the last minutes were worse than the first.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.config.load import load_config
from gazenet.files import write_json
from gazenet.inference.cache.run_record import versions
from gazenet.inference.engine.pipeline import prepare_threads
from gazenet.inference.engine.stage_graph import build_graph
from gazenet.inference.live.frame_history import MARGIN
from gazenet.inference.live.live_loop import LiveLoop
from gazenet.inference.live.live_run import live_context
from gazenet.inference.live.run_statistics import FrameCounts, RunStatistics
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.overlay_sink import OverlaySink
from gazenet.media.decode import VideoReader
from gazenet.media.encode import VideoWriter
from gazenet.media.live.paced_file import SOUND_STEP, PacedFile
from gazenet.media.live.sound_ring import RATE, SoundRing

DEMO = Path("demo/social_clip.mp4")
SIZE = (360, 640)
FPS = 25
Rows = Sequence[dict[str, Any]]


class Microphone(threading.Thread):
    """Hears a voice that is made up: harmonics of 140 Hz in syllables, with a pause in every third second."""

    def __init__(self) -> None:
        super().__init__(name="microphone", daemon=True)
        self.ring = SoundRing()
        self._over = threading.Event()

    def run(self) -> None:
        """Push sound at its own pace until closed."""
        begin, heard = time.monotonic(), 0
        step = round(SOUND_STEP * RATE)
        while not self._over.wait(max(0.0, begin + (heard + step) / RATE - time.monotonic())):
            self.ring.push(self._voice(heard, step), begin + (heard + step) / RATE)
            heard += step

    def _voice(self, first: int, count: int) -> NDArray[np.float32]:
        t = np.arange(first, first + count) / RATE
        tone = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20))
        loud = 0.1 * np.abs(np.sin(2 * np.pi * 2 * t)) * (t % 3 < 2)
        return np.asarray(loud * tone, np.float32)

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._over.set()
        self.join()


class VirtualScreen(OverlaySink):
    """Draws every frame as a window would, and shows it to nobody."""

    files: tuple[str, ...] = ()

    def open(self, context: SinkContext) -> None:
        """Begin a video."""
        self.context, self.frames = context, 0

    def write(self, chunk: ChunkResult) -> None:
        """Draw every frame of a chunk."""
        for k in range(len(chunk)):
            self.picture = self.draw(chunk, k)
            self.frames += 1


@dataclass(frozen=True)
class Limits:
    """How much worse the last rows may be than the first ones, and what may be held at most."""

    rate: float = 0.95
    delay: float = 1.5
    delay_ms: float = 20.0
    age: float = 1.5
    age_ms: float = 100.0
    memory: float = 1.05
    memory_mb: float = 20.0
    waiting: int = 1
    history: int = MARGIN


def clip(source: Path, folder: Path) -> Path:
    """The source at the size and rate of the benchmark, without sound."""
    path = folder / "clip.mp4"
    with VideoReader(source) as reader, VideoWriter(path, SIZE[1], SIZE[0], Fraction(FPS)) as writer:
        for frame in reader:
            small = cv2.resize(frame.image, SIZE[::-1], interpolation=cv2.INTER_AREA)
            writer.write(np.asarray(small, np.uint8), frame.index / FPS)
    return path


def demo_clip() -> Path:
    """The demo clip, made where it is not there yet."""
    if not DEMO.exists():
        DEMO.parent.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "showcase/make_clip.py", "--output", str(DEMO)], check=True)
    return DEMO


def live(source: Path, config_name: str, minutes: float, row_s: float) -> tuple[RunStatistics, int, dict[str, Any]]:
    """How the run went, the most frames that it may hold, and the config's facts. Raises GazenetError."""
    sets = [f"realtime.seconds={60 * minutes}", "realtime.status_s=60"]
    config = load_config("infer", config_name, sets)
    prepare_threads(config)
    graph = build_graph(config)
    before = max(cue.spec.window.before for cue in graph.cues)
    screen, microphone = VirtualScreen(), Microphone()
    with tempfile.TemporaryDirectory(prefix="gazenet-live-") as name:
        played = PacedFile(clip(source, Path(name)), config.max_side, loop=True)
        screen.open(live_context(graph, played, Path(name)))
        loop = LiveLoop(graph, played, [screen], microphone.ring, row_s)
        microphone.start()
        try:
            told = loop.run()
        finally:
            microphone.close()
    if screen.frames != told.counts.shown:
        raise RuntimeError(f"{screen.frames} frames on the screen, {told.counts.shown} counted")
    return told, before + 1 + MARGIN, config.model_dump(mode="json")


def mean(rows: Rows, *path: str) -> float:
    """The mean of what is found in the rows under these keys."""
    found: list[Any] = list(rows)
    for key in path:
        found = [one[key] for one in found]
    return float(np.mean(found))


def rate(rows: Rows) -> float:
    """Frames shown per second."""
    return sum(row["shown"] for row in rows) / sum(row["until_s"] - row["from_s"] for row in rows)


def unsteady(rows: Rows, counts: FrameCounts, limits: Limits) -> list[str]:
    """What is wrong, in plain lines: none where the run ended as it began.

    The first third of the rows is compared with the last; the first row is left out where there are more than three,
    for it contains what happens only once.
    """
    faults = bounds(rows, counts, limits)
    if len(rows) < 2:
        return [*faults, "too short to compare its end with its beginning"]
    rows = rows[1:] if len(rows) > 3 else rows
    count = max(1, len(rows) // 3)
    first, last = rows[:count], rows[-count:]
    if rate(last) < limits.rate * rate(first):
        faults.append(f"{rate(first):.1f} frames/s at the beginning, {rate(last):.1f} at the end")
    for percent in ("p50", "p95"):
        before, after = (mean(part, "latency_ms", percent) for part in (first, last))
        if after > limits.delay * before + limits.delay_ms:
            faults.append(f"delay {percent} of {before:.0f} ms at the beginning, {after:.0f} at the end")
    for cue in rows[0]["cue_age_ms"]:
        before, after = (mean(part, "cue_age_ms", cue, "p95") for part in (first, last))
        if after > limits.age * before + limits.age_ms:
            faults.append(f"{cue} was {before:.0f} ms old at the beginning, {after:.0f} at the end (p95)")
    if rows[0]["resident_mb"] is not None:
        before, after = (mean(part, "resident_mb") for part in (first, last))
        if after > limits.memory * before + limits.memory_mb:
            faults.append(f"{before:.0f} MB at the beginning, {after:.0f} at the end")
    return faults


def bounds(rows: Rows, counts: FrameCounts, limits: Limits) -> list[str]:
    """Frames that are missing in the counts, and places that hold more than they may."""
    faults = []
    if counts.captured != counts.shown + counts.dropped:
        faults.append(f"{counts.captured} frames came, {counts.shown} shown + {counts.dropped} dropped")
    for name in ("waiting", "history"):
        most = max(row["most_held"][name] for row in rows)
        if most > getattr(limits, name):
            faults.append(f"{name}: {most} frames held, no more than {getattr(limits, name)} may be")
    if rows[-1]["most_held"]["threads"] > rows[0]["most_held"]["threads"]:
        faults.append(f"{rows[-1]['most_held']['threads']} threads at the end, more than at the beginning")
    return faults


def full(rows: Rows, row_s: float) -> Rows:
    """Without a last row that is too short to be compared."""
    return [row for row in rows if row["until_s"] - row["from_s"] >= row_s / 2]


def table(rows: Rows) -> str:
    """A line per row, delays and ages in ms (ages: p50/p95)."""
    cues = list(rows[0]["cue_age_ms"])
    lines = [
        ["until", "came", "shown", "dropped", "p50", "p90", "p95", "p99"]
        + [f"age {cue}" for cue in cues]
        + ["waiting", "held", "MB", "pace", "-/+"]
    ]
    for row in rows:
        delays, ages, held = row["latency_ms"], row["cue_age_ms"], row["most_held"]
        lines.append(
            [f"{row['until_s']:.0f} s", *(str(row[name]) for name in ("captured", "shown", "dropped"))]
            + [f"{delays[name]:.0f}" for name in ("p50", "p90", "p95", "p99")]
            + [f"{ages[cue]['p50']:.0f}/{ages[cue]['p95']:.0f}" for cue in cues]
            + [str(held["waiting"]), str(held["history"]), str(row["resident_mb"])]
            + [f"1/{row['pace_factor']:.1f}", f"{row['slower_steps']}/{row['faster_steps']}"]
        )
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 0 where the run ended as it began, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--row_s", type=float, default=60.0, help="seconds of a row of the table")
    parser.add_argument("--input", type=Path, help=f"the clip that is played (default: {DEMO}, made if need be)")
    parser.add_argument("--config", default="InferRealtime", help="config of the run")
    parser.add_argument("--output", type=Path, default=Path("runs/realtime.json"), help="JSON file for all figures")
    options = parser.parse_args(argv)
    told, held, facts = live(options.input or demo_clip(), options.config, options.minutes, options.row_s)
    rows, counts = full(told.rows, options.row_s), told.counts
    limits = Limits(history=held)
    faults = unsteady(rows, counts, limits)
    print(table(told.rows))
    print(
        f"{counts.captured} frames came in {counts.seconds:.0f} s = {counts.shown} shown + {counts.dropped} dropped "
        f"({counts.replaced} for newer ones, {counts.early} ahead of the target rate, {counts.unfinished} at the end)"
    )
    print(f"{rate(told.rows):.1f} frames/s shown of {FPS}")
    print("\n".join(f"NOT STEADY: {fault}" for fault in faults) or "steady: it ended as it began")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        options.output,
        {**told.summary(), "faults": faults, "limits": asdict(limits), "versions": versions(), "config": facts},
    )
    print(f"all figures in {options.output}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
