"""The sound of a folder of pictures: one WAV, FLAC or AIFF file in it, read through libsndfile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gazenet.errors import MediaError
from gazenet.media.frames import Waveform
from gazenet.media.media_files import checked_file, display_name, sound_in
from gazenet.media.resample import Resampler

BLOCK = 65_536
"""Samples read at once."""


def sound_form(path: Path) -> tuple[int, int]:
    """Return sampling rate in Hz and number of channels of a sound file. Raises MediaError."""
    with _opened(path) as file:
        return file.samplerate, file.channels


def read_sound_of(folder: Path, rate: int | None = None, mono: bool = False) -> Waveform | None:
    """Read the sound of a folder of pictures; it begins with the first picture. None where there is none.

    Args:
        folder: a folder with pictures and at most one sound file.
        rate: samples per second of the result; that of the file by default.
        mono: whether to return the mean of all channels.

    Raises:
        MediaError: several sound files, or one that cannot be read.
    """
    path = sound_in(folder)
    if path is None:
        return None
    with _opened(path) as file:
        resampler = Resampler(file.samplerate, rate) if rate not in (None, file.samplerate) else None
        blocks = []
        for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
            samples = np.clip(np.nan_to_num(block.T), -1, 1)
            samples = samples.mean(axis=0, keepdims=True) if mono else samples
            blocks.append(samples if resampler is None else resampler.push(samples))
        if not blocks:
            return None
        blocks += [] if resampler is None else [resampler.flush()]
        return Waveform(np.concatenate(blocks, axis=1, dtype=np.float32), rate or file.samplerate)


def _opened(path: Path) -> Any:
    import soundfile

    try:
        return soundfile.SoundFile(checked_file(path))
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        raise MediaError(
            f"{display_name(path)}: Cannot read the sound: {reason}. Delete the file to go on without it."
        ) from None
