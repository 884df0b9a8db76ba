"""Samples per second from the packed cache against one JPEG per frame and map: ``python benchmarks/training_data.py``.

Both hold the same made-up maps: the packed cache one scalar byte per cell, memory-mapped; the published layout
coloured JPEG pictures. A sample is a window of ten frames of five maps with density and fixations of its last frame.
``as stored``: the bytes of the window. ``ready``: float tensors as a network takes them; the JPEG side is opened with
Pillow, resized if need be and normalised, as the released training does it; the packed side is what training here
really uses. The difference is the largest: of the stored bytes to the maps that were written, and of the density to
the one in the JPEG, which has lost something.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gazenet.data.cue_clip import CueClip
from gazenet.data.density import Size
from gazenet.data.fixations import Fixations, FrameFixations, per_frame
from gazenet.data.window_samples import DrawOrder, SampleShape, WindowSamples
from gazenet.fusion.gasp_spec import MEAN, STD, GaspSpec
from gazenet.maps.colours import colourise
from gazenet.maps.frame_folders import FrameFolderWriter, frame_file
from gazenet.maps.map_store import MapKey, MapStore
from gazenet.recipes.gasp.gasp_samples import Renderer

if __package__:
    from benchmarks.side_by_side import Row, compare, show
else:
    from side_by_side import Row, compare, show

CUES = tuple(f"cue{k}" for k in range(5))
DATASET, VIDEO = "made_up", "clip"
SALMAP, FIXMAP = "transformed_salmap", "transformed_fixmap"
RATE = 25.0


@dataclass(frozen=True)
class MadeItem:
    """A video that is only fixations."""

    looks: Fixations
    size: Size
    name: str = VIDEO
    path: Path = Path(VIDEO)
    still: bool = False

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """The same fixations, assigned to frames."""
        return per_frame(self.looks, times, self.size)


def made_maps(frames: int, size: int) -> dict[str, NDArray[np.uint8]]:
    """Smooth blobs that wander, uint8 ``[T, h, w]`` per cue."""
    rows, columns = np.mgrid[:size, :size] / size
    found = {}
    for k, cue in enumerate(CUES):
        phase = (np.arange(frames) * 0.05 * (k + 1))[:, None, None]
        y, x = 0.5 + 0.3 * np.sin(phase), 0.5 + 0.3 * np.cos(0.7 * phase)
        found[cue] = np.round(255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 0.02)).astype(np.uint8)
    return found


def packed(root: Path, maps: dict[str, NDArray[np.uint8]], looks: Fixations, size: Size) -> CueClip:
    """The clip, its maps in a packed cache below ``root``."""
    store, opened = MapStore(root), {}
    for cue, values in maps.items():
        with store.writer(MapKey("made", cue, "1", "f"), *values.shape[1:], chunk=len(values)) as writer:
            writer.write(0, values, [{}] * len(values))
            opened[cue] = writer.finish(len(values)).maps
    times = np.arange(len(next(iter(maps.values())))) / RATE
    return CueClip(DATASET, MadeItem(looks, size), opened, times, sigma=size[1] / 32)


def as_pictures(root: Path, maps: dict[str, NDArray[np.uint8]], clip: CueClip, size: int) -> None:
    """The same in the published layout, pictures of ``size`` x ``size``."""
    writer = FrameFolderWriter(root, DATASET, VIDEO, size=(size, size))
    for frame in range(len(clip)):
        for cue in CUES:
            writer.write(frame, cue, colourise(maps[cue][frame], "jet"))
        smooth = clip.truth.density(frame, size, size, clip.sigma)
        writer.write(frame, SALMAP, np.round(255 * smooth).astype(np.uint8))
        writer.write(frame, FIXMAP, 255 * clip.truth.fixation_map(frame, size, size))


def opened(root: Path, frame: int, stem: str, mode: str) -> Image.Image:
    """One picture, decoded."""
    with Image.open(frame_file(root, DATASET, VIDEO, frame, stem)) as file:
        return file.convert(mode)


def plain_window(root: Path, window: Sequence[int]) -> NDArray[np.uint8]:
    """uint8 ``[M, T, h, w, 3]``."""
    return np.stack([np.stack([np.asarray(opened(root, one, cue, "RGB")) for one in window]) for cue in CUES])


def plain_sample(root: Path, window: Sequence[int], size: int, target: int) -> dict[str, torch.Tensor]:
    """What the released training makes of a window."""
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (MEAN, STD))

    def ready(frame: int, cue: str) -> torch.Tensor:
        picture = opened(root, frame, cue, "RGB").resize((size, size), Image.Resampling.BILINEAR)
        return (torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255 - mean) / std

    def truth(stem: str) -> torch.Tensor:
        picture = opened(root, window[-1], stem, "L").resize((target, target), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(picture)).float()[None] / 255

    maps = torch.stack([torch.cat([ready(frame, cue) for cue in CUES]) for frame in window])
    return {"maps": maps, "salmap": truth(SALMAP), "fixmap": truth(FIXMAP)}


def packed_samples(clip: CueClip, size: int, target: int, length: int) -> WindowSamples:
    """The samples that training reads, unchanged by augmentation."""
    spec = GaspSpec(name="made", cues=CUES, rendering="scalar", input_size=(size, size))
    shape = SampleShape((target, target), length)
    return WindowSamples([clip], CUES, shape, Renderer(spec), DrawOrder([clip], [np.arange(len(clip))], 0))


def looks_of(frames: int, size: Size, people: int = 12) -> Fixations:
    """Everybody looks somewhere else every 0.3 s."""
    rng = np.random.default_rng(0)
    count = people * max(1, round(frames / RATE / 0.3))
    starts = np.tile(np.arange(count // people) * 0.3, people)
    where = rng.uniform(0.2, 0.8, (count, 2)) * [size[1], size[0]]
    return Fixations(np.repeat(np.arange(people), count // people), starts, np.full(count, 0.3), where)


def measure(root: Path, args: argparse.Namespace, picture: int) -> list[Row]:
    """Both comparisons for pictures of one size."""
    size: Size = (360, 640)
    maps = made_maps(args.frames, args.size)
    clip = packed(root / f"cache{picture}", maps, looks_of(args.frames, size), size)
    folder = root / f"pictures{picture}"
    as_pictures(folder, maps, clip, picture)
    rng = np.random.default_rng(1)
    ends = [int(end) for end in rng.integers(args.window - 1, args.frames, args.samples)]
    windows = [list(range(end - args.window + 1, end + 1)) for end in ends]
    samples = packed_samples(clip, args.size, args.size // 2, args.window)

    def stored(window: list[int]) -> NDArray[np.uint8]:
        return np.stack([np.array(clip.maps[cue][window[0] : window[-1] + 1]) for cue in CUES])

    last = windows[-1]
    wrong = np.abs(stored(last).astype(int) - np.stack([maps[cue][last] for cue in CUES])).max()
    salmaps = plain_sample(folder, last, args.size, args.size // 2)["salmap"], samples[last[-1]]["salmap"]
    lost = float((salmaps[0] - salmaps[1]).abs().max())

    def line(name: str, plain: Callable[[list[int]], Any], ours: Callable[[list[int]], Any], off: float) -> Row:
        timings = compare(
            lambda: [plain(window) for window in windows],
            lambda: [ours(window) for window in windows],
            args.repetitions,
        )
        return Row(f"{name}, pictures of {picture}", *timings, args.samples, f"{off:.1e}")

    return [
        line(
            "window as stored",
            lambda window: plain_window(folder, window),
            stored,
            float(wrong),
        ),
        line(
            "sample, ready",
            lambda window: plain_sample(folder, window, args.size, args.size // 2),
            lambda window: samples[window[-1]],
            lost,
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=60, help="length of the made-up video")
    parser.add_argument("--size", type=int, default=120, help="height and width of the network's input")
    parser.add_argument(
        "--pictures", type=int, nargs="+", default=[120, 500], help="size of the JPEG pictures; published caches: 500"
    )
    parser.add_argument("--window", type=int, default=10, help="context")
    parser.add_argument("--samples", type=int, default=8, help="samples read in one repetition")
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for picture in args.pictures for row in measure(Path(folder), args, picture)]
    print(f"windows of {args.window} frames, {len(CUES)} maps, input {args.size} x {args.size}, 1 thread, warm files")
    print(show(rows, "sample"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
