"""Cones of gaze beside interpolation of scattered points, the picture of the released pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gaze_cones import MAP_SIZE, MEAN_LIMIT, clouds, main, scattered, transformed


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("faces", "size"), [(1, (180, 320)), (3, (240, 400)), (1, (400, 240))])
def test_the_picture_is_that_of_interpolated_points(faces: int, size: tuple[int, int], seed: int) -> None:
    some = clouds(faces, size, seed)
    plain, ours = scattered(some, size), transformed(some, size)
    assert plain.shape == ours.shape == MAP_SIZE
    assert 255 * np.abs(plain - ours).mean() < MEAN_LIMIT
    assert np.corrcoef(plain.ravel(), ours.ravel())[0, 1] > 0.9


@pytest.mark.slow
def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--repetitions", "1"]) == 0
    assert "ratio cpu" in capsys.readouterr().out
