"""What is left in the folder: when all goes well, when a sink fails, and when the disk is full."""

from __future__ import annotations

import csv
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.cues.extractor import Face
from gazenet.errors import GazenetError
from gazenet.inference.engine.sink_thread import SinkThread
from gazenet.inference.engine.timing import Timings
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.attention_sink import AttentionSink
from gazenet.inference.sinks.maps_sink import MapsSink
from gazenet.inference.sinks.overlay_sink import OverlaySink
from gazenet.inference.sinks.report_sink import ReportSink
from gazenet.inference.sinks.saliency_video_sink import SaliencyVideoSink
from gazenet.media.decode import VideoReader
from gazenet.media.frames import VideoInfo
from tests.faults import inject

INFO = VideoInfo(Path("party.mp4"), 128, 72, Fraction(25), None, None, 0, False, None, None)
SINKS = [MapsSink, AttentionSink, ReportSink, OverlaySink, SaliencyVideoSink]


def context(folder: Path) -> SinkContext:
    return SinkContext(folder, Path("party.mp4"), INFO, (36, 64), (9, 16), ("voice",), ("voice",), {})


def chunk(start: int, count: int = 4, **changes: Any) -> ChunkResult:
    random = np.random.default_rng(start)
    values: dict[str, Any] = {
        "images": [random.integers(0, 255, (36, 64, 3), np.uint8) for _ in range(count)],
        "times": (start + np.arange(count)) / 25,
        "saliency": random.random((count, 9, 16), np.float32) / 144,
        "gates": np.full((count, 1), 0.5, np.float32),
        "faces": [(Face(start // 4, (8.0, 8.0, 40.0, 40.0), 0.9),)] * count,
        "cues": {"voice": random.integers(0, 255, (count, 9, 16), np.uint8)},
        "records": {"voice": [{}] * count},
    }
    return ChunkResult(start=start, **{**values, **changes})


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", SINKS)
def test_names_appear_at_the_end_only(tmp_path: Path, kind: type) -> None:
    sink = kind()
    sink.open(context(tmp_path))
    for start in (0, 4, 8):
        sink.write(chunk(start))
        assert not set(leftovers(tmp_path)) & set(sink.files)
    sink.close({"timings": {}, "warnings": [], "versions": {}, "config": {}, "frames": 12})
    assert leftovers(tmp_path) == sorted(sink.files)


@pytest.mark.parametrize("kind", SINKS)
def test_what_was_begun_is_taken_back(tmp_path: Path, kind: type) -> None:
    sink = kind()
    sink.open(context(tmp_path))
    sink.write(chunk(0))
    sink.abort()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("kind", [MapsSink, AttentionSink, ReportSink, SaliencyVideoSink])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path: Path, kind: type, at: int) -> None:
    with inject(at, "torn") as faults:
        thread = SinkThread([kind()], context(tmp_path), Timings()) if not (kind is MapsSink and at == 1) else None
        if thread is None:
            with pytest.raises(GazenetError, match=r"saliency\.npy: disk full"):
                SinkThread([kind()], context(tmp_path), Timings())
        else:
            with pytest.raises(GazenetError, match=r"\.(npy|csv|html|mp4): .*(disk full|No space left)"):
                try:
                    thread.put(chunk(0))
                    thread.finish({"warnings": []})
                except BaseException:
                    thread.abort()
                    raise
    assert faults.fired
    # Either it never got its name, or the fault came after the rename: the record of the input decides, not the name.
    assert not [name for name in leftovers(tmp_path) if name.startswith(".")]


def test_maps_are_scaled_and_zero_stays_zero(tmp_path: Path) -> None:
    sink, given = MapsSink(), chunk(0).saliency.copy()
    given[2] = 0
    sink.open(context(tmp_path))
    sink.write(chunk(0, saliency=given))
    sink.write(chunk(4, 0, saliency=np.zeros((0, 0, 0), np.float32)))
    sink.close({})
    stored = np.load(tmp_path / "saliency.npy", mmap_mode="r")
    assert stored.dtype == np.float16 and stored.shape == (4, 9, 16)
    assert stored.max((1, 2)).tolist() == [1, 1, 0, 1]
    assert stored[0] == pytest.approx(given[0] / given[0].max(), abs=1e-3)
    assert np.load(tmp_path / "saliency_sums.npy") == pytest.approx(given.sum((1, 2)))


def test_the_table_has_a_column_for_people_who_come_late(tmp_path: Path) -> None:
    sink = AttentionSink()
    sink.open(context(tmp_path))
    for start in (0, 4, 8):
        sink.write(chunk(start))
    sink.close({})
    with (tmp_path / "attention.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("frame", "time_s", "peak_x", "peak_y", "gate_voice", "attention_elsewhere"),
        *("attention_track_0", "attention_track_1", "attention_track_2"),
    ]
    assert [row["frame"] for row in rows] == [str(k) for k in range(12)]
    assert rows[0]["attention_track_2"] == "" and rows[11]["attention_track_2"] != ""
    for row in rows:
        shares = [float(value) for name, value in row.items() if name.startswith("attention") and value]
        assert sum(shares) == pytest.approx(1, abs=2e-4)


def test_the_grey_video_follows_the_maps(tmp_path: Path) -> None:
    maps = np.zeros((3, 9, 16), np.float32)
    maps[1, :, :8] = 0.2
    sink = SaliencyVideoSink()
    sink.open(context(tmp_path))
    sink.write(chunk(0, 3, saliency=maps))
    sink.close({})
    with VideoReader(tmp_path / "saliency.mp4") as reader:
        frames = [frame.image for frame in reader]
    assert len(frames) == 3 and frames[0].max() < 20
    assert frames[1][:, :24].mean() > 235 and frames[1][:, 48:].mean() < 20


class Slow:
    """A sink that remembers; ``fail``: where it raises."""

    files = ("slow.txt",)
    name = "slow"

    def __init__(self, fail: str = "", wait: float = 0.0) -> None:
        self.fail, self.wait, self.seen, self.ended = fail, wait, [], ""

    def _maybe(self, where: str) -> None:
        if self.fail == where:
            raise GazenetError(f"{where} failed")

    def open(self, context: SinkContext) -> None:
        self._maybe("open")

    def write(self, chunk: ChunkResult) -> None:
        time.sleep(self.wait)
        self._maybe("write")
        self.seen.append(chunk.start)

    def close(self, summary: dict[str, Any]) -> None:
        self._maybe("close")
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def test_a_slow_sink_holds_the_producer_back(tmp_path: Path) -> None:
    sink = Slow(wait=0.02)
    thread = SinkThread([sink], context(tmp_path), Timings(), depth=1)
    for k in range(12):
        thread.put(chunk(4 * k))
        # One is being written, one waits in the queue.
        assert k + 1 - len(sink.seen) <= 3
    thread.finish({})
    assert sink.seen == [4 * k for k in range(12)] and sink.ended == "closed"


@pytest.mark.parametrize("where", ["open", "write", "close"])
def test_the_first_failure_takes_all_sinks_back(tmp_path: Path, where: str) -> None:
    sinks, before = [Slow(), Slow(fail=where), Slow()], threading.active_count()
    with pytest.raises(GazenetError, match=f"{where} failed"):
        thread = SinkThread(sinks, context(tmp_path), Timings())
        try:
            for k in range(50):
                thread.put(chunk(4 * k))
            thread.finish({})
        except GazenetError:
            thread.abort()
            raise
    assert threading.active_count() == before
    assert [sink.ended for sink in sinks] == ["aborted", "aborted", "" if where == "open" else "aborted"]
