"""UNISAL as an extractor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from gazenet.backbones.checkpoint import file_in, load_published
from gazenet.backbones.fold_batch_norm import inference_copy
from gazenet.cues.colour_pictures import coloured
from gazenet.cues.exportable import Call, Exportable, FunctionModule, free_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_choice, checked_mode, weights_path
from gazenet.cues.frame_clips import FrameResults, Method, Picture, Preprocessing, causal_offsets, published_offsets
from gazenet.cues.postprocess import FloatMap, relative, resized_map
from gazenet.errors import UsageError
from gazenet_plugins.unisal.domains import DOMAINS, STILL
from gazenet_plugins.unisal.network import EncodedFrames, Unisal
from gazenet_plugins.unisal.postprocess import running_median
from gazenet_plugins.unisal.reading import ClipReading, FrameReading, ReadingSizes
from gazenet_plugins.unisal.spec import SPEC

CHECKPOINT = "model.pth"
CLIP = 12
"""Frames of a sequence, in training and in the published pipeline."""

SAMPLED_RATE = 6.0
"""Frames per second in training: every fifth of the 30 of DHF1K."""

LARGEST_STEP = SPEC.window.before // (CLIP - 1)


PUBLISHED_SIZES = ReadingSizes((288, 384), (480, 640))
SIZES = {
    "DHF1K": ReadingSizes((224, 384), (360, 640)),
    "Hollywood": ReadingSizes((224, 416), (224, 416)),
    "UCFSports": ReadingSizes((256, 384), (256, 384)),
    "SALICON": ReadingSizes((288, 384), (480, 640)),
}


class UnisalSaliency:
    """Predicts the probability of a fixation at each position, relative to the largest.

    The recurrent state begins at zero in every clip, so that a map depends on its window only; frames are encoded
    once for all clips that share them.

    Args:
        mode: ``"corrected"``: pictures of the size of the domain, every ``step``-th frame, the last map.
            ``"published"``: as in the released pipeline: the size of still pictures, successive frames with one
            repeated, the median over the clip.
        weights: a checkpoint, or a folder with ``model.pth``, instead of the declared asset.
        domain: one of :data:`DOMAINS`; that of still pictures takes every frame by itself, in corrected mode.
        step: distance of the frames of a clip in corrected mode, at most 5; 0: about 1/6 s, as in training.

    Raises UsageError for another mode, domain or step.
    """

    spec = SPEC

    def __init__(self, mode: str = "corrected", weights: str = "", domain: str = DOMAINS[0], step: int = 0) -> None:
        self._published = checked_mode(SPEC.name, mode) == "published"
        checked_choice(SPEC.name, "domain", domain, DOMAINS)
        if not 0 <= step <= LARGEST_STEP:
            raise UsageError(f"unisal: parameter 'step' must be in 0..{LARGEST_STEP}, not {step}")
        self._weights, self._domain, self._fixed_step, self._step = weights, domain, step, max(step, 1)
        self._sizes = PUBLISHED_SIZES if self._published else SIZES[domain]
        self._still = domain == STILL and not self._published
        pixels = SPEC.input
        assert pixels is not None
        method: Method = "opencv" if self._published else "lanczos"
        self._prepare = Preprocessing(self._sizes.picture, pixels.mean, pixels.std, method)
        self._frames: FrameResults[EncodedFrames] = FrameResults(self._encoded)

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network of the domain onto ``device`` in ``dtype``."""
        path = file_in(weights_path(self._weights, SPEC.assets[0], asset_path), CHECKPOINT)
        network = load_published(Unisal(), path)
        network.use(self._domain)
        self._device, self._dtype = device, dtype
        self._network = network.eval().to(device)
        quick = inference_copy(network).to(dtype)
        self._network.to(dtype)
        self._encode: Call = FunctionModule(quick, Unisal.encode)
        self._remember: Call = quick.rnn
        self._read: Call = FrameReading(quick, self._sizes)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from normalised clips ``[N, 12, 3, H, W]`` to log-probabilities of their last frames.

        With a ``size`` the maps have that size too. Parts: ``encode`` single frames, a ``step`` of the GRU, ``read``
        the map. Raises UsageError for sizes that are not multiples of 32.
        """
        network, picture = self._network, free_size(SPEC.name, size, self._sizes.picture)
        reading = FrameReading(network, self._sizes if size is None else ReadingSizes(picture, picture))
        frames = noise(2, 3, *picture)
        with torch.inference_mode():
            encoded = network.encode(frames.to(self._device))
        examples = tuple(one.cpu().clone() for one in encoded)
        names, state = EncodedFrames._fields, () if self._still else (torch.zeros_like(examples[0]),)
        read = Exportable(
            reading, (*examples, *state), (*names, *["state"] * len(state)), ("log_density",), use=self._use("_read")
        )
        parts = {
            "encode": Exportable(
                FunctionModule(network, Unisal.encode), (frames,), ("frame",), names, use=self._use("_encode")
            ),
            "step": Exportable(
                network.rnn, (examples[0],) * 2, ("features", "state"), ("next_state",), use=self._use("_remember")
            ),
            "read": read,
        }
        length = 1 if self._still else CLIP
        clips = noise(2, length, 3, *picture)
        return Exportable(ClipReading(reading), (clips,), ("clip",), ("log_density",), parts=parts)

    def _use(self, name: str) -> Callable[[Call], None]:
        return partial(setattr, self, name)

    def begin(self, video: VideoContext) -> None:
        """Forget the frames of the video before and choose the distance of frames."""
        self._frames.clear()
        self._step = self._fixed_step or min(max(round(video.rate / SAMPLED_RATE), 1), LARGEST_STEP)

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window."""
        relative_maps = [self._map(windows, b) for b in range(len(windows))]
        maps = np.stack([resized_map(one, windows.map_size) for one in relative_maps])
        pictures = coloured(relative_maps, windows.size) if self._published else None
        return CueMaps(torch.from_numpy(maps).to(self._device), pictures=pictures)

    def _map(self, windows: Windows, b: int) -> FloatMap:
        encoded = self._frames.clip(windows, b, self._offsets(int(windows.index[b])))
        log_density = self._smoothed(encoded) if self._published else self._last(encoded)
        return relative(log_density.exp().cpu().numpy())

    def _offsets(self, frame: int) -> Sequence[int]:
        if self._still:
            return [0]
        return published_offsets(frame, CLIP) if self._published else causal_offsets(CLIP, self._step)

    def _smoothed(self, encoded: Sequence[EncodedFrames]) -> Tensor:
        """Return the median over the clip, around its last frame: log-probabilities ``[h, w]``."""
        state, maps = torch.zeros_like(encoded[0].features), []
        for one in encoded:
            state = self._remember(one.features, state)
            maps.append(self._read(*one, state)[0, 0])
        return running_median(torch.stack(maps).float(), len(maps) - 1)

    def _last(self, encoded: Sequence[EncodedFrames]) -> Tensor:
        """Return the map of the last frame, the only one that is decoded: log-probabilities ``[h, w]``."""
        if self._still:
            log_density: Tensor = self._read(*encoded[-1])
        else:
            state = torch.zeros_like(encoded[0].features)
            for one in encoded:
                state = self._remember(one.features, state)
            log_density = self._read(*encoded[-1], state)
        return log_density[0, 0].float()

    def _encoded(self, picture: Picture) -> EncodedFrames:
        pixels = torch.from_numpy(self._prepare(picture)).to(self._device, self._dtype)
        return EncodedFrames(*self._encode(pixels[None]))
