"""Training on caches in the published layout: coloured map pictures, density and fixation pictures, window by window.

The rules are those of the released training: Pillow's antialiased bilinear resizing; a map that is missing repeats the
one before in the window; where none is before, and where no target exists, a picture that is black but for its first
pixel, of value 1 of 255.
Source: Abawi, Weber, Wermter, IJCAI 2021, and its released data module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from gazenet.config.picture_names import CAPTURED, SALIENCY, saliency_stem
from gazenet.config.training import DataConfig, SourceConfig
from gazenet.data.density import Size
from gazenet.data.fixations import FrameFixations
from gazenet.data.grouped_frames import maker
from gazenet.data.source_items import source_rows
from gazenet.data.window_samples import DrawOrder, Sample, SampleShape
from gazenet.errors import CacheError, UsageError
from gazenet.files import natural_order
from gazenet.fusion.gasp_spec import MEAN, STD
from gazenet.maps.frame_folders import SIZE, FrameFolderReader

PLACEHOLDER: Size = (10, 10)


def placeholder(size: Size) -> NDArray[np.uint8]:
    """RGB uint8 ``[H, W, 3]``: what stands for a picture that does not exist, resized from 10 x 10."""
    black = np.zeros((*PLACEHOLDER, 3), np.uint8)
    black[0, 0] = 1
    return resized(black, size)


def resized(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """RGB or grey uint8 resized to (height, width) as the released training does."""
    image = Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.array(image, np.uint8)


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 ``[h, w, 3]`` to its luminance ``[h, w]``."""
    return np.asarray(Image.fromarray(picture).convert("L"), np.uint8)


@dataclass(frozen=True)
class PictureClip:
    """The pictures of one video in the published layout.

    ``cues`` are the stems of the inputs, ``target_stems`` those of density and fixations, ``input_size`` (h, w) what
    :attr:`maps` are resized to, ``source`` the entry of the training config.
    """

    reader: FrameFolderReader
    dataset: str
    video: str
    cues: tuple[str, ...]
    target_stems: tuple[str, str]
    input_size: Size
    source: int = 0
    still: bool = False
    sigma: float = 1.0
    """Unused: densities are pictures."""

    @property
    def name(self) -> str:
        """``<data set>/<video>``."""
        return f"{self.dataset}/{self.video}"

    def __len__(self) -> int:
        return self.reader.frames

    def has(self, stem: str, frame: int) -> bool:
        """Return whether a frame (from 0) has a picture of its own."""
        return stem in self.reader.pictures and frame not in self._missing[stem]

    @cached_property
    def _missing(self) -> dict[str, set[int]]:
        return {stem: set(self.reader.missing(stem)) for stem in self.reader.pictures}

    def picture(self, stem: str, frame: int) -> NDArray[np.uint8]:
        """RGB uint8 ``[h, w, 3]`` in the size of the file. Raises CacheError."""
        return self.reader.read(stem, frame, frame + 1)[0]

    def targets(self, stride: int, min_observers: int) -> NDArray[np.int64]:
        """Every ``stride``-th frame; pictures do not say how many people looked."""
        return np.arange(0, len(self), stride)

    def window(self, stem: str, frames: Sequence[int], size: Size) -> NDArray[np.uint8]:
        """RGB uint8 ``[T, H, W, 3]`` of some frames; missing ones repeat the one before in the window."""
        shown = [placeholder(size)]
        for frame in frames:
            shown.append(resized(self.picture(stem, frame), size) if self.has(stem, frame) else shown[-1])
        return np.stack(shown[1:])

    @cached_property
    def maps(self) -> Mapping[str, NDArray[np.uint8]]:
        """All inputs of the video, RGB uint8 ``[T, H, W, 3]`` per cue, as an integrator takes them."""
        return {stem: self.window(stem, range(len(self)), self.input_size) for stem in self.cues}

    @cached_property
    def truth(self) -> FrameFixations:
        """The target pictures, in the form that scoring asks for."""
        return PictureTruth(SIZE, [np.empty((0, 2))] * len(self), np.ones(len(self), np.int64), clip=self)


@dataclass(frozen=True)
class PictureTruth(FrameFixations):
    """Density and fixations of every frame, from pictures instead of points."""

    clip: PictureClip | None = None

    def density(self, frame: int, h: int, w: int, sigma: float) -> NDArray[np.float32]:
        """float32 ``[h, w]`` in 0..1; all 0 without a picture."""
        return self._grey(0, frame, (h, w)).astype(np.float32) / np.float32(255)

    def fixation_map(self, frame: int, h: int, w: int) -> NDArray[np.uint8]:
        """uint8 ``[h, w]``, 1 where anything is left of a fixation, as the released metrics count."""
        return (self._grey(1, frame, (h, w)) > 0).astype(np.uint8)

    def fixation_counts(self, frame: int, h: int, w: int) -> NDArray[np.int64]:
        """int64 ``[h, w]``: as :meth:`fixation_map`; a picture does not say how often a pixel was fixated."""
        return self.fixation_map(frame, h, w).astype(np.int64)

    def _grey(self, which: int, frame: int, size: Size) -> NDArray[np.uint8]:
        assert self.clip is not None
        stem = self.clip.target_stems[which]
        if not self.clip.has(stem, frame):
            return np.zeros(size, np.uint8)
        return resized(grey(self.clip.picture(stem, frame)), size)


