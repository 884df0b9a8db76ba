"""What extractors have in common whose network takes a clip and gives the map of its last frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gazenet.backbones.checkpoint import file_in
from gazenet.backbones.sliding_windows import SlidingNetwork, WindowFrames, declares
from gazenet.cues.colour_pictures import coloured
from gazenet.cues.exportable import Call, Exportable, free_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_mode, weights_path
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.frame_clips import (
    BUFFER,
    FrameResults,
    Method,
    Picture,
    Preprocessing,
    causal_offsets,
    follow_each_other,
    published_offsets,
    stacked,
)
from gazenet.cues.postprocess import FloatMap, resized_map
from gazenet.errors import UsageError

Clip = Tensor | WindowFrames
"""The frames of a window: ``[1, 3, T, H, W]``, or the stems of a network that knows how windows slide."""


class ClipSaliency:
    """A map for every frame from the clip that ends with it; a subclass says which network and how it is finished.

    Every frame is resized and normalised once; every window is computed by itself, so that no map depends on how a
    run is cut into batches. Networks that say what windows share compute that once.

    Args:
        mode: ``"corrected"``: the clip holds the frame and all those before it that the network takes; the first
            frame stands for what is before the video. ``"published"``: clips and maps as the released pipeline made
            them.
        weights: a checkpoint, or a folder that holds ``checkpoint``, instead of the declared asset.
        buffer: in published mode the frames that the pipeline keeps; its shipped configurations keep 16, which fills
            longer clips with copies of the newest frame.

    Raises UsageError for another mode and for a buffer without frames.
    """

    spec: ExtractorSpec
    checkpoint: ClassVar[str]
    size: ClassVar[tuple[int, int]] = (224, 384)
    resampling: ClassVar[Method] = "opencv"
    """How frames are resized in the corrected mode, as in training."""

    def __init__(self, mode: str = "corrected", weights: str = "", buffer: int = BUFFER) -> None:
        name = self.spec.name
        self.published = checked_mode(name, mode) == "published"
        if buffer < 1:
            raise UsageError(f"{name}: parameter 'buffer' must be at least 1, not {buffer}")
        self._weights, self._buffer = weights, buffer
        wanted = self.spec.input
        assert wanted is not None
        method: Method = "opencv" if self.published else self.resampling
        self._prepare = Preprocessing(self.size, wanted.mean, wanted.std, method)
        self._frames: FrameResults[Tensor] = FrameResults(self._prepared)
        self.run: Call = _not_loaded

    def build(self, path: Path) -> nn.Module:
        """The network with the weights of a checkpoint."""
        raise NotImplementedError

    def inside(self) -> str:
        """The file of a folder of weights."""
        return self.checkpoint

    def finish(self, saliency: FloatMap) -> FloatMap:
        """The network's map, float32 ``[H, W]``, as the mode wants it: in 0..1, of any size."""
        raise NotImplementedError

    def length(self) -> int:
        """Frames of a clip."""
        return self.spec.window.length

    def saliency(self, clip: Any, windows: Windows, b: int) -> Tensor:
        """The network's map ``[1, H, W]`` of window b, of which the clip is what ``run`` takes."""
        return self.run(clip)

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        path = weights_path(self._weights, self.spec.assets[0], asset_path)
        self.device, self.dtype = device, dtype
        self.built: Any = self.build(file_in(path, self.inside())).eval().to(device)
        self.run = SlidingNetwork(self.built, dtype) if declares(self.built) else self.built
        self.built.to(dtype)

    def heard(self) -> Mapping[str, Tensor]:
        """Examples, ``[2, ...]``, of what the network takes beside the clip, by name: nothing where it only sees."""
        return {}

    def frame_size(self, size: tuple[int, int] | None) -> tuple[int, int]:
        """(height, width) of exported clips: what is wanted, or the usual. Raises UsageError where it cannot be."""
        return free_size(self.spec.name, size, self.size)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """The network, from a normalised clip and its sound to a map; one clip at a time where batch norms look at it.

        Raises UsageError for sizes that the network does not take.
        """
        free = not any(module.training for module in self.built.modules())
        examples = {"clip": noise(2, 3, self.length(), *self.frame_size(size)), **self.heard()}
        clips = tuple(example if free else example[:1] for example in examples.values())
        use = partial(setattr, self, "run")
        return Exportable(self.built, clips, tuple(examples), ("saliency",), free, use)

    def begin(self, video: VideoContext) -> None:
        self._frames.clear()
        if isinstance(self.run, SlidingNetwork):
            self.run.clear()

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """One map ``[h, w]`` per window."""
        found = [self._map(windows, b) for b in range(len(windows))]
        maps = np.stack([resized_map(one, windows.map_size) for one in found])
        pictures = coloured(found, windows.size) if self.published and self.spec.pictures else None
        return CueMaps(torch.from_numpy(maps).to(self.device), pictures=pictures)

    def offsets(self, frame: int) -> Sequence[int]:
        """The clip of a frame, as offsets from it, oldest first."""
        return (
            published_offsets(frame, self.length(), self._buffer) if self.published else causal_offsets(self.length())
        )

    def _map(self, windows: Windows, b: int) -> FloatMap:
        return self.finish(self.saliency(self._clip(windows, b), windows, b)[0].float().cpu().numpy())

    def _clip(self, windows: Windows, b: int) -> Clip:
        index = int(windows.index[b])
        offsets = self.offsets(index)
        frames = self._frames.clip(windows, b, offsets)
        if not isinstance(self.run, SlidingNetwork):
            return stacked(frames)
        return WindowFrames(index + offsets[0] if follow_each_other(offsets) else None, frames)

    def _prepared(self, picture: Picture) -> Tensor:
        """What is computed of a frame by itself, ``[3, H, W]``; of networks that know windows the stem."""
        frame = torch.from_numpy(self._prepare(picture)).to(self.device, self.dtype)
        return self.run.stem(frame[None, :, None]) if isinstance(self.run, SlidingNetwork) else frame


def _not_loaded(*clip: Tensor) -> Tensor:
    raise RuntimeError("load comes before extract")
