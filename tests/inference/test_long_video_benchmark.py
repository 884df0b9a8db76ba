"""The benchmark of long videos: what it makes, what it reads of a run, and its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import long_video
from benchmarks.long_video import PROGRESS, Sample, make_video, memory_at, verdict, watched
from gazenet.media import VideoReader, read_audio


def test_the_video_has_people_cuts_and_sound(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", minutes=0.1)
    with VideoReader(path) as reader:
        frames = list(reader)
    assert len(frames) == 60 and frames[0].image.shape == (90, 160, 3)
    assert frames[0].image[30:60, 20:60].std() > 30 > frames[0].image[30:60, 100:140].std()
    sound = read_audio(path, mono=True)
    assert sound is not None and sound.duration == pytest.approx(6, abs=0.2)
    assert sound.samples.std() > 0.05


def test_memory_is_read_at_every_line_of_progress(tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", minutes=0.06)
    sets = ['extractors=[{"name": "gaze_direction"}]', "integrator=null", "faces.mesh=false"]
    samples = watched(video, tmp_path / "out", sets)
    assert samples and all(50 < one.resident_mb < 20_000 for one in samples)
    assert 0 < samples[-1].frames <= 36 and samples[-1].minute <= 0.06


def test_lines_of_progress_are_told_from_others() -> None:
    line = PROGRESS.search("long.mp4: 32 of about 600 frames, 9.1 frames/s")
    assert line and line[1] == "32"
    assert PROGRESS.search("/tmp/long.mp4: 600 frames in 61.0 s, 9.8 frames/s; networks 3 s") is None


def test_growth_is_seen() -> None:
    flat = [Sample(600 * k, 700.0 + k % 3, 60.0 * k) for k in range(121)]
    ratio, line = verdict(flat, 10, 120)
    assert ratio == pytest.approx(1, abs=0.01) and "ratio 1.00" in line
    grown = [Sample(600 * k, 700.0 + 2 * k, 60.0 * k) for k in range(121)]
    assert verdict(grown, 10, 120)[0] > long_video.ALLOWED
    assert memory_at(grown, 50, 1) == 800
    with pytest.raises(SystemExit, match="nothing was measured"):
        memory_at(flat, 500, 1)
