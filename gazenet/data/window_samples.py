"""Training samples: windows of cue maps that end at a frame, and what people fixated in that frame.

A sample is a pure function of (seed, draw number): which clip, which frame, which change of geometry. So a resumed run
sees exactly what an uninterrupted one would have seen, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from gazenet.config.training import AugmentConfig
from gazenet.data.cue_clip import CueClip
from gazenet.data.density import Points, Size, fixation_map
from gazenet.data.drawn_truth import PictureFixations
from gazenet.data.fixations import FrameFixations
from gazenet.errors import UsageError

Sample = dict[str, Tensor]
Render = Callable[[Sequence[NDArray[np.uint8]]], Tensor]
"""Maps uint8 ``[T, h, w]`` or pictures ``[T, h, w, 3]`` of M cues to the network's input ``[T, M * C, H, W]``."""
Picture = Callable[[int], NDArray[np.uint8] | None]


@dataclass(frozen=True)
class GeometryChange:
    """A mirror, shift (fractions of width and height) and change of scale of the complete frame."""

    mirror: bool = False
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0

    def points(self, points: Points, size: Size) -> Points:
        """Return the changed points of a frame of ``size`` (height, width)."""
        extent = np.array([size[1], size[0]], np.float64)
        centred = (points / extent - 0.5) * self.scale
        if self.mirror:
            centred = centred * [-1.0, 1.0]
        moved: Points = (centred + 0.5 + np.array(self.shift)) * extent
        return moved

    def maps(self, maps: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return changed maps uint8 ``[M, T, h, w]``; pixels from outside the frame are 0."""
        if self == GeometryChange():
            return maps
        sign = -1.0 if self.mirror else 1.0
        theta = torch.tensor(
            [
                [sign / self.scale, 0.0, -2 * sign * self.shift[0] / self.scale],
                [0.0, 1 / self.scale, -2 * self.shift[1] / self.scale],
            ]
        )
        stack = torch.from_numpy(maps).float().flatten(0, 1)[None]
        grid = F.affine_grid(theta[None], list(stack.shape), align_corners=False)
        moved = F.grid_sample(stack, grid, align_corners=False).round().clamp(0, 255)
        return moved.to(torch.uint8).view(maps.shape).numpy()

    def cue(self, maps: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return changed maps ``[T, h, w]`` or pictures ``[T, h, w, 3]`` of one cue."""
        if maps.ndim == 3:
            return self.maps(maps[None])[0]
        return self.maps(np.ascontiguousarray(maps.transpose(3, 0, 1, 2))).transpose(1, 2, 3, 0)

    def truth(self, truth: FrameFixations, frame: int) -> FrameFixations:
        """The ground truth with that of ``frame`` moved; the way it is drawn and the weights of its points stay."""
        if self == GeometryChange():
            return truth
        points = list(truth.points)
        points[frame] = self.points(points[frame], truth.size)
        moved = replace(truth, points=points)
        if isinstance(moved, PictureFixations) and moved.picture is not None:
            moved = replace(moved, picture=partial(self._picture, moved.picture))
        return moved

    def _picture(self, picture: Picture, frame: int) -> NDArray[np.uint8] | None:
        density = picture(frame)
        return None if density is None else self.maps(density[None, None])[0, 0]


def draw_geometry(augment: AugmentConfig, rng: np.random.Generator) -> GeometryChange:
    """Draw a random change within the limits of the config."""
    mirror = bool(augment.flip and rng.random() < 0.5)
    dx, dy = rng.uniform(-augment.shift, augment.shift, 2)
    return GeometryChange(mirror, (float(dx), float(dy)), float(1 + rng.uniform(-augment.scale, augment.scale)))


class ClipTargets(Protocol):
    """The part of a clip that decides which of its frames become targets, and how often it is drawn."""

    @property
    def still(self) -> bool:
        """True for a picture, all of whose frames are targets."""
        ...

    @property
    def source(self) -> int:
        """The number of the training config's entry it comes from."""
        ...

    def targets(self, stride: int, min_observers: int) -> NDArray[np.int64]:
        """Return every ``stride``-th frame that enough people fixated, ascending."""
        ...


class DrawOrder:
    """The (clip, frame) of each draw.

    An epoch is every target once; with ``videos`` a random target of each clip once; with ``samples_per_epoch`` random
    targets, shared between sources by ``weights``.
    """

    def __init__(
        self,
        clips: Sequence[ClipTargets],
        targets: Sequence[NDArray[np.int64]],
        seed: int,
        samples_per_epoch: int | None = None,
        weights: Sequence[float] | None = None,
        videos: bool = False,
    ) -> None:
        self.all = [(k, int(frame)) for k, frames in enumerate(targets) for frame in frames]
        if not self.all:
            raise UsageError("no frame to learn from: no clip has a frame with enough observers (data.min_observers)")
        self.seed, self.targets = seed, targets
        self._videos = [k for k, frames in enumerate(targets) if len(frames)] if videos else []
        self.length = samples_per_epoch or len(self._videos) or len(self.all)
        self._random = samples_per_epoch is not None
        self._sources = _by_source(clips, targets)
        shares = np.array([1.0 if weights is None else weights[source] for source in self._sources])
        self._shares = shares / shares.sum()

    def rng(self, draw: int) -> np.random.Generator:
        """Return the generator of a draw; it depends only on the seed and the draw."""
        return np.random.default_rng([self.seed, draw])

    def pick(self, draw: int, rng: np.random.Generator) -> tuple[int, int]:
        """Return clip number and frame of a draw; ``rng`` is that of the draw."""
        if not self._random:
            place = int(_permutation(self.seed, draw // self.length, self.length)[draw % self.length])
            if not self._videos:
                return self.all[place]
            clip = self._videos[place]
            return clip, int(rng.choice(self.targets[clip]))
        source = list(self._sources)[int(rng.choice(len(self._shares), p=self._shares))]
        clip = int(rng.choice(self._sources[source]))
        return clip, int(rng.choice(self.targets[clip]))


def _by_source(clips: Sequence[ClipTargets], targets: Sequence[NDArray[np.int64]]) -> dict[int, list[int]]:
    by_source: dict[int, list[int]] = {}
    for k, (clip, frames) in enumerate(zip(clips, targets, strict=True)):
        if len(frames):
            by_source.setdefault(clip.source, []).append(k)
    return by_source


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch, length]).permutation(length)


@dataclass(frozen=True)
class SampleShape:
    """The form of samples: T frames (None: one frame, no time axis), target (h, w), all-frame targets.

    ``starts``: a window begins at the frame that was drawn and repeats the last frame of the video, as in the released
    training; else it ends there and repeats the first, as in inference.
    """

    target: Size
    window: int | None = None
    exhaustive: bool = False
    starts: bool = False

    def frames(self, frame: int, count: int) -> list[int]:
        """Return the frames of the window drawn at ``frame`` of a video of ``count`` frames."""
        length = self.window or 1
        if self.starts:
            return [min(frame + ahead, count - 1) for ahead in range(length)]
        # Before its first frame a video has nothing: the first frame is repeated, as in inference.
        return [max(frame - back, 0) for back in reversed(range(length))]


class WindowSamples(Dataset[Sample]):
    """Samples by draw number.

    ``maps`` float ``[M * C, H, W]`` (``[T, M * C, H, W]`` for windows); ``salmap`` ``[1, h, w]``, peak 1, drawn as the
    reader draws it (its weights of points, its pictures); ``fixmap`` ``[1, h, w]`` 0 or 1; ``seq_salmap``
    ``[T, 1, h, w]`` where the network needs a target per frame; ``clip`` and ``frame`` say what it is.
    """

    def __init__(
        self,
        clips: Sequence[CueClip],
        cues: Sequence[str],
        shape: SampleShape,
        render: Render,
        draws: DrawOrder,
        augment: AugmentConfig | None = None,
    ) -> None:
        self.clips, self.cues, self.shape = clips, cues, shape
        self.render, self.draws, self.augment = render, draws, augment

    def __len__(self) -> int:
        return self.draws.length

    def __getitem__(self, draw: int) -> Sample:
        if self.augment is None:
            k, frame = self.draws.all[draw]
            return self.sample(k, frame, GeometryChange(), None)
        rng = self.draws.rng(draw)
        k, frame = self.draws.pick(draw, rng)
        geometry = draw_geometry(self.augment, rng)
        return self.sample(k, frame, geometry, self._blanked(rng))

    def _blanked(self, rng: np.random.Generator) -> NDArray[np.bool_] | None:
        if not self.augment or not self.augment.drop_cue:
            return None
        blank: NDArray[np.bool_] = rng.random(len(self.cues)) < self.augment.drop_cue
        blank[0] = False
        return blank

    def sample(self, k: int, frame: int, geometry: GeometryChange, blank: NDArray[np.bool_] | None) -> Sample:
        """Make the sample of one frame of clip ``k`` under a change of geometry, with some cues blanked."""
        clip = self.clips[k]
        window = self.shape.frames(frame, len(clip))
        # The released training takes the last frame that has ground truth.
        frame = next((one for one in reversed(window) if len(clip.truth[one])), window[-1])
        maps = [np.asarray(clip.maps[cue][window]) for cue in self.cues]
        if blank is not None:
            maps = [np.zeros_like(one) if blanked else one for one, blanked in zip(maps, blank, strict=True)]
        rendered = self.render([geometry.cue(one) for one in maps])
        salmap, fixmap = self._truth(clip, frame, geometry)
        sample = {
            "maps": rendered if self.shape.window else rendered[0],
            "salmap": salmap,
            "fixmap": fixmap,
            "clip": torch.tensor(k),
            "frame": torch.tensor(frame),
        }
        if self.shape.exhaustive:
            sample["seq_salmap"] = torch.stack([self._truth(clip, one, geometry)[0] for one in window])
        return sample

    def _truth(self, clip: CueClip, frame: int, geometry: GeometryChange) -> tuple[Tensor, Tensor]:
        truth = geometry.truth(clip.truth, frame)
        smooth = truth.density(frame, *self.shape.target, clip.sigma)
        # From the points: on a coarse grid the released drawing loses most of them.
        marked = fixation_map(truth[frame], truth.size, self.shape.target)
        return torch.from_numpy(smooth)[None], torch.from_numpy(marked).float()[None]
