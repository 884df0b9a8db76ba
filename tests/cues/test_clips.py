"""Clips: the frames that published pipelines take, one preparation per frame, resizing as in training."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from gazenet.cues.extractor import Windows
from gazenet.cues.frame_clips import (
    FrameResults,
    Preprocessing,
    causal_offsets,
    published_offsets,
    published_positions,
    resized,
    stacked,
)


def test_the_released_code_takes_one_frame_less_and_repeats_the_first() -> None:
    assert published_positions(16, 16) == [1, 1, *range(2, 16)]
    assert published_positions(5, 8) == [0, 0, 0, 0, 1, 2, 3, 4]
    assert published_positions(16, 16, valid=9) == [0] * 7 + list(range(9))


@pytest.mark.parametrize(
    ("frame", "length", "buffer", "clip"),
    [
        (30, 4, 16, [-2, -2, -1, 0]),
        (1, 5, 16, [0, 0, 0, 0, 0]),
        (2, 5, 16, [-1, -1, 0, 0, 0]),
        (0, 4, 16, [0, 0, 0, 0]),
        (30, 6, 3, [-1, -1, 0, 0, 0, 0]),
    ],
)
def test_offsets_of_the_released_pipeline(frame: int, length: int, buffer: int, clip: list[int]) -> None:
    assert published_offsets(frame, length, buffer) == clip


def test_a_causal_clip_ends_with_its_frame() -> None:
    assert causal_offsets(4) == [-3, -2, -1, 0]
    assert causal_offsets(3, 5) == [-10, -5, 0]


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_each_method_is_that_of_its_library(picture: np.ndarray) -> None:
    size = (16, 24)
    expected = {
        "opencv": cv2.resize(picture, (24, 16), interpolation=cv2.INTER_LINEAR),
        "bilinear": np.asarray(Image.fromarray(picture).resize((24, 16), Image.Resampling.BILINEAR)),
        "lanczos": np.asarray(Image.fromarray(picture).resize((24, 16), Image.Resampling.LANCZOS)),
    }
    for method, wanted in expected.items():
        np.testing.assert_array_equal(resized(picture, size, method), wanted)
    assert len({values.tobytes() for values in expected.values()}) == 3


def test_a_prepared_picture_has_the_mean_and_deviation_taken_off(picture: np.ndarray) -> None:
    found = Preprocessing((40, 60), (0.5, 0.25, 0.0), (0.5, 0.5, 2.0))(picture)
    assert found.shape == (3, 40, 60) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], picture[..., 0] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(found[2], picture[..., 2] / 510, atol=1e-6)


def windows(anchors: list[int], before: int) -> Windows:
    """Windows whose pixels tell the frame's number."""
    index = np.asarray(anchors)
    frames = np.clip(index[:, None] + np.arange(-before, 1), 0, None)
    pixels = torch.from_numpy(frames.astype(np.uint8))[:, :, None, None, None].expand(-1, -1, 3, 2, 2)
    return Windows(index, np.zeros(frames.shape), (2, 2), (2, 2), before, pixels)


def test_a_frame_is_computed_once_for_all_clips() -> None:
    made: list[int] = []

    def number(picture: np.ndarray) -> int:
        made.append(int(picture[0, 0, 0]))
        return made[-1]

    per_frame = FrameResults(number)
    batch = windows([1, 2, 3], 4)
    clips = [per_frame.clip(batch, b, [-3, -2, -1, 0]) for b in range(3)]
    assert clips == [[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 3]]
    assert made == [0, 1, 2, 3]
    assert per_frame.clip(windows([50], 4), 0, [0]) == [50]
    assert per_frame.clip(windows([3], 4), 0, [0]) == [3] and made == [0, 1, 2, 3, 50, 3], "old frames are forgotten"
    per_frame.clear()
    per_frame.clip(windows([3], 4), 0, [0])
    assert made[-2:] == [3, 3]


def test_frames_become_a_clip_along_the_third_axis() -> None:
    frames = [torch.full((3, 2, 2), float(t)) for t in range(4)]
    assert stacked(frames).shape == (1, 3, 4, 2, 2) and stacked(frames)[0, 0, :, 0, 0].tolist() == [0, 1, 2, 3]
