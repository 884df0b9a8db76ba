"""STANet as an extractor: the map of the current frame from three moments and their sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gazenet.cues.exportable import Call, Exportable, fixed_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_mode, weights_path
from gazenet.errors import UsageError
from gazenet_plugins.stanet import sound
from gazenet_plugins.stanet.checkpoints import load_saliency, load_switch
from gazenet_plugins.stanet.spec import SPEC
from gazenet_plugins.stanet.sta import STA28, OneMap
from gazenet_plugins.stanet.switch import decided


@dataclass(frozen=True)
class NetworkUse:
    """The order of a network's inputs, and the output that becomes the map.

    ``order``: of previous (0), current (1) and next (2) among its inputs; ``sounds`` likewise; ``shown``: position
    among its outputs; ``eps``: added to the maximum before a published map is scaled to 255.
    """

    order: tuple[int, int, int]
    sounds: tuple[int, int, int]
    shown: int
    eps: float


USES = {
    (32, "corrected"): NetworkUse((0, 1, 2), (0, 1, 2), 3, 1e-10),
    (32, "published"): NetworkUse((0, 1, 2), (2, 1, 2), 2, 1e-10),
    (28, "corrected"): NetworkUse((1, 0, 2), (1, 0, 2), 2, 1e-8),
    (28, "published"): NetworkUse((1, 0, 2), (1, 0, 2), 5, 1e-8),
}
"""By version of the network and mode. Published: with 32 channels the coarser map, the sound of the next second in
place of the previous one's; with 28 the map of the previous frame."""


class VisualAuditorySaliency:
    """Predicts one map per window from three moments and their sounds.

    Args:
        weights: a checkpoint of the saliency network (either version) or a folder with ``STANet.pth``; empty for the
            asset.
        switch: state dict of the audio switch, for the version with 28 channels; empty: every sound is used.
        mode: ``corrected`` or ``published``, see :data:`USES`.
        gap: seconds between neighbours, at most as far as the window reaches.

    Raises UsageError for an unknown mode and a gap that is not positive.
    """

    spec = SPEC

    def __init__(self, weights: str = "", switch: str = "", mode: str = "corrected", gap: float = 1.0) -> None:
        if not gap > 0:
            raise UsageError(f"stanet: gap must be positive, not {gap}")
        self._weights, self._switch_weights, self._gap = weights, switch, gap
        self._mode = checked_mode(SPEC.name, mode)

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network, and the switch if there is one, onto ``device`` in ``dtype``."""
        self._device, self._dtype = device, dtype
        self._network = load_saliency(weights_path(self._weights, SPEC.assets[0], asset_path)).to(device, dtype)
        self._use = USES[28 if isinstance(self._network, STA28) else 32, self._mode]
        self._run: Call = OneMap(self._network, self._use.shown)
        self._switch = None
        if self._switch_weights:
            if not (isinstance(self._network, STA28) and self._network.switched):
                raise UsageError(f"stanet: this network has no switch for {self._switch_weights}; leave it out")
            self._switch = load_switch(self._switch_weights).to(device, dtype)
        assert SPEC.input is not None
        mean, std = torch.tensor(SPEC.input.mean), torch.tensor(SPEC.input.std)
        self._mean, self._std = mean.to(device).view(3, 1, 1), std.to(device).view(3, 1, 1)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """The network, from three pictures, their sounds and, where it has them, switches to one map in 0..1.

        Raises UsageError for another size.
        """
        assert SPEC.input is not None
        height, width = fixed_size(SPEC.name, size, (SPEC.input.height, SPEC.input.width))
        switched = isinstance(self._network, STA28) and self._network.switched
        images = {f"image_{k}": noise(2, 3, height, width) for k in range(3)}
        audios = {f"audio_{k}": noise(2, 81, 199) for k in range(3)}
        switches = {f"switch_{k}": torch.ones(2, 1, 1, 1) for k in range(3 * switched)}
        inputs = {**images, **audios, **switches}
        one_map = OneMap(self._network, self._use.shown)
        use = partial(setattr, self, "_run")
        return Exportable(one_map, tuple(inputs.values()), tuple(inputs), ("saliency",), use=use)

    def begin(self, video: VideoContext) -> None:
        """Prepare the sound, one channel at 16 kHz; without a sound track silence."""
        self._sound = None if video.waveform is None else sound.mono(video.waveform)

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return maps ``[B, h, w]``, each divided by its maximum; records: whether the ``sound`` was used."""
        chosen = np.stack([self._moments(times, windows.anchor) for times in windows.times])
        images = [self._images(windows, chosen[:, k]) for k in self._use.order]
        audios = [self._spectrograms(windows.times, chosen[:, k]) for k in self._use.sounds]
        switches = self._switches(audios, images)
        maps = self._run(*images, *audios, *switches)
        counted = [bool(one) for one in switches[self._use.order.index(1)].flatten()] if switches else []
        sound_used = counted or [self._sound is not None] * len(windows)
        return CueMaps(self._scaled(maps.float(), windows.map_size), [{"sound": one} for one in sound_used])

    def _moments(self, times: NDArray[np.float64], anchor: int) -> list[int]:
        """Return positions in the window of the frames nearest to a gap before, the anchor, and a gap after."""
        before = int(np.abs(times[: anchor + 1] - (times[anchor] - self._gap)).argmin())
        after = anchor + int(np.abs(times[anchor:] - (times[anchor] + self._gap)).argmin())
        return [before, anchor, after]

    def _images(self, windows: Windows, chosen: NDArray[np.int64]) -> Tensor:
        """Return normalised RGB ``[B, 3, H, W]`` of one frame per window."""
        assert windows.frames is not None
        frames = windows.frames[torch.arange(len(windows)), torch.from_numpy(chosen)]
        return ((frames.float() / 255 - self._mean) / self._std).to(self._dtype)

    def _spectrograms(self, times: NDArray[np.float64], chosen: NDArray[np.int64]) -> Tensor:
        """Return ``[B, 81, 199]``: the second around each chosen frame."""
        starts = times[np.arange(len(times)), chosen] - 0.5
        pictures = np.stack([sound.spectrogram(sound.second_at(self._sound, float(start))) for start in starts])
        return torch.from_numpy(pictures).to(self._device, self._dtype)

    def _switches(self, audios: Sequence[Tensor], images: Sequence[Tensor]) -> list[Tensor]:
        """Three switches ``[B, 1, 1, 1]``, off where nothing is heard; none for a network without them."""
        if not (isinstance(self._network, STA28) and self._network.switched):
            return []
        if self._sound is None or self._switch is None:
            return [torch.full((len(image), 1, 1, 1), float(self._sound is not None)).to(image) for image in images]
        return [decided(self._switch(audio, image)) for audio, image in zip(audios, images, strict=True)]

    def _scaled(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        top = maps.amax((2, 3), keepdim=True)
        if self._mode == "published":
            maps = torch.round(maps / (top + self._use.eps) * 255) / 255
        else:
            maps = maps / top.clamp_min(1e-12)
        return F.interpolate(maps, size, mode="bilinear", align_corners=False, antialias=True)[:, 0].clamp(0, 1)
