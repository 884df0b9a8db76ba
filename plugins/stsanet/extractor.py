"""STSANet as an extractor: the saliency of every frame from the 32 frames around it."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.backbones.sliding_windows import SlidingNetwork, WindowFrames, is_slidable
from gazenet.cues.exportable import Call, Exportable, fixed_size, free_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Record, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_mode, weights_path
from gazenet.cues.window_cache import FrameCache
from gazenet_plugins.stsanet.checkpoint import load_stsanet
from gazenet_plugins.stsanet.network import CLIP, DECISIVE, TARGET
from gazenet_plugins.stsanet.spec import SPEC

POSITION = {"corrected": TARGET, "published": CLIP - 1}
"""Position in the clip of the frame that gets the map: the one trained for, or the newest, as files were named."""


class STSANetSaliency:
    """Predicts one map per frame; beyond the ends of the video the first or last frame is repeated.

    Args:
        weights: a checkpoint or a folder with ``STSANet_DHF1K.pth``; empty for the catalogue's. Frames are resized to
            the size that the checkpoint was trained for.
        mode: ``corrected`` assigns the map of a clip to the frame it was trained for (position 15 of 32), divided by
            its maximum; ``published`` to the newest frame of the clip (position 31), rescaled to 0..1.

    Raises UsageError for another mode.
    """

    spec = SPEC

    def __init__(self, weights: str = "", mode: str = "corrected") -> None:
        self._weights, self._mode = weights, checked_mode(SPEC.name, mode)

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network onto ``device`` in ``dtype``."""
        self._network = load_stsanet(weights_path(self._weights, SPEC.assets[0], asset_path)).to(device)
        self._run: Call = SlidingNetwork(self._network, dtype) if is_slidable(self._network) else self._network
        self._network.to(dtype)
        self._stems: FrameCache[Tensor] = FrameCache()
        assert SPEC.input is not None
        mean, std = torch.tensor(SPEC.input.mean), torch.tensor(SPEC.input.std)
        self._mean, self._std = mean.to(device).view(3, 1, 1), std.to(device).view(3, 1, 1)
        self._dtype = dtype

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from normalised clips ``[N, 3, 32, H, W]`` to maps ``[N, H, W]``.

        Raises UsageError for another size than that of the weights.
        """
        own = free_size(SPEC.name, size, self._network.size)
        own = fixed_size(SPEC.name, own, self._network.size, f"its LayerNorms ({self._network.norms()}) are")
        clips = noise(2, 3, CLIP, *own)
        use = partial(setattr, self, "_run")
        return Exportable(self._network, (clips,), ("clip",), ("saliency",), use=use, single=DECISIVE)

    def begin(self, video: VideoContext) -> None:
        """Forget the frames of the video before."""
        self._stems.clear()
        if isinstance(self._run, SlidingNetwork):
            self._run.clear()

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: ``repeated``, the number of repeated frames in its clip."""
        first = windows.anchor - POSITION[self._mode]
        saliency = self._saliency(windows, first)[:, None].float()
        maps = F.interpolate(saliency, windows.map_size, mode="bilinear", align_corners=False, antialias=True)[:, 0]
        stretched = _stretched(maps) if self._mode == "published" else _relative(maps)
        return CueMaps(stretched, _records(windows.times[:, first : first + CLIP]))

    def _saliency(self, windows: Windows, first: int) -> Tensor:
        """Return the maps ``[B, H, W]`` of the frames of the windows from position ``first`` on."""
        assert windows.frames is not None
        clips = windows.frames[:, first : first + CLIP]
        run = self._run
        if not isinstance(run, SlidingNetwork):
            normal = self._normalised(clips.flatten(0, 1))
            saliency: Tensor = run(normal.unflatten(0, (len(windows), CLIP)).transpose(1, 2))
            return saliency
        starts = (int(index) - windows.anchor + first for index in windows.index)
        return torch.cat([run(self._window(run, start, clip)) for start, clip in zip(starts, clips, strict=True)])

    def _window(self, run: SlidingNetwork, start: int, clip: Tensor) -> WindowFrames:
        """Return the stems of frames ``[32, 3, h, w]``, of which the first is frame ``start`` of the video."""
        self._stems.forget_before(start)
        stems = [
            self._stems.get(start + k, (), lambda k=k: run.stem(self._normalised(clip[k : k + 1])[:, :, None]))  # type: ignore[misc]
            for k in range(CLIP)
        ]
        return WindowFrames(start, stems)

    def _normalised(self, frames: Tensor) -> Tensor:
        """Convert frames uint8 ``[N, 3, h, w]`` to the size and normalisation of the training."""
        frames = frames.float() / 255
        if tuple(frames.shape[2:]) != self._network.size:
            frames = F.interpolate(frames, self._network.size, mode="bilinear", align_corners=False, antialias=True)
        return ((frames - self._mean) / self._std).to(self._dtype)


def _relative(maps: Tensor) -> Tensor:
    """Divide each map by its maximum: the training loss does not depend on the scale."""
    return maps / maps.amax((1, 2), keepdim=True).clamp_min(1e-12)


def _stretched(maps: Tensor) -> Tensor:
    """Rescale each map from its minimum to its maximum, with the published guard against division by zero."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low + 1e-5)


def _records(times: np.ndarray) -> list[Record]:
    """Count repeated frames from ``times`` ``[B, 32]`` in seconds: a repeated frame has the time of its neighbour."""
    return [{"repeated": int((np.diff(row) == 0).sum())} for row in times]
