"""Extractors one window at a time against in batches. ``python benchmarks/extractors.py [NAME ...]``.

Plain, as the published code does it: every window by itself, its frames resized and prepared again, nothing kept from
the window before; and a decoding of the video for every extractor. Ours: blocks of windows in a running video, what
windows share computed once; one decoding for all. Both run the same network in the same mode on the same made-up video
with faces and sound; maps of both are compared, in steps of 255. Published networks have reproducibly filled weights.

Extractors that listen analyse the sound once in both, and keep what they know of the window before in both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.assets import asset_path
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry, get
from gazenet.cues.runner import CueRunner, RunnerSettings
from gazenet.media.decode import VideoReader
from gazenet.testing.synthetic import SyntheticVideo

if __package__:
    from benchmarks.side_by_side import Row, Timing, compare, show
else:
    from side_by_side import Row, Timing, compare, show

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.checkpoints import EXTRACTORS

EMBEDDED = ("saliency", "gaze_direction", "gaze_following", "facial_expression", "active_speaker")
SIZE = (360, 640)
MAP_SIZE = (120, 120)
LIMIT = 2
Maps = NDArray[np.uint8]


class Subject:
    """An extractor with its weights on a made-up video; ``frames``: how many are mapped in one repetition."""

    def __init__(self, entry: PluginEntry[ExtractorSpec], weights: str, frames: int, repetitions: int) -> None:
        self.entry, self.frames = entry, frames
        self.parameters = {"weights": weights} if weights else {}
        self.first = -(-entry.spec.window.before // frames) + 1
        total = frames * (self.first + repetitions + 3) + entry.spec.window.after
        rng = np.random.default_rng(5)
        given = {
            name: list(rng.integers(0, 256, (total, *MAP_SIZE), dtype=np.uint8)) for name in entry.spec.needs.maps
        }
        self.video = SyntheticVideo(total, SIZE, crop=entry.spec.needs.face_crops, maps=given)
        self.images = {index: self.video.image(index) for index in range(total)}
        self.source = _Remembered(self.video, self.images)
        self.runners = {"plain": self._runner(1), "ours": self._runner(frames)}

    def _runner(self, chunk: int) -> CueRunner:
        runner = CueRunner(self.entry, self.parameters, RunnerSettings(asset_path, MAP_SIZE, stride=1, chunk=chunk))
        runner.load()
        runner.begin(self.video.context())
        return runner

    def plain(self, block: int) -> Maps:
        """The maps of a block, one window at a time."""
        return np.concatenate([self._alone(index) for index in range(block * self.frames, (block + 1) * self.frames)])

    def _alone(self, index: int) -> Maps:
        runner = self.runners["plain"]
        if not runner.spec.needs.audio:
            runner.begin(self.video.context())
        return _mapped(runner, index, self.source)

    def ours(self, block: int) -> Maps:
        """The maps of a block, at once."""
        return _mapped(self.runners["ours"], block, self.source)

    def measured(self, repetitions: int) -> tuple[Row, int]:
        """The comparison, every repetition on the next block; the largest difference of maps in steps."""
        plain, ours = count(self.first), count(self.first)
        _mapped(self.runners["ours"], self.first - 1, self.source)
        times = compare(lambda: self.plain(next(plain)), lambda: self.ours(next(ours)), repetitions)
        block = next(ours)
        steps = int(np.abs(self.plain(block).astype(int) - self.ours(block)).max())
        return Row(self.entry.spec.name, *times, self.frames, f"{steps} of 255"), steps


class _Remembered:
    """A made-up video whose pictures are made already: making them is nobody's work here."""

    def __init__(self, video: SyntheticVideo, images: dict[int, NDArray[np.uint8]]) -> None:
        self._images = images
        self.time, self.faces, self.map = video.time, video.faces, video.map

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._images[index]


def _mapped(runner: CueRunner, block: int, source: _Remembered) -> Maps:
    runner.compute_block(block, None, source)
    return runner.take(block, None)[0]


def subjects(names: Sequence[str], frames: int, repetitions: int, folder: Path) -> Iterator[Subject]:
    """The extractors of these names, one after the other: several at once would not fit into memory."""
    for name in names:
        weights = EXTRACTORS[name].save(folder) if name in EXTRACTORS else None
        yield Subject(get(name), "" if weights is None else str(weights), frames, repetitions)
        for file in folder.iterdir():
            file.unlink()


def decoding(path: Path, extractors: int, repetitions: int) -> Row:
    """A video decoded for every extractor, against once."""

    def decoded() -> int:
        with VideoReader(path) as reader:
            return sum(1 for _ in reader)

    plain, ours = compare(lambda: [decoded() for _ in range(extractors)], decoded, repetitions)
    return Row(f"decoding for {extractors}", plain, ours, decoded(), "same frames")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 1 where maps differ by more than two steps of 255."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="extractors; all, if none is named")
    parser.add_argument("--only", choices=("embedded", "published"), help="of all, these")
    parser.add_argument("--frames", type=int, default=8, help="frames mapped in one repetition, and in one block")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--video", type=Path, help="a file whose decoding is measured too")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    groups = {"embedded": EMBEDDED, "published": tuple(EXTRACTORS)}
    names = args.names or [name for group, some in groups.items() if args.only in (None, group) for name in some]
    rows, worst = [], 0
    if args.video:
        rows.append(decoding(args.video, len(names), args.repetitions))
    with tempfile.TemporaryDirectory() as folder:
        for subject in subjects(names, args.frames, args.repetitions, Path(folder)):
            row, steps = subject.measured(args.repetitions)
            print(show([row], "frame").splitlines()[1], f"{_rate(row.ours, args.frames)} frames/s", flush=True)
            rows.append(row)
            worst = max(worst, steps)
    print(f"\nframes of {SIZE[1]} x {SIZE[0]}, blocks of {args.frames}, 1 thread")
    print(show(rows, "frame"))
    return int(worst > LIMIT)


def _rate(timing: Timing, frames: int) -> str:
    """Frames per second of processor time."""
    return f"{frames / timing.cpu:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