class PictureSamples(Dataset[Sample]):
    """Samples by draw number, in the form of :class:`gazenet.data.window_samples.WindowSamples`.

    ``random``: draws are random (training); else they follow the targets in order (validation).
    """

    def __init__(self, clips: Sequence[PictureClip], shape: SampleShape, draws: DrawOrder, random: bool) -> None:
        self.clips, self.shape, self.draws, self.random = clips, shape, draws, random
        self._mean, self._std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    def __len__(self) -> int:
        return self.draws.length

    def __getitem__(self, draw: int) -> Sample:
        k, frame = self.draws.pick(draw, self.draws.rng(draw)) if self.random else self.draws.all[draw]
        clip = self.clips[k]
        window = self.shape.frames(frame, len(clip))
        parts = [self._input(clip.window(stem, window, clip.input_size)) for stem in clip.cues]
        maps = torch.cat(parts, 1)
        salmap, fixmap = (self._last(clip, stem, window) for stem in clip.target_stems)
        sample = {
            "maps": maps if self.shape.window else maps[0],
            "salmap": salmap,
            "fixmap": fixmap,
            "clip": torch.tensor(k),
            "frame": torch.tensor(self._shown(clip, window)),
        }
        if self.shape.exhaustive:
            truth = clip.truth
            every = [
                torch.from_numpy(truth.density(number, *self.shape.target, clip.sigma))[None] for number in window
            ]
            sample["seq_salmap"] = torch.stack(every)
        return sample

    def _shown(self, clip: PictureClip, window: Sequence[int]) -> int:
        """Return the last frame of a window that has both targets, else its last frame."""
        complete = (frame for frame in reversed(window) if all(clip.has(stem, frame) for stem in clip.target_stems))
        return next(complete, window[-1])

    def _input(self, pictures: NDArray[np.uint8]) -> Tensor:
        """RGB uint8 ``[T, H, W, 3]`` to normalised float ``[T, 3, H, W]``."""
        return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - self._mean) / self._std

    def _last(self, clip: PictureClip, stem: str, window: Sequence[int]) -> Tensor:
        """The target ``[1, h, w]`` in 0..1 of the last frame of a window that has one."""
        frame = next((number for number in reversed(window) if clip.has(stem, number)), None)
        picture = placeholder(PLACEHOLDER) if frame is None else clip.picture(stem, frame)
        return torch.from_numpy(resized(grey(picture), self.shape.target).astype(np.float32) / 255)[None]


def open_pictures(
    config: DataConfig, sources: Sequence[SourceConfig], cues: Sequence[str], input_size: Size
) -> list[PictureClip]:
    """The videos that some sources of the config name, below ``config.frames_root``.

    Raises UsageError where the folder or a data set is not there or the config asks for random changes, CacheError for
    a video whose folder is damaged or holds no picture of the first cue.
    """
    root = check_frames(config)
    clips = []
    for position, source in enumerate(sources):
        for dataset, video in _videos(root, source):
            reader = FrameFolderReader(source.root or root, dataset, video, strict=False)
            clip = PictureClip(reader, dataset, video, tuple(cues), config.targets, input_size, position)
            _check(clip)
            clips.append(clip)
    for cue in cues:
        if clips and not any(cue in clip.reader.pictures for clip in clips):
            raise UsageError(f"{root}: no frame of any video has {cue}_1.jpg; {maker(cue)}")
    return clips


def check_frames(config: DataConfig) -> Path:
    """The folder of pictures. Raises UsageError where it is not there or the config asks for random changes."""
    root, changed = Path(str(config.frames_root)), config.augment
    if changed.flip or changed.shift or changed.scale or changed.drop_cue:
        raise UsageError("data.augment: map pictures are taken as they are: set flip false, shift, scale, drop_cue 0")
    if not root.is_dir():
        raise UsageError(
            f"data.frames_root {root}: no such folder; download or make the pictures, set data.frames_root, or train "
            "on cues made from your own videos with --embedded_cues"
        )
    return root


def _videos(root: Path, source: SourceConfig) -> list[tuple[str, str]]:
    """Data set and name of the videos of a source: those of its split, else all folders."""
    folders: list[str] = []
    if source.split is None:
        folder = Path(source.root or root) / source.dataset
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of videos; data.frames_root holds one folder per data set")
        folders = [path.name for path in sorted(filter(Path.is_dir, folder.iterdir()), key=natural_order)]
    chosen = source_rows(source, folders)
    if not chosen:
        raise UsageError(f"data set {source.dataset}: no video is left of split {source.split or '(none)'}")
    return chosen


def _check(clip: PictureClip) -> None:
    """Raise CacheError for a missing cue that every video has; one about people may be missing in a whole video."""
    always = {CAPTURED, *map(saliency_stem, SALIENCY), clip.cues[0]}
    for cue in clip.cues:
        if cue in always and cue not in clip.reader.pictures:
            there = ", ".join(clip.reader.pictures) or "none"
            raise CacheError(f"{clip.reader.folder}: no frame has {cue}; there are {there}; {maker(cue)}")
