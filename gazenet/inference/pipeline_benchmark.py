"""Measurements of the pipeline: frames per second, time per stage, overhead, and memory against length."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

from gazenet.errors import UsageError
from gazenet.media.decode import VideoReader
from gazenet.media.encode import VideoWriter

CHILD = """
import json, resource, sys
from pathlib import Path
from gazenet.config.load import load_config
from gazenet.inference.engine.pipeline import run
clip, out, sets = sys.argv[1], sys.argv[2], sys.argv[3:]
result = run(load_config("infer", "default", [f"output_dir={out}", *sets]), [Path(clip)], Path(out))
if result.failures:
    sys.exit(result.failures[0][1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
summary = result.finished[0]
print("RESULT " + json.dumps({"frames": summary.frames, "peak_mb": round(peak), **summary.timings}))
"""


def lengthened(clip: Path, target: Path, frames: int, size: tuple[int, int] = (720, 1280)) -> Path:
    """Write the clip's frames forwards and backwards until there are ``frames``, at ``size`` and 25 frames/s."""
    from gazenet.media.decode import resize_image

    with VideoReader(clip, max(size)) as reader:
        pictures = [resize_image(frame.image, *size) for frame, _ in zip(reader, range(75), strict=False)]
    if not pictures:
        raise UsageError(f"{clip}: has no frames to measure with")
    turn = pictures + pictures[-2:0:-1]
    with VideoWriter(target, size[1], size[0], Fraction(25), sound_from=clip) as writer:
        for k in range(frames):
            writer.write(turn[k % len(turn)], k / 25)
    return target


def measure(clip: Path, frames: int, sets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run in a process of its own with an empty cache; returns the timings and the peak resident MB."""
    with tempfile.TemporaryDirectory(prefix="gazenet-bench-") as folder:
        video = lengthened(clip, Path(folder) / "clip.mp4", frames)
        command = [sys.executable, "-c", CHILD, str(video), str(Path(folder) / "out"), *sets]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if done.returncode or not lines:
            raise UsageError(f"the measured run failed: {done.stderr.strip().splitlines()[-1:]}")
        return dict(json.loads(lines[-1].removeprefix("RESULT ")))


def pipeline(clip: Path, frames: int = 150, sets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Measure a short and a four times longer run; returns both and their ratios."""
    short, long = measure(clip, frames, sets), measure(clip, 4 * frames, sets)
    ratios = {
        "memory_long_to_short": round(long["peak_mb"] / short["peak_mb"], 3),
        "seconds_per_frame_long_to_short": round(short["frames_per_s"] / long["frames_per_s"], 3),
    }
    return {"short": short, "long": long, "ratios": ratios}


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = []
    for name in ("short", "long"):
        row = result[name]
        lines.append(
            f"{name}: {row['frames']} frames, {row['frames_per_s']:.1f} frames/s, overhead {row['overhead']:.1%}, "
            f"peak {row['peak_mb']} MB"
        )
    long = result["long"]
    lines.append("stage              seconds   share of wall (stages overlap)")
    for stage, seconds in sorted(long["stages_s"].items(), key=lambda item: -item[1]):
        lines.append(f"{stage:18} {seconds:7.2f}   {seconds / long['wall_s']:.1%}")
    lines += [f"{name}: {value}" for name, value in result["ratios"].items()]
    return "\n".join(lines)
