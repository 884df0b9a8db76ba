"""The common base of extractors whose network takes a clip and predicts the saliency map of its last frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gazenet.backbones.checkpoint import file_in
from gazenet.backbones.sliding_windows import SlidingNetwork, WindowFrames, is_slidable
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
"""The frames of a window: ``[1, 3, T, H, W]``, or their stems where the network declares what windows share."""


class ClipSaliency:
    """Predict a map for every frame from the clip that ends with it; a subclass supplies the network and ``finish``.

    Every frame is resized and normalised once. Every window is computed by itself, so no map depends on how a run is
    cut into batches. A network that declares what its windows share computes that once.

    Args:
        mode: ``"corrected"``: the clip holds the frame and the frames before it, as many as the network takes; before
            the start of the video the first frame is repeated. ``"published"``: clips and maps as in the released
            pipeline.
        weights: a checkpoint, or a folder that contains the file ``checkpoint``, instead of the declared asset.
        buffer: in published mode, the number of frames that the pipeline keeps. Its shipped configurations keep 16;
            longer clips are then filled up with copies of the newest frame.

    Raises:
        UsageError: for any other mode, and for a buffer of less than one frame.
    """

    spec: ExtractorSpec
    checkpoint: ClassVar[str]
    size: ClassVar[tuple[int, int]] = (224, 384)
    resampling: ClassVar[Method] = "opencv"
    """The interpolation that resizes frames in corrected mode: the one used in training."""

    def __init__(self, mode: str = "corrected", weights: str = "", buffer: int = BUFFER) -> None:
        name = self.spec.name
        self.published = checked_mode(name, mode) == "published"
        if buffer < 1:
            raise UsageError(f"{name}: parameter 'buffer' must be at least 1, not {buffer}")
        self._weights, self._buffer = weights, buffer
        pixels = self.spec.input
        assert pixels is not None
        method: Method = "opencv" if self.published else self.resampling
        self._prepare = Preprocessing(self.size, pixels.mean, pixels.std, method)
        self._frames: FrameResults[Tensor] = FrameResults(self._prepared)
        self.run: Call = _not_loaded

    def build(self, path: Path) -> nn.Module:
        """Build the network and load the weights of a checkpoint."""
        raise NotImplementedError

    def inside(self) -> str:
        """Return the name of the checkpoint inside a folder of weights."""
        return self.checkpoint

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Turn the network's output, float32 ``[H, W]``, into a map in 0..1 of any size, as the mode requires."""
        raise NotImplementedError

    def length(self) -> int:
        """Return the number of frames in a clip."""
        return self.spec.window.length

    def saliency(self, clip: Any, windows: Windows, b: int) -> Tensor:
        """Return the network's map ``[1, H, W]`` of window ``b``; ``clip`` is that window as ``run`` takes it."""
        return self.run(clip)

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Build the network on ``device`` in ``dtype``, from the user's weights or the declared asset."""
        path = weights_path(self._weights, self.spec.assets[0], asset_path)
        self.device, self.dtype = device, dtype
        self.built: Any = self.build(file_in(path, self.inside())).eval().to(device)
        self.run = SlidingNetwork(self.built, dtype) if is_slidable(self.built) else self.built
        self.built.to(dtype)

    def sound_examples(self) -> Mapping[str, Tensor]:
        """Return examples ``[2, ...]`` of the inputs beside the clip, by name; empty if there are none."""
        return {}

    def frame_size(self, size: tuple[int, int] | None) -> tuple[int, int]:
        """Return (height, width) of exported clips: ``size`` or the default.

        Raises UsageError for an impossible size.
        """
        return free_size(self.spec.name, size, self.size)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from a normalised clip and its sound to a map, for export.

        The batch is one clip where batch norms use its statistics. Raises UsageError for a size that the network
        cannot take.
        """
        free = not any(module.training for module in self.built.modules())
        examples = {"clip": noise(2, 3, self.length(), *self.frame_size(size)), **self.sound_examples()}
        clips = tuple(example if free else example[:1] for example in examples.values())
        use = partial(setattr, self, "run")
        return Exportable(self.built, clips, tuple(examples), ("saliency",), free, use)

    def begin(self, video: VideoContext) -> None:
        """Forget the frames of the video before."""
        self._frames.clear()
        if isinstance(self.run, SlidingNetwork):
            self.run.clear()

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window."""
        finished = [self._map(windows, b) for b in range(len(windows))]
        maps = np.stack([resized_map(one, windows.map_size) for one in finished])
        pictures = coloured(finished, windows.size) if self.published and self.spec.pictures else None
        return CueMaps(torch.from_numpy(maps).to(self.device), pictures=pictures)

    def offsets(self, frame: int) -> Sequence[int]:
        """Return the frames of the clip as offsets from ``frame``, oldest first."""
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
        """Normalise one frame to ``[3, H, W]``, or compute its stem where the network declares one."""
        frame = torch.from_numpy(self._prepare(picture)).to(self.device, self.dtype)
        return self.run.stem(frame[None, :, None]) if isinstance(self.run, SlidingNetwork) else frame


def _not_loaded(*clip: Tensor) -> Tensor:
    raise RuntimeError("load comes before extract")
