"""The sound of one video, in the forms that its extractors want."""

from __future__ import annotations

from pathlib import Path

from gazenet.cues.extractor_spec import AudioSpec, ExtractorSpec
from gazenet.inference.engine.timing import Timings
from gazenet.media.audio import read_audio
from gazenet.media.frames import Waveform


class SoundBuffer:
    """Decodes each wanted form once, when an extractor that is not finished yet asks for it.

    Args:
        path: the video; None where it has no sound track.
        timings: decoding counts as stage ``sound``.
        notes: receives plain lines about missing or damaged sound.
        expected: whether missing sound is worth a line; nobody expects it of a picture.
    """

    def __init__(self, path: Path | None, timings: Timings, notes: list[str], expected: bool = True) -> None:
        self._path, self._timings, self._notes, self._expected = path, timings, notes, expected
        self._known: dict[AudioSpec, Waveform | None] = {}

    def wanted_by(self, spec: ExtractorSpec) -> Waveform | None:
        """The waveform for an extractor; None where it does not listen or there is nothing to hear."""
        if spec.audio is None:
            return None
        if spec.audio not in self._known:
            self._known[spec.audio] = self._read(spec.audio)
        return self._known[spec.audio]

    def _read(self, form: AudioSpec) -> Waveform | None:
        remarks: list[str] = []
        sound = None
        if self._path is not None:
            with self._timings.stage("sound"):
                sound = read_audio(self._path, form.rate, form.mono, remarks)
        if sound is None and self._expected:
            remarks.append("no sound: cues that listen hear silence")
        self._notes += [remark for remark in remarks if remark not in self._notes]
        return sound
