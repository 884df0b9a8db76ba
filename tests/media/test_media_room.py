"""The room as a whole: its public names, its weight, its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gazenet.media
from tests.media.makers import video

PEAK = """
import resource, sys
from gazenet.media import VideoReader, read_audio
with VideoReader(sys.argv[1], 160) as reader:
    assert sum(1 for _ in reader) == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True, timeout=200, check=True)
    return done.stdout


def test_every_public_name_exists() -> None:
    assert all(getattr(gazenet.media, name) is not None for name in gazenet.media.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gazenet.media.nothing  # noqa: B018


def test_importing_the_room_is_light() -> None:
    heavy = "print(sorted({'av', 'cv2', 'torch', 'scipy', 'PIL', 'numpy'} & set(sys.modules)))"
    assert run(f"import sys, gazenet.media; {heavy}").strip() == "[]"


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peaks = []
    for frames in (200, 2_000):
        path = video(tmp_path / f"{frames}.mp4", frames, size=(240, 320), options={"preset": "ultrafast"})
        peaks.append(int(run(PEAK, str(path), str(frames))))
    assert peaks[1] < peaks[0] + 20_000  # kilobytes
