"""Parts that published face cues share: crops, suppression, bytes and colours, memory of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.cues.colour_pictures import blended, jet, wrapped
from gazenet.cues.faces.face_crops import cut, enlarged, pixel_box, scaled
from gazenet.cues.faces.nms import nms
from gazenet.cues.window_cache import FrameCache
from gazenet.testing.goldens import find, judge


def test_golden_of_face_crops() -> None:
    (golden,) = find([Path(__file__).parents[1] / "data" / "goldens" / "cues" / "face_crops.json"])
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


def test_boxes_in_pixels_of_the_frame() -> None:
    frame = torch.zeros(3, 50, 100, dtype=torch.uint8)
    assert scaled((20.0, 10.0, 40.0, 30.0), (100, 200), frame) == (10.0, 5.0, 20.0, 15.0)
    assert pixel_box((-3.7, 2.9, 5.0, -1.0)) == (0, 2, 5, 0)
    assert enlarged((10, 10, 20, 30), 2, 1.5, 0.5) == (5, -5, 25, 25)


def test_crops_overshoot_right_and_bottom_only() -> None:
    frame = torch.arange(30, dtype=torch.uint8).view(1, 5, 6).expand(3, 5, 6)
    crop = cut(frame, (4, 3, 99, 99), 2)
    assert crop is not None and crop[..., 0].tolist() == [[22, 23], [28, 29]]
    assert cut(frame, (6, 0, 9, 3), 2) is None and cut(frame, (3, 3, 3, 4), 2) is None


BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30], [0, 0, 10, 10]], np.float32)


def test_overlapping_boxes_go_and_the_first_of_equals_stays() -> None:
    scores = np.array([0.9, 0.8, 0.95, 0.9])
    assert nms(BOXES, scores, 0.5) == [2, 0, 1]
    assert nms(BOXES, scores, 0.49) == [2, 0]
    assert nms(BOXES, scores, 0.5, over_min_area=True) == [2, 0]
    assert nms(BOXES[:0], scores[:0], 0.5) == []


def test_pixel_indices_make_boxes_longer() -> None:
    boxes, scores = np.array([[0, 0, 0, 0], [0, 0, 0, 1]], np.float32), np.array([0.5, 0.4])
    assert nms(boxes, scores, 0.5, inclusive=True) == [0, 1] and nms(boxes, scores, 0.4, inclusive=True) == [0]


def test_bytes_wrap_and_what_is_no_number_is_dark() -> None:
    assert wrapped(np.array([255.9, 256.0, 300.5, -1.0, np.nan])).tolist() == [255, 0, 44, 255, 0]


def test_jet_runs_from_dark_blue_to_dark_red() -> None:
    ends = jet(np.array([[0, 255]], np.uint8))
    assert ends.tolist() == [[[128, 0, 0], [0, 0, 128]]]
    assert blended(ends, np.zeros_like(ends), 0.5).max() == 64


def test_values_are_made_once_and_forgotten_in_order() -> None:
    made: list[str] = []
    memo: FrameCache[str] = FrameCache()

    def ask(frame: int, key: str) -> str:
        return memo.get(frame, key, lambda: made.append(f"{frame}{key}") or f"{frame}{key}")

    assert [ask(1, "a"), ask(1, "a"), ask(1, "b"), ask(2, "a")] == ["1a", "1a", "1b", "2a"]
    memo.forget_before(2)
    ask(1, "a")
    ask(2, "a")
    assert made == ["1a", "1b", "2a", "1a"]
    memo.clear()
    ask(2, "a")
    assert made[-1] == "2a"


def test_what_fails_is_not_remembered() -> None:
    memo: FrameCache[int] = FrameCache()
    with pytest.raises(ZeroDivisionError):
        memo.get(0, None, lambda: 1 // 0)
    assert memo.get(0, None, lambda: 7) == 7
