"""A folder of pictures with a sound file is a video with sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from gazenet.errors import MediaError
from gazenet.media.audio import read_audio
from gazenet.media.encode import VideoWriter
from gazenet.media.frame_source import open_source
from gazenet.media.source_id import source_id

RATE = 16_000
TONE = np.round(0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 5) / RATE) * 32767).astype(np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five grey pictures."""
    place = tmp_path / "clip"
    place.mkdir()
    for k in range(5):
        Image.new("RGB", (32, 16), (40 * k,) * 3).save(place / f"{k + 1}.png")
    return place


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff"])
def test_the_sound_of_a_folder_is_exact(folder: Path, suffix: str) -> None:
    soundfile.write(folder / f"sound{suffix}", np.stack([TONE, -TONE], 1), RATE, subtype="PCM_16")
    info = open_source(folder).info
    sound = read_audio(folder)
    assert info.has_audio and (info.audio_rate, info.audio_channels) == (RATE, 2)
    assert sound is not None and sound.rate == RATE and sound.start == 0
    assert np.array_equal(sound.samples, np.stack([TONE, -TONE]).astype(np.float32) / 32768)
    mixed = read_audio(folder, 8_000, mono=True)
    assert mixed is not None and mixed.samples.shape == (1, len(TONE) // 2) and not mixed.samples.any()


def test_it_is_carried_over_and_belongs_to_the_content(folder: Path, tmp_path: Path) -> None:
    silent = source_id(folder)
    assert read_audio(folder) is None and not open_source(folder).info.has_audio
    soundfile.write(folder / "sound.wav", TONE, RATE)
    assert source_id(folder) != silent
    with VideoWriter(tmp_path / "out.mp4", 32, 16, 25, folder) as writer:
        for frame in open_source(folder):
            writer.write(frame.image, frame.time)
    assert read_audio(tmp_path / "out.mp4") is not None


def test_a_sound_beside_a_folder_called_frames(folder: Path) -> None:
    frames = folder.rename(folder.parent / "frames")
    soundfile.write(folder.parent / "sound.wav", TONE, RATE)
    assert read_audio(frames) is not None and open_source(frames).info.has_audio


def test_a_broken_sound_and_two_of_them_are_refused_by_name(folder: Path) -> None:
    (folder / "sound.wav").write_bytes(b"not a sound at all")
    with pytest.raises(MediaError, match=r"sound\.wav: Cannot read the sound: .+\. Delete the file"):
        open_source(folder)
    (folder / "more.wav").write_bytes(b"x")
    with pytest.raises(MediaError, match="clip: 2 sound files; keep one of them"):
        read_audio(folder)
