"""DAVE as an extractor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_published
from gazenet.backbones.dave import CLIP, SOUND
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.exportable import noise
from gazenet.cues.extractor import VideoContext, Windows
from gazenet.cues.frame_clips import causal_offsets, published_offsets
from gazenet.cues.logmel_examples import AlignedExamples, PublishedExamples, is_sound
from gazenet.cues.postprocess import FloatMap, stretched, truncated
from gazenet_plugins.dave.network import DaveNet
from gazenet_plugins.dave.spec import SPEC


class DaveSaliency(ClipSaliency):
    """Predicts the map of each frame from 16 frames and their sound, if any, rescaled to 0..1.

    In published mode the sound lies a second ahead, and at the start of a video missing sound shortens the clip.

    Args:
        mode: see :class:`gazenet.cues.clip_saliency.ClipSaliency`.
        weights: likewise.
        ahead: in corrected mode, the seconds of sound after a frame that belong to it.
    """

    spec = SPEC
    checkpoint = "model.pth.tar"
    size = (256, 320)

    def __init__(self, mode: str = "corrected", weights: str = "", ahead: float = 0.0) -> None:
        super().__init__(mode, weights)
        self._ahead = ahead

    def build(self, path: Path) -> nn.Module:
        """Build the network with the weights of a checkpoint."""
        return load_published(DaveNet(), path)

    def sound_examples(self) -> Mapping[str, Tensor]:
        """Return an example of the sound."""
        return {"sound": noise(2, *SOUND)}

    def begin(self, video: VideoContext) -> None:
        """Prepare the log-mel examples of the video."""
        super().begin(video)
        self._aligned: AlignedExamples | None = None
        self._collected: PublishedExamples | None = None
        if video.waveform is None or not is_sound(video.waveform):
            return
        if self.published:
            self._collected = PublishedExamples(video.waveform, video.rate)
        else:
            self._aligned = AlignedExamples(video.waveform, self._ahead)

    def offsets(self, frame: int) -> Sequence[int]:
        """Return the frames of the clip as offsets from ``frame``, oldest first."""
        if not self.published:
            return causal_offsets(CLIP)
        valid = CLIP if self._collected is None else self._collected.valid(frame)
        return published_offsets(frame, CLIP, valid=valid)

    def saliency(self, clip: Tensor, windows: Windows, b: int) -> Tensor:
        """Return the map of window ``b`` from its clip and sound."""
        sound = self._sound(windows, b)
        saliency: Tensor = self.run(clip, None if sound is None else sound.to(self.device, self.dtype))
        return saliency[:, 0]

    def _sound(self, windows: Windows, b: int) -> Tensor | None:
        if self._collected is not None:
            return self._collected.at(int(windows.index[b]))
        return None if self._aligned is None else self._aligned.at(windows.times[b])

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Rescale a map to 0..1; in published mode in steps of a byte."""
        return truncated(stretched(saliency)) if self.published else stretched(saliency)
