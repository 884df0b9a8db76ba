"""The sound of one video, in the forms that its extractors ask for."""

from __future__ import annotations

from pathlib import Path

from gazenet.cues.extractor_spec import AudioSpec, ExtractorSpec
from gazenet.inference.engine.timing import Timings
from gazenet.media.audio import read_audio
from gazenet.media.frames import Waveform


class SoundBuffer:
    """Decodes each form once, when an unfinished extractor first asks for it.

    Args:
        path: the video; None where it has no sound track.
        timings: decoding counts as stage ``sound``.
        notes: receives plain lines about missing or damaged sound.
        expected: whether missing sound is worth a line; it is not for a picture.
    """

    def __init__(self, path: Path | None, timings: Timings, notes: list[str], expected: bool = True) -> None:
        self._path, self._timings, self._notes, self._expected = path, timings, notes, expected
        self._decoded: dict[AudioSpec, Waveform | None] = {}

    def wanted_by(self, spec: ExtractorSpec) -> Waveform | None:
        """The waveform for an extractor; None where it takes no sound or there is none."""
        if spec.audio is None:
            return None
        if spec.audio not in self._decoded:
            self._decoded[spec.audio] = self._read(spec.audio)
        return self._decoded[spec.audio]

    def _read(self, form: AudioSpec) -> Waveform | None:
        notes: list[str] = []
        sound = None
        if self._path is not None:
            with self._timings.stage("sound"):
                sound = read_audio(self._path, form.rate, form.mono, notes)
        if sound is None and self._expected:
            notes.append("no sound: cues that listen hear silence")
        self._notes += [note for note in notes if note not in self._notes]
        return sound
