"""The attention of an action network as a map per frame."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.cues.exportable import Call, Exportable, FunctionModule, free_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Windows
from gazenet.cues.extractor_parameters import checked_mode, weights_path
from gazenet.errors import UsageError
from gazenet_plugins.st_abn.checkpoint import load_st_abn
from gazenet_plugins.st_abn.network import STABN
from gazenet_plugins.st_abn.spec import SPEC

CROP = 224
"""Side of the centre crop that the published evaluation looks at."""


class ActionAttention(Extractor):
    """The spatial attention of the frame in the middle of its clip, times the temporal weight of that frame.

    Args:
        weights: a checkpoint, or a training log's folder with ``checkpoint-best.pt``; empty for the catalogue's.
        mode: ``corrected`` looks at the whole frame; ``published`` at its centre crop of 224 x 224 pixels (the map is
            zero outside), and puts the clip's first frame where the video has ended, instead of the last one.

    Raises UsageError for another mode.
    """

    spec = SPEC

    def __init__(self, weights: str = "", mode: str = "corrected") -> None:
        self._weights, self._published = weights, checked_mode(SPEC.name, mode) == "published"

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network onto ``device`` in ``dtype``."""
        path = weights_path(self._weights, SPEC.assets[0], asset_path)
        self._network, self._dtype = load_st_abn(path).to(device, dtype), dtype
        if self._network.frames > SPEC.window.length:
            raise UsageError(f"{path}: looks at {self._network.frames} frames, at most {SPEC.window.length} are given")
        self._run: Call = FunctionModule(self._network, _attention)
        assert SPEC.input is not None
        mean, std = torch.tensor(SPEC.input.mean), torch.tensor(SPEC.input.std)
        self._mean, self._std = mean.to(device).view(3, 1, 1), std.to(device).view(3, 1, 1)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the attention, from normalised clips ``[N, 3, T, H, W]``, BGR: spatial and temporal.

        Raises UsageError for sides that are no multiples of 16.
        """
        assert SPEC.input is not None
        height, width = free_size(SPEC.name, size, (CROP, CROP), 16)
        clips = noise(2, 3, self._network.frames, height, width)
        ends = ("spatial", "temporal")
        return Exportable(
            FunctionModule(self._network, _attention), (clips,), ("clip",), ends, use=partial(setattr, self, "_run")
        )

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window, and per record the ``temporal`` weight 0..1 of its frame."""
        assert windows.frames is not None
        position = (self._network.frames - 1) // 2
        clip = slice(windows.anchor - position, windows.anchor - position + self._network.frames)
        frames = windows.frames[:, clip]
        height, width = frames.shape[3:]
        if self._published:
            frames = _centre(ended_as_published(frames, windows.times[:, clip]))
        spatial, temporal = self._run(self._normal(frames))
        weights = temporal[:, 0, position, 0, 0].float()
        maps = spatial[:, :, position].float() * weights[:, None, None, None]
        if self._published:
            maps = _uncropped(maps, tuple(frames.shape[3:]), (height, width))
        maps = F.interpolate(maps, windows.map_size, mode="bilinear", align_corners=False, antialias=True)[:, 0]
        return CueMaps(maps, [{"temporal": round(weight, 4)} for weight in weights.tolist()])

    def _normal(self, frames: Tensor) -> Tensor:
        """Convert uint8 RGB ``[B, T, 3, H, W]`` to BGR ``[B, 3, T, H, W]`` as the network was trained."""
        rgb = (frames.float() / 255 - self._mean) / self._std
        return rgb.flip(2).transpose(1, 2).to(self._dtype)


def ended_as_published(frames: Tensor, times: np.ndarray) -> Tensor:
    """Return ``frames`` ``[B, T, ...]`` with the first one of each clip in place of repetitions of the last.

    ``times`` ``[B, T]`` in seconds: a frame that stands for one beyond the end has the time of the last.
    """
    changed = frames.clone()
    for clip, row in zip(changed, times, strict=True):
        clip[int((row < row[-1]).sum()) + 1 :] = clip[0].clone()
    return changed


def _centre(frames: Tensor) -> Tensor:
    """Return the middle ``CROP`` rows and columns of ``[B, T, 3, H, W]``; a shorter side stays as it is."""
    height, width = frames.shape[3:]
    top, left = max(0, int(height / 2 - CROP / 2)), max(0, int(width / 2 - CROP / 2))
    return frames[:, :, :, top : top + CROP, left : left + CROP]


def _uncropped(maps: Tensor, crop: tuple[int, ...], full: tuple[int, int]) -> Tensor:
    """Place maps ``[B, 1, h, w]`` of the middle ``crop`` of a frame in ``[B, 1, *full]``, zero around it."""
    canvas = maps.new_zeros(len(maps), 1, *full)
    top, left = (int(whole / 2 - part / 2) for whole, part in zip(full, crop, strict=True))
    inside = F.interpolate(maps, crop, mode="bilinear", align_corners=False)
    canvas[:, :, top : top + crop[0], left : left + crop[1]] = inside
    return canvas


def _attention(network: STABN, clip: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spatial and the temporal attention of a clip."""
    output = network.attention(clip)
    return output.spatial, output.temporal
