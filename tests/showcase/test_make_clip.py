"""The demo clip: made of what is installed, the same every time, with mouths and voices that agree."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "showcase" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clip() -> ModuleType:
    pytest.importorskip("skimage", reason="scikit-image carries the pictures")
    return load("make_clip")


def test_a_short_clip_has_picture_and_stereo_sound(clip: ModuleType, tmp_path: Path) -> None:
    from gazenet.media.audio import read_audio
    from gazenet.media.decode import VideoReader

    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    clip.make_clip(one, 0.8)
    clip.make_clip(two, 0.8)
    assert one.read_bytes() == two.read_bytes()
    with VideoReader(one) as reader:
        frames = [frame.image for frame in reader]
        assert (reader.info.width, reader.info.height, reader.info.rate) == (1280, 720, 25)
    assert len(frames) == 20
    sound = read_audio(one)
    assert sound is not None and sound.samples.shape[0] == 2
    assert sound.duration == pytest.approx(0.8, abs=0.1)
    late = sound.samples[:, -sound.rate // 10 :]
    assert np.abs(late[0]).mean() > 1.5 * np.abs(late[1]).mean()  # the left one speaks first


def test_mouths_move_only_while_their_voice_sounds(clip: ModuleType) -> None:
    for person in clip.CAST:
        speech = clip.speak(person.voice, list(person.turns), clip.SECONDS)
        time = np.arange(speech.mouth.size) / clip.CONTROL
        inside = np.zeros(time.size, bool)
        for start, end in person.turns:
            inside |= (time > start - 0.1) & (time < end + 0.1)
        assert speech.mouth[~inside].max() < 0.02 and speech.mouth[inside].max() > 0.5
        level = np.abs(speech.samples).reshape(time.size, -1).mean(axis=1)
        assert level[~inside].max() < 0.002 and level[inside].mean() > 0.02
        assert np.abs(speech.samples).max() <= 1


def test_turns_do_not_overlap(clip: ModuleType) -> None:
    turns = sorted(turn for person in clip.CAST for turn in person.turns)
    assert len(turns) == 4
    assert all(before[1] < after[0] for before, after in itertools.pairwise(turns))


def test_an_open_mouth_changes_the_lower_face_only(clip: ModuleType) -> None:
    person = clip.CAST[1]
    picture = clip.find_picture(person.picture)
    closed, wide = (clip.draw_person(person, picture, 1.0, opening).astype(int) for opening in (0.0, 1.0))
    rows = np.flatnonzero(np.abs(closed - wide).max(axis=(1, 2)) > 20)
    left, _, right, _ = person.tile
    scale = (right - left) / person.crop[2]
    seam, chin = ((y - person.crop[1]) * scale for y in (person.seam[1], person.chin))
    assert seam - 25 < rows.min() and rows.max() < chin + 60


def test_closed_lips_leave_the_picture_as_it_is(clip: ModuleType) -> None:
    person = clip.CAST[0]
    flat = np.full((512, 512, 3), 200, np.uint8)
    assert np.ptp(clip.draw_person(person, flat, 0.5, 0.0)) == 0


def test_a_missing_package_is_named(clip: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no_such_package"):
        clip.find_picture(("no_such_package", "x.png"))
