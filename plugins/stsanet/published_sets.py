"""DHF1K, UCF-Sports, Hollywood-2 and DIEM in their published folders: numbered frames, maps and fixations.

File numbers count from 1: the clip that starts at s takes the files s + 1 to s + 32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.frame_clips import resized
from gazenet.errors import UsageError
from gazenet.files import natural_order
from gazenet.media import read_image
from gazenet_plugins.stsanet.network import CLIP, TARGET
from gazenet_plugins.stsanet.recipe import Layout, PublishedSet

MOST_PIXELS = 1 << 28
"""Of the variables of one file of fixations."""


@dataclass(frozen=True)
class LayoutFiles:
    """The files of frame, map and fixations of a file number of a video."""

    frame: Callable[[Path, int], Path]
    density: Callable[[Path, int], Path]
    fixations: Callable[[Path, int], Path]


@dataclass(frozen=True)
class LayoutRules:
    """A layout: ``videos``, the folders of a part; ``target``, the offset of the label file; strides and ends."""

    videos: Callable[[Path, str], list[Path]]
    files: LayoutFiles
    stride: int
    target: int = TARGET + 1
    last_start: int = CLIP
    """A training clip starts before n - last_start."""


@dataclass(frozen=True)
class PictureVideo:
    """A video whose frames, maps and fixations are picture files. Sizes are (height, width) of the network."""

    name: str
    folder: Path
    rules: LayoutRules
    size: tuple[int, int]
    length: int

    def __len__(self) -> int:
        return self.length

    @property
    def starts(self) -> int:
        """The number of starts of a training clip; one for a video too short, whose last frame is repeated."""
        return max(1, self.length - self.rules.last_start)

    @property
    def validation_starts(self) -> range:
        """Return the first frames of the validation clips."""
        return range(0, max(1, self.length - CLIP + 1), self.rules.stride)

    def clip(self, first: int, count: int = 1) -> NDArray[np.uint8]:
        """Read RGB ``[count, h, w, 3]``; beyond the end the last frame is repeated."""
        numbers = np.clip(np.arange(first, first + count), 0, self.length - 1) + 1
        pictures = [read_image(self.rules.files.frame(self.folder, int(number))) for number in numbers]
        return np.stack([resized(one, self.size, "bilinear") for one in pictures])

    def label(self, start: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Read density in 0..1 and fixations (1 where somebody looked) of a clip, both ``[h, w]``."""
        number = min(start + self.rules.target, self.length)
        grey = read_image(self.rules.files.density(self.folder, number))[..., 0]
        density = np.asarray(cv2.resize(grey, self.size[::-1]), np.float32) / np.float32(255)
        return density, moved(_fixations(self.rules.files.fixations(self.folder, number)), *self.size)


def moved(fixations: NDArray[np.generic], height: int, width: int) -> NDArray[np.uint8]:
    """Move the fixated pixels of ``[H, W]`` to another size, each to its rounded position."""
    rows, columns = np.nonzero(fixations)
    out = np.zeros((height, width), np.uint8)
    down = np.minimum(np.rint(rows * (height / fixations.shape[0])).astype(int), height - 1)
    across = np.minimum(np.rint(columns * (width / fixations.shape[1])).astype(int), width - 1)
    out[down, across] = 1
    return out


def _fixations(path: Path) -> NDArray[np.generic]:
    if path.suffix != ".mat":
        return read_image(path)[..., 0]
    from scipy.io import loadmat, whosmat

    try:
        sizes = {name: math.prod(map(int, shape)) for name, shape, _ in whosmat(path)}
        if max(sizes.values(), default=0) > MOST_PIXELS:
            raise ValueError("it declares more pixels than any frame has")
        return np.asarray(loadmat(path, variable_names=["eyeMap"])["eyeMap"])
    except (OSError, KeyError, ValueError, NotImplementedError) as error:
        raise UsageError(f"{path}: holds no variable eyeMap that can be read ({error})") from None


def _in_part(folder: Path, part: str) -> list[Path]:
    return _folders(folder / ("training" if part == "train" else "testing"))


def _dhf1k(root: Path, part: str) -> list[Path]:
    folders = _folders(root / "frames")
    return folders[:600] if part == "train" else folders[600:700]


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; see the table of data sets in docs/training.md")
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=natural_order)


def _ucf_stem(video: Path) -> str:
    head, _, tail = video.name.rpartition("-")
    return f"{head}_{tail}" if head else video.name


def _of_diem(video: Path) -> Path:
    return video.parents[1] / "ann" / video.name


def _of_dhf1k(video: Path) -> Path:
    return video.parents[1] / "annotation" / video.name


def _beside(name: Callable[[Path, int], str]) -> LayoutFiles:
    """Frames in ``images``, maps in ``maps``, fixations in ``fixation``, all of the same names."""
    return LayoutFiles(
        lambda video, number: video / "images" / name(video, number),
        lambda video, number: video / "maps" / name(video, number),
        lambda video, number: video / "fixation" / name(video, number),
    )


LAYOUTS: Mapping[Layout, LayoutRules] = {
    "dhf1k": LayoutRules(
        _dhf1k,
        LayoutFiles(
            lambda video, number: video / "images" / f"{number:04d}.png",
            lambda video, number: _of_dhf1k(video) / "maps" / f"{number:04d}.png",
            lambda video, number: _of_dhf1k(video) / "fixation" / f"{number:04d}.png",
        ),
        stride=32,
    ),
    "ucf": LayoutRules(_in_part, _beside(lambda video, number: f"{_ucf_stem(video)}_{number:03d}.png"), stride=4),
    "hollywood2": LayoutRules(
        _in_part,
        _beside(lambda video, number: f"{video.name.partition('_')[0]}_{number:05d}.png"),
        stride=64,
        last_start=CLIP - 1,
    ),
    "diem": LayoutRules(
        _in_part,
        LayoutFiles(
            lambda video, number: video / f"img_{number:05d}.jpg",
            lambda video, number: _of_diem(video) / "maps" / f"eyeMap_{number:05d}.jpg",
            lambda video, number: _of_diem(video) / f"fixMap_{number:05d}.mat",
        ),
        stride=32,
        target=1,
    ),
}
"""The labels of DIEM are those of a clip's first frame, as published; of the other sets, those of the sixteenth."""


def picture_videos(sets: Sequence[PublishedSet], part: str, size: tuple[int, int]) -> list[PictureVideo]:
    """Return the videos of a part. Raises UsageError for folders, names and first files that are missing."""
    return [video for one in sets if one.part == part for video in _videos(one, size)]


def _videos(chosen: PublishedSet, size: tuple[int, int]) -> list[PictureVideo]:
    rules = LAYOUTS[chosen.layout]
    by_name = {folder.name: folder for folder in rules.videos(Path(chosen.root), chosen.part)}
    missing = [name for name in chosen.items or () if name not in by_name]
    if missing or not by_name:
        raise UsageError(f"{chosen.root}: {chosen.layout} has no {chosen.part} video {', '.join(missing)}".rstrip())
    videos = []
    for name in chosen.items or by_name:
        first = rules.files.frame(by_name[name], 1)
        for needed in (first, rules.files.density(by_name[name], min(rules.target, 1))):
            if not needed.is_file():
                raise UsageError(f"{needed}: no such file, but {chosen.layout} has it for every video")
        length = sum(path.suffix == first.suffix for path in first.parent.iterdir())
        videos.append(PictureVideo(name, by_name[name], rules, size, length))
    return videos
