"""Benchmarks measure both sides in turns, compare their results, and run with any size."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import metrics, side_by_side, streaming, training_data
from benchmarks.side_by_side import Row, Timing, compare, show


def test_both_sides_run_in_turns_after_one_run_that_is_not_counted() -> None:
    order: list[str] = []
    plain, ours = compare(lambda: order.append("plain"), lambda: order.append("ours"), repetitions=3)
    assert order == 4 * ["plain", "ours"]
    assert plain.wall >= 0 and ours.cpu >= 0
    with pytest.raises(ValueError, match="at least 1"):
        compare(lambda: None, lambda: None, 0)


def test_medians_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    timings = iter([Timing(9, 9), Timing(1, 1), Timing(4, 2), Timing(2, 1), Timing(6, 3), Timing(3, 0.5)])
    monkeypatch.setattr(side_by_side, "_once", lambda work: next(timings))
    plain, ours = compare(lambda: None, lambda: None, repetitions=3)
    assert (plain, ours) == (Timing(6, 3), Timing(2, 1))
    row = Row("thing", plain, ours, 2, "0")
    assert row.ratios == (3, 3)
    lines = show([row], "map").splitlines()
    assert lines[1].split() == ["thing", "1500.00", "500.00", "3.0", "3.0", "0"]


def test_metrics_agree_with_their_loops(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--maps", "2", "--size", "24", "--fixations", "9", "--others", "30", "--repetitions", "1"]
    assert metrics.main(argv) == 0
    assert capsys.readouterr().out.count("AUC-Judd") == 2


def test_metrics_that_disagree_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "loop_sim", lambda p, g: 0.5)
    argv = ["--maps", "1", "--size", "24", "--fixations", "9", "--others", "30", "--repetitions", "1"]
    assert metrics.main(argv) == 1


def test_a_stream_agrees_with_its_windows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ["--frames", "2", "--window", "3", "--size", "16", "--cues", "2", "--repetitions", "1"]
    assert streaming.main(argv) == 0
    assert streaming.main([*argv, "--norm"]) == 0
    assert "DAM + ARGMU" in capsys.readouterr().out
    plain = streaming.window_by_window
    monkeypatch.setattr(streaming, "window_by_window", lambda *given: plain(*given)[:, ::-1])
    assert streaming.main(argv) == 1


def test_cached_windows_are_the_maps_that_were_written(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--frames", "8", "--size", "24", "--pictures", "24", "--window", "3", "--samples", "2"]
    assert training_data.main([*argv, "--repetitions", "1"]) == 0
    stored, ready = capsys.readouterr().out.splitlines()[2:]
    assert stored.split()[-1] == "0.0e+00"
    assert 0 < float(ready.split()[-1]) < 0.5, "JPEG loses something"
    assert np.ptp(training_data.made_maps(3, 8)["cue1"]) > 100
