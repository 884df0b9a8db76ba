"""Memory against length: one long video through all cues of the default config. ``python benchmarks/long_video.py``.

The video is made here: 160 x 90 pixels, 10 frames per second, two people who come, go and change places, speech-like
sound. ``gasp_infer`` runs over it in a process of its own, as anybody would run it; whenever it tells its progress,
its resident memory (VmRSS) is read. The verdict compares the memory at the end with that at an early minute.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "showcase"))

from make_clip import ADMIRAL, ASTRONAUT, find_picture

from gazenet.media.decode import resize_image
from gazenet.media.encode import VideoWriter, X264Settings

HEIGHT, WIDTH, RATE = 90, 160, 10
SOUND_RATE = 16_000
SCENE_S = 20
"""Seconds between two cuts."""
PORTRAITS = ((ASTRONAUT, (90, 20, 270)), (ADMIRAL, (120, 40, 300)))
"""Pictures in the public domain that installed packages carry, and (left, top, side) of the square around the head."""
PLACES = (6, 84)
"""Left edges of the two places for a head."""
HEAD = 70
"""Side of a head in the video, in pixels: small faces are still found."""
ALLOWED = 1.10
"""Memory at the end divided by that at the early minute."""
PROGRESS = re.compile(r": (\d+)(?: of about \d+)? frames, ")


@dataclass(frozen=True)
class Sample:
    """Resident memory in MB when ``frames`` frames had been read, ``seconds`` after the start."""

    frames: int
    resident_mb: float
    seconds: float

    @property
    def minute(self) -> float:
        """Of the video."""
        return self.frames / RATE / 60


def pictures() -> Iterator[NDArray[np.uint8]]:
    """Frames without end: a person on the left, on the right, both, both exchanged, nobody; heads move slowly."""
    heads = []
    for source, (left, top, side) in PORTRAITS:
        heads.append(resize_image(find_picture(source)[top : top + side, left : left + side], HEAD, HEAD))
    scenes: list[tuple[tuple[int, int], ...]] = [((0, 0),), ((1, 1),), ((0, 0), (1, 1)), ((0, 1), (1, 0)), ()]
    ramp = np.linspace(40, 120, WIDTH).astype(np.uint8)
    backdrop = np.repeat(np.repeat(ramp[None, :, None], HEIGHT, 0), 3, 2)
    k = 0
    while True:
        frame = backdrop.copy()
        for head, place in scenes[k // (SCENE_S * RATE) % len(scenes)]:
            top = round(10 + 6 * np.sin(k / 15 + head))
            left = PLACES[place] + round(4 * np.sin(k / 40 + place))
            frame[top : top + HEAD, left : left + HEAD] = heads[head]
        yield frame
        k += 1


def write_sound(path: Path, seconds: float) -> Path:
    """A WAV file of syllables: noise and harmonics that swell four times a second, written a minute at a time."""
    noise = np.random.default_rng(0)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SOUND_RATE, 0, "NONE", ""))
        for start in range(0, round(seconds * SOUND_RATE), 60 * SOUND_RATE):
            t = np.arange(start, min(start + 60 * SOUND_RATE, round(seconds * SOUND_RATE))) / SOUND_RATE
            tones = sum(np.sin(2 * np.pi * 140 * n * t) / n for n in (1, 2, 3, 4))
            voice = tones + 0.2 * noise.standard_normal(len(t))
            swell = np.clip(np.sin(2 * np.pi * 2 * t), 0, 1) * (t % SCENE_S < SCENE_S / 2)
            file.writeframes((6000 * swell * voice).astype("<i2").tobytes())
    return path


def make_video(path: Path, minutes: float) -> Path:
    """The video; frames and sound flow through, so that making it needs no memory either."""
    sound = write_sound(path.with_suffix(".wav"), 60 * minutes)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(RATE), sound, X264Settings(preset="ultrafast")) as writer:
        for k, frame in zip(range(round(60 * minutes * RATE)), pictures(), strict=False):
            writer.write(frame, k / RATE)
    sound.unlink()
    return path


def resident_mb(process: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def watched(video: Path, folder: Path, sets: Sequence[str] = ()) -> list[Sample]:
    """Runs ``gasp_infer`` with the default config over the video and samples its memory at every line of progress."""
    command = [sys.executable, "-m", "gazenet.cli.infer", "--input", str(video), "--output_dir", str(folder)]
    command += ["--set", *sets] if sets else []
    start, samples, lines = time.monotonic(), list[Sample](), list[str]()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as run:
        assert run.stderr is not None
        for line in run.stderr:
            lines = [*lines[-20:], line]
            if told := PROGRESS.search(line):
                samples.append(Sample(int(told[1]), resident_mb(run.pid), time.monotonic() - start))
                print(
                    f"minute {samples[-1].minute:7.2f}: {samples[-1].resident_mb:7.0f} MB resident, "
                    f"after {samples[-1].seconds:.0f} s",
                    flush=True,
                )
    if run.returncode:
        raise SystemExit(f"long_video: the run failed:\n{''.join(lines)}")
    return samples


def memory_at(samples: Iterable[Sample], minute: float, around: float) -> float:
    """The median of what was resident within ``around`` minutes of a minute of the video, in MB."""
    near = [one.resident_mb for one in samples if abs(one.minute - minute) <= around]
    if not near:
        raise SystemExit(f"long_video: nothing was measured around minute {minute:g}; take a longer video")
    return median(near)


def verdict(samples: Sequence[Sample], early: float, minutes: float) -> tuple[float, str]:
    """How many times the early memory is resident at the end, and a line that says so."""
    around = early / 5
    first, last = memory_at(samples, early, around), memory_at(samples, minutes, around)
    ratio = last / first
    return ratio, (
        f"resident at minute {early:g}: {first:.0f} MB; at minute {minutes:g}: {last:.0f} MB; "
        f"ratio {ratio:.3f} (at most {ALLOWED:.2f})"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print samples and verdict; 1 where memory grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120, help="length of the video (default: 120)")
    parser.add_argument("--early", type=float, default=10, help="minute that the end is compared with (default: 10)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes to the default config")
    args = parser.parse_args(argv)
    if not 0 < args.early < args.minutes:
        parser.error("--early must lie inside the video")
    with tempfile.TemporaryDirectory(prefix="gazenet-long-") as folder:
        video = make_video(Path(folder) / "long.mp4", args.minutes)
        samples = watched(video, Path(folder) / "out", args.set)
    ratio, line = verdict(samples, args.early, args.minutes)
    print(f"{line}; {samples[-1].seconds:.0f} s")
    return 0 if ratio <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
