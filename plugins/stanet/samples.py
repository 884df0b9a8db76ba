"""The samples of the networks: pictures and sounds of one second, or of three neighbouring ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.cues.frame_clips import resized
from gazenet.errors import UsageError
from gazenet.media import read_image
from gazenet.npy import read_npy
from gazenet_plugins.stanet.classifiers import Stage
from gazenet_plugins.stanet.workspace import Workspace

MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)

ALONE, CURRENT_FIRST, IN_ORDER = (0,), (0, -1, 1), (-1, 0, 1)
"""Seconds around a sample in the order of a network's inputs: S and SA; ST and STA28; STA32."""

Item = dict[str, Tensor]


@dataclass(frozen=True)
class SecondSample:
    """One second of a video, and the class of the video."""

    video: str
    second: int
    class_id: int


def jittered(image: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Change the colours of RGB ``[H, W, 3]`` in 0..1.

    Random brightness, contrast and saturation (0.7..1.3) and hue (-0.1..0.1 of the circle), in random order.
    """
    for step in random.permutation(4):
        factor = random.uniform(0.7, 1.3)
        if step == 0:
            image = image * np.float32(factor)
        elif step == 3:
            image = shifted_hue(image, random.uniform(-0.1, 0.1))
        else:
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
            base = grey.mean() if step == 1 else grey
            image = np.asarray(base + (image - base) * factor, np.float32)
        image = np.clip(image, 0, 1)
    return image


def shifted_hue(image: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    """Rotate the hue of RGB float ``[H, W, 3]`` by a fraction of the colour circle."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * part) % 360
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


@dataclass(frozen=True)
class MomentForm:
    """The moments ``around`` a sample in the order of the inputs, with or without ``sounds`` and ``targets``."""

    around: Sequence[int] = ALONE
    sounds: bool = False
    targets: bool = False


ONE_PICTURE = MomentForm()
"""The picture of the sample alone."""


class Moments:
    """Items with ``images`` ``[K, 3, size, size]`` normalised, ``class_id``, ``index``; K moments per sample.

    With sounds ``audios`` ``[K, 81, 199]``, with targets ``targets`` ``[K, 1, size, size]`` in 0..1. Where a
    neighbour's picture is missing, the sample's own stands in; where its target or sound is, both of the sample's do.

    Args:
        files: the workspace with all files.
        stage: whole pictures or crops.
        samples: the seconds in order.
        size: side of the square that pictures are resized to.
        form: the moments, and what belongs to each.
    """

    def __init__(
        self,
        files: Workspace,
        stage: Stage,
        samples: Sequence[SecondSample],
        size: int,
        form: MomentForm = ONE_PICTURE,
    ) -> None:
        self.files, self.stage, self.samples, self.size = files, stage, samples, size
        self.around, self.sounds, self.targets = form.around, form.sounds, form.targets

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int, random: np.random.Generator | None) -> Item:
        """Return one item; ``random`` changes its colours, in training only."""
        sample = self.samples[index]
        item = {"class_id": torch.tensor(sample.class_id), "index": torch.tensor(index)}
        pictures = [self.files.picture(self.stage, sample.video, sample.second + k) for k in self.around]
        own = self.files.picture(self.stage, sample.video, sample.second)
        item["images"] = torch.stack([self._image(one if one.is_file() else own, random) for one in pictures])
        seconds = [self._second_of(sample, k) for k in self.around]
        if self.sounds:
            files = [self.files.sound(sample.video, second) for second in seconds]
            item["audios"] = torch.stack([torch.from_numpy(read_spectrogram(file)) for file in files])
        if self.targets:
            item["targets"] = torch.stack([self._target(self.files.target(sample.video, s)) for s in seconds])
        return item

    def _second_of(self, sample: SecondSample, offset: int) -> int:
        """Return the second whose sound and target belong to a moment."""
        second = sample.second + offset
        needed = [self.files.sound(sample.video, second)] if self.sounds else []
        needed += [self.files.target(sample.video, second)] if self.targets else []
        return second if all(file.is_file() for file in needed) else sample.second

    def _image(self, file: Path, random: np.random.Generator | None) -> Tensor:
        image = self._pixels(file).astype(np.float32) / np.float32(255)
        if random is not None:
            image = jittered(image, random)
        return torch.from_numpy(np.ascontiguousarray(((image - MEAN) / STD).transpose(2, 0, 1), np.float32))

    def _target(self, file: Path) -> Tensor:
        return torch.from_numpy(self._pixels(file)[..., 0].astype(np.float32) / 255)[None]

    def _pixels(self, file: Path) -> NDArray[np.uint8]:
        """Read a picture, resized by Pillow's bilinear filter as in the published loaders."""
        return resized(read_image(file), (self.size, self.size), "bilinear")


MOST_SOUND = 1 << 24
"""Numbers of the largest spectrogram that is read."""


def read_spectrogram(path: Path) -> NDArray[np.float32]:
    """Read ``[81, 199]`` from ``.npy``, or from the HDF5 files (``dataset``) of the re-implementation.

    Raises UsageError for the latter without the package h5py, and for any other file.
    """
    if path.suffix != ".h5":
        try:
            return np.asarray(read_npy(path), np.float32)
        except ValueError as error:
            raise UsageError(f"{path}: {error}; remove it and prepare the sounds again") from None
    try:
        import h5py
    except ImportError:
        raise UsageError(f"{path}: is an HDF5 file, which needs the package h5py; run: pip install h5py") from None
    try:
        with h5py.File(path, "r") as file:
            external = isinstance(file.get("dataset", getlink=True), h5py.ExternalLink)
            node = None if external else file["dataset"]
            # A file may declare any size, and say that its numbers lie in any other file.
            if node is None or node.external or node.is_virtual or not 0 < node.size <= MOST_SOUND:
                raise UsageError(f"{path}: is no spectrogram: make it again")
            return np.asarray(node, np.float32)
    except (OSError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{path}: is no spectrogram ({error}): make it again") from None
