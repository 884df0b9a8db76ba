"""The benchmark of extractors: both ways give the same maps, of any extractor."""

from __future__ import annotations

import pytest

from benchmarks import extractors


def test_blocks_give_the_maps_of_single_windows(capsys: pytest.CaptureFixture[str]) -> None:
    assert extractors.main(["gaze_direction", "gaze_following", "--frames", "2", "--repetitions", "1"]) == 0
    told = capsys.readouterr().out
    assert "gaze_following" in told and "0 of 255" in told and "ratio cpu" in told


def test_maps_that_differ_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = extractors.Subject.ours
    monkeypatch.setattr(extractors.Subject, "ours", lambda subject, block: ours(subject, block) // 2)
    assert extractors.main(["gaze_direction", "--frames", "2", "--repetitions", "1"]) == 1
