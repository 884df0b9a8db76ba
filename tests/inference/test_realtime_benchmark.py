"""The benchmark of live runs: counts and bounds hold in half a minute, and its verdict sees what is not steady."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import realtime
from gazenet.inference.live.run_statistics import FrameCounts
from tests.clips import make_clip

Rows = list[dict[str, Any]]
LIMITS = realtime.Limits(history=80)


def steady() -> Rows:
    delays = {"p50": 20.0, "p90": 30.0, "p95": 40.0, "p99": 60.0}
    row = {
        **{"captured": 1500, "shown": 1490, "dropped": 10},
        "latency_ms": delays,
        "cue_age_ms": {"saliency": {"p50": 300.0, "p95": 500.0}},
        "most_held": {"waiting": 1, "history": 80, "threads": 9},
        **{"pace_factor": 1.0, "slower_steps": 0, "faster_steps": 0, "resident_mb": 700.0},
    }
    return [{**copy.deepcopy(row), "from_s": 60.0 * k, "until_s": 60.0 * (k + 1)} for k in range(10)]


COUNTS = FrameCounts(captured=15000, shown=14900, replaced=99, unfinished=1)


def test_a_run_that_ends_as_it_began_is_steady() -> None:
    rows = steady()
    assert realtime.unsteady(rows, COUNTS, LIMITS) == []
    rows[0]["latency_ms"]["p95"] = rows[0]["resident_mb"] = 1e4
    assert realtime.unsteady(rows, COUNTS, LIMITS) == [], "the first minute contains what happens once"
    assert "age saliency" in realtime.table(rows) and len(realtime.table(rows).splitlines()) == 11


def slower(row: dict[str, Any]) -> None:
    row["shown"] = 1300


def later(row: dict[str, Any]) -> None:
    row["latency_ms"]["p95"] = 90.0


def older(row: dict[str, Any]) -> None:
    row["cue_age_ms"]["saliency"]["p95"] = 900.0


def larger(row: dict[str, Any]) -> None:
    row["resident_mb"] = 780.0


def hoarding(row: dict[str, Any]) -> None:
    row["most_held"] = {"waiting": 1, "history": 81, "threads": 9}


def threading(row: dict[str, Any]) -> None:
    row["most_held"] = {"waiting": 1, "history": 80, "threads": 10}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (slower, "frames/s at the beginning"),
        (later, "delay p95 of 40 ms at the beginning, 90 at the end"),
        (older, "saliency was 500 ms old"),
        (larger, "700 MB at the beginning, 780 at the end"),
        (hoarding, "history: 81 frames held"),
        (threading, "10 threads at the end"),
    ],
)
def test_what_gets_worse_is_said(change: Callable[[dict[str, Any]], None], said: str) -> None:
    rows = steady()
    for row in rows[-3:]:
        change(row)
    (fault,) = realtime.unsteady(rows, COUNTS, LIMITS)
    assert said in fault


def test_lost_frames_and_short_runs_are_said() -> None:
    lost = FrameCounts(captured=15000, shown=14900, replaced=98, unfinished=1)
    assert realtime.unsteady(steady(), lost, LIMITS) == ["15000 frames came, 14900 shown + 99 dropped"]
    assert "too short" in realtime.unsteady(steady()[:1], COUNTS, LIMITS)[0]
    rows = steady()
    rows[-1]["until_s"] = rows[-1]["from_s"] + 2
    assert len(realtime.full(rows, 60)) == 9


def test_the_made_up_microphone_is_heard() -> None:
    microphone = realtime.Microphone()
    voice = np.concatenate([microphone._voice(k * 320, 320) for k in range(150)])
    assert 0.05 < np.abs(voice).max() <= 1 and not voice[-15000:].any(), "the third second is silent"
    microphone.start()
    while not microphone.ring._end:
        time.sleep(0.01)
    microphone.close()
    assert not microphone.is_alive()


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_weights")
def test_half_a_minute(face: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film, output = make_clip(tmp_path / "film.mp4", 50, (128, 160), image=face), tmp_path / "new" / "told.json"
    code = realtime.main(["--minutes", "0.5", "--row_s", "5", "--input", str(film), "--output", str(output)])
    told = json.loads(output.read_text())
    assert code == int(bool(told["faults"])), "how fast this machine is today is not judged here"
    frames, rows = told["frames"], told["rows"]
    assert frames["captured"] == frames["shown"] + frames["dropped"] > 600
    assert frames["dropped"] == frames["replaced"] + frames["early"] + frames["unfinished"]
    for name in ("captured", "shown", "dropped"):
        assert sum(row[name] for row in rows) == frames[name]
    for row in rows:
        assert row["most_held"]["waiting"] <= 1 and row["most_held"]["history"] <= told["limits"]["history"]
    assert len(rows) >= 3 and set(rows[0]["cue_age_ms"]) >= {"saliency", "active_speaker"}
    printed = capsys.readouterr().out
    assert "frames/s shown of 25" in printed and ("steady" in printed or "NOT STEADY" in printed)
