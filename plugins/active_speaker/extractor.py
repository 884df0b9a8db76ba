"""The active speaker: a blob on every face whose brightness is the probability that it speaks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.backbones.checkpoint import load_published
from gazenet.cues.exportable import Call, Exportable, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Record, VideoContext, Windows
from gazenet.cues.rendering import Canvas, brightest
from gazenet_plugins.active_speaker.features import COUNT, face_features
from gazenet_plugins.active_speaker.network import SpeakerNet
from gazenet_plugins.active_speaker.spec import SPEC
from gazenet_plugins.active_speaker.voice import VoiceTrack, voice_track

WEIGHTS = Path(__file__).with_name("speaker.safetensors")


class ActiveSpeaker:
    """Computes voice activity once per video and mouth motion per window, and combines both by a small network.

    Args:
        base: brightness in 0..1 of a face that does not speak.
        weights: file of another network; empty for the one in the package.
    """

    spec = SPEC

    def __init__(self, base: float = 0.15, weights: str = "") -> None:
        self._base = base
        self._weights = Path(weights) if weights else WEIGHTS

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network and locate the voice activity detector; it runs on the CPU."""
        self._device = device
        self._vad = asset_path("silero_vad")
        self._net = load_published(SpeakerNet(), self._weights)
        self._run: Call = self._net.eval()

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from features of faces ``[N, COUNT]`` to logits ``[N]``; ``size`` is ignored."""
        use = partial(setattr, self, "_run")
        return Exportable(self._net, (noise(2, COUNT),), ("features",), ("logit",), use=use)

    def begin(self, video: VideoContext) -> None:
        """Compute the voice activity of the sound; zero without sound."""
        self._voice: VoiceTrack = voice_track(video.waveform, self._vad)

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: ``voice`` and, per face, ``speaking`` in 0..1."""
        canvas = Canvas(windows.size, windows.map_size)
        maps, records = [], []
        for frames, times in zip(windows.faces, windows.times, strict=True):
            speaking = self.speaking(frames, times, windows.anchor)
            faces = frames[windows.anchor]
            blobs = (
                (self._base + (1 - self._base) * speaking.get(face.track, 0.0)) * canvas.face_blob(face)
                for face in faces
            )
            maps.append(brightest(blobs, canvas))
            records.append(self._record(speaking, float(self._voice.activity(times)[windows.anchor])))
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records)

    @torch.inference_mode()
    def speaking(self, frames: object, times: NDArray[np.float64], anchor: int) -> dict[int, float]:
        """Return the probability of speaking of the faces at the anchor, by track."""
        tracks, features = face_features(
            frames,  # type: ignore[arg-type]
            times,
            anchor,
            self._voice.activity(times),
            self._voice.level(times),
        )
        if not tracks:
            return {}
        scores = torch.sigmoid(self._run(torch.from_numpy(features).float()))
        return {track: float(score) for track, score in zip(tracks, scores, strict=True)}

    @staticmethod
    def _record(speaking: dict[int, float], voice: float) -> Record:
        faces = [{"track": track, "speaking": round(p, 4)} for track, p in speaking.items()]
        return {"voice": round(voice, 4), "faces": faces}
