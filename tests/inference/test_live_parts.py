"""What live runs are made of: the newest frame, percentiles, the controller, history, smoothing, targets, sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazenet.errors import MediaError
from gazenet.inference.live.frame_history import MARGIN, FrameHistory, LatestValue, SourceEnded, SourceStalled
from gazenet.inference.live.gaze_target import angles, find_target
from gazenet.inference.live.latency_histogram import LatencyHistogram
from gazenet.inference.live.live_loop import CausalSmoother
from gazenet.inference.live.rate_controller import MOST, RateController
from gazenet.media.live.sound_ring import SoundRing

SIZE = (36, 64)


def test_the_newest_replaces_what_nobody_took() -> None:
    latest: LatestValue[int] = LatestValue()
    for k in range(5):
        latest.put(k)
    assert latest.counted() == (5, 4, 1)
    assert latest.take(0.1) == 4 and latest.counted() == (5, 4, 0)
    with pytest.raises(SourceStalled):
        latest.take(0.01)
    latest.put(5)
    latest.end()
    assert latest.take(0.1) == 5
    with pytest.raises(SourceEnded):
        latest.take(0.1)
    latest.end(MediaError("gone"))
    with pytest.raises(MediaError, match="gone"):
        latest.take(0.1)


@given(st.lists(st.floats(1e-4, 50), min_size=1, max_size=200))
def test_percentiles_are_as_exact_as_the_bins(values: list[float]) -> None:
    latency = LatencyHistogram()
    for value in values:
        latency.add(value)
    for percent in (50, 90, 99):
        exact = sorted(values)[int(np.ceil(len(values) * percent / 100)) - 1]
        assert exact * 0.99 <= latency.percentile(percent) <= exact * 1.07
    assert latency.mean == pytest.approx(np.mean(values))


def test_the_controller_yields_fast_and_takes_back_slowly() -> None:
    controller = RateController(25)
    controller.observe(20)
    assert controller.factor == 1.25 and (controller.slower, controller.faster) == (1, 0)
    for _ in range(50):
        controller.observe(5)
    assert controller.factor == MOST and controller.slower == 10, "what is at its end takes no more steps"
    for _ in range(2):
        controller.observe(25)
    assert controller.factor == MOST
    controller.observe(25)
    assert controller.factor < MOST
    for _ in range(300):
        controller.observe(25)
    assert controller.factor == 1
    still = RateController(25, adaptive=False)
    still.observe(1)
    assert still.factor == 1


def test_the_history_is_bounded_and_answers_for_what_it_holds() -> None:
    history = FrameHistory(before=4, size=SIZE)
    face = {"box": [1.0, 2.0, 20.0, 30.0], "score": 0.9}
    for k in range(500):
        history.add(np.full((*SIZE, 3), k % 256, np.uint8), k / 25)
        if k % 7 == 0:
            history.detected(k, [face])
    assert len(history._frames) == 4 + 1 + MARGIN
    view = history.view(499, 4, faces=True, crops=16)
    assert [view.image(k)[0, 0, 0] for k in (495, 499)] == [495 % 256, 499 % 256]
    assert view.time(499) == pytest.approx(499 / 25)
    assert len(view.faces(499)) == 1 and view.faces(499)[0].crop.shape == (16, 16, 3)
    late = history.view(500 - 5 - MARGIN, 4, faces=True, crops=0)
    assert len(late.faces(late.anchor - 4)) == 1, "frames that are gone are stood in for by the oldest"


def test_smoothing_looks_back_only() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((30, 4, 6)).astype(np.float32) + 0.01
    smoother, again = CausalSmoother(0.5), CausalSmoother(0.5)
    found = [smoother.push(one / one.sum(), k / 25) for k, one in enumerate(maps)]
    cut = [again.push(one / one.sum(), k / 25) for k, one in enumerate(maps[:10])]
    assert np.array_equal(found[9], cut[9])
    assert all(one.sum() == pytest.approx(1, abs=1e-5) for one in found)
    assert np.std([one[0, 0] for one in found[10:]]) < np.std([one[0, 0] / one.sum() for one in maps[10:]]) / 2
    plain = CausalSmoother(0.0)
    assert plain.push(maps[0] / maps[0].sum(), 0.0) == pytest.approx(maps[0] / maps[0].sum(), rel=1e-4)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(10, 150))
def test_angles_are_those_of_a_pinhole_camera(x: float, y: float, view: float) -> None:
    yaw, pitch = angles(x, y, (90, 160), view)
    assert abs(yaw) <= view / 2 + 1e-6
    assert np.sign(round(yaw, 9)) == np.sign(round(x - 0.5, 12)) or abs(x - 0.5) < 1e-9
    focal = 80 / np.tan(np.radians(view) / 2)
    assert np.tan(np.radians(pitch)) * focal == pytest.approx((0.5 - y) * 90, abs=1e-6)


def test_a_target_is_the_peak() -> None:
    saliency = np.full((9, 16), 1e-6, np.float32)
    saliency[2, 12] = 1
    target = find_target(saliency, 7, 0.28, (90, 160), 60)
    assert (target.x, target.y) == (pytest.approx(12.5 / 16, abs=1e-3), pytest.approx(2.5 / 9, abs=1e-3))
    assert target.yaw_deg > 0 and target.pitch_deg > 0 and target.strength > 0.99


def test_the_ring_holds_the_last_seconds() -> None:
    ring = SoundRing(rate=1000, seconds=2)
    ramp = np.arange(5000, dtype=np.float32) / 5000
    for k in range(50):
        ring.push(ramp[100 * k : 100 * (k + 1)], 10 + 0.1 * (k + 1))
    heard = ring.recent(14.0, 14.5).samples[0]
    assert heard == pytest.approx(ramp[4000:4500])
    assert not ring.recent(11.0, 12.5).samples.any(), "gone"
    future = ring.recent(14.5, 16.0).samples[0]
    assert future[:500] == pytest.approx(ramp[4500:]) and not future[500:].any()
    assert ring.recent(14.0, 14.5, rate=500).samples.shape == (1, 250)
    ring.push(np.ones(100, np.float32), 16.1)
    gap = ring.recent(15.0, 16.1).samples[0]
    assert not gap[:990].any() and (gap[-100:] == 1).all()
