"""The overlay: what glows, what stays readable, what may be handed in."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from gazenet.cues.extractor import Face
from gazenet.report.overlay_drawing import OverlayStyle, draw_overlay, in_view, normalised
from gazenet.report.palette import person_colour, rgb

BARE = OverlayStyle(marker=False, boxes=False)


def grey(height: int = 180, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), 120, np.uint8)


def spot(row: int, column: int, shape: tuple[int, int] = (36, 64)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18).astype(np.float32)


def test_the_peak_glows_and_the_rest_is_only_dimmed() -> None:
    frame = grey()
    before = frame.copy()
    drawn = draw_overlay(frame, spot(18, 48), style=BARE)
    assert drawn.shape == frame.shape and drawn.dtype == np.uint8
    assert np.array_equal(frame, before)
    peak, far = drawn[92, 242].astype(int), drawn[90, 20].astype(int)
    assert peak[0] > 180 and peak[0] - peak[2] > 60  # bright and warm
    assert np.ptp(far) <= 1 and abs(far[0] - 0.66 * 120) < 3  # still grey, somewhat darker


def test_the_scale_of_a_map_does_not_matter() -> None:
    one = spot(10, 10)
    assert np.array_equal(draw_overlay(grey(), one), draw_overlay(grey(), 1e-6 * one.astype(np.float64)))


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf, -1.0])
def test_a_map_without_a_peak_draws_nothing(fill: float) -> None:
    drawn = draw_overlay(grey(), np.full((9, 16), fill, np.float32))
    assert drawn.std() == 0


def test_values_that_are_not_finite_count_as_zero() -> None:
    broken = spot(10, 10)
    broken[20, 20] = np.nan
    assert normalised(broken)[20, 20] == 0 and normalised(broken).max() == 255


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (2160, 3840), (719, 405)])
def test_any_size_of_frame_and_map(shape: tuple[int, int]) -> None:
    face = Face(3, (1.0, 1.0, 9.0, 9.0), 0.9)
    assert draw_overlay(grey(*shape), np.ones((1, 1)), [face], {3: 0.5}).shape == (*shape, 3)


def test_boxes_carry_the_colour_of_their_track_and_the_share() -> None:
    face = Face(1, (100.0, 60.0, 160.0, 130.0), 0.9)
    drawn = draw_overlay(grey(), np.zeros((9, 16)), [face])
    # Smooth lines cover their pixels in part.
    assert np.abs(drawn[95, 100].astype(int) - rgb(person_colour(1))).max() < 40
    told = draw_overlay(grey(), np.zeros((9, 16)), [face], {1: 0.37})
    assert not np.array_equal(drawn, told)


@pytest.mark.parametrize("box", [(-50.0, -50.0, -10.0, -10.0), (900.0, 10.0, 950.0, 60.0), (10.0, 10.0, 10.0, 10.0)])
def test_boxes_outside_the_frame_are_left_out(box: tuple[float, float, float, float]) -> None:
    plain = draw_overlay(grey(), spot(5, 5))
    assert np.array_equal(draw_overlay(grey(), spot(5, 5), [Face(0, box, 0.9)], {0: 1.0}), plain)


def test_in_view_scales_boxes() -> None:
    (face,) = in_view([Face(2, (100.0, 50.0, 200.0, 150.0), 0.9)], (1000, 2000), (500, 500))
    assert face.box == (25.0, 25.0, 50.0, 75.0) and face.track == 2


def test_a_frame_of_720p_takes_milliseconds() -> None:
    frame, one = grey(720, 1280), spot(18, 40, (54, 96))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        times = []
        for _ in range(30):
            begin = time.thread_time()
            draw_overlay(frame, one)
            times.append(time.thread_time() - begin)
    finally:
        cv2.setNumThreads(threads)
    # 2 to 3 ms where it was written; the bound leaves room for a slow or busy machine.
    assert min(times) < 0.015
