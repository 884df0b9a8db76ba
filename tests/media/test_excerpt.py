"""Sound of a clip: samples, window, place in the buffer, sound that begins elsewhere or ends early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazenet.media.frames import Waveform
from gazenet.media.soundnet_clip import audio_excerpt, buffer_length, excerpt_span, from_video_start
from gazenet.testing.goldens import find, judge

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "saliency"


@pytest.mark.parametrize("name", ["excerpt_vinet_start", "excerpt_stavis_middle"])
def test_golden(name: str) -> None:
    (golden,) = find([GOLDENS / f"{name}.json"])
    verdict = judge(golden, 1e-5)
    assert verdict.state == "pass", verdict.reason


def test_published_buffers() -> None:
    assert [buffer_length(frames) for frames in (16, 32)] == [35_280, 70_560]


def test_frames_are_centred_on_their_time() -> None:
    assert excerpt_span(1, 1, 1000, 10, 5000) == (0, 50)
    assert excerpt_span(3, 5, 1000, 10, 5000) == (150, 450)
    assert excerpt_span(3, 5, 1000, 10, 300) == (150, 300)


@pytest.mark.parametrize(("rate", "length"), [(1000, 301), (1010, 304)])
def test_the_excerpt_stands_in_the_middle_under_one_window(rate: int, length: int) -> None:
    excerpt = audio_excerpt(np.ones(5000, np.float32), rate, 10, 3, 5, 1000)
    begin = 500 - length // 2
    np.testing.assert_allclose(excerpt[begin : begin + length], np.hanning(length), atol=1e-6)
    assert not excerpt[:begin].any() and not excerpt[begin + length :].any()


def test_of_a_long_excerpt_the_middle_is_kept() -> None:
    excerpt = audio_excerpt(np.ones(5000, np.float32), 1000, 10, 3, 5, 100)
    np.testing.assert_allclose(excerpt, np.hanning(301)[100:200], atol=1e-6)


def test_after_its_end_the_sound_is_silence() -> None:
    assert not audio_excerpt(np.ones(50, np.float32), 1000, 10, 30, 40, 100).any()


@pytest.mark.parametrize(("start", "expected"), [(0.002, [0, 0, 1, 2, 3]), (-0.001, [2, 3]), (0.0, [1, 2, 3])])
def test_sound_is_laid_on_the_time_line_of_the_frames(start: float, expected: list[int]) -> None:
    sound = Waveform(np.float32([[1, 2, 3], [1, 2, 3]]), 1000, start)
    assert from_video_start(sound).tolist() == expected
