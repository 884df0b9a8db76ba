"""Live runs: pace, what is dropped, what is kept when things go wrong."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gazenet.cli.infer import main
from gazenet.config.inference import InferConfig
from gazenet.errors import MediaError, PluginError, UsageError
from gazenet.inference.engine.stage_graph import build_graph
from gazenet.inference.live.live_loop import LiveLoop
from gazenet.inference.live.live_run import new_folder
from gazenet.inference.results import ChunkResult
from gazenet.media.decode import VideoReader
from gazenet.media.live.live_source import LiveFrame
from gazenet.media.live.sound_ring import SoundRing
from tests.clips import make_clip

SIZE = (36, 64)


class MadeUpSource:
    """Frames as fast as they are asked for, or at a rate; it may stall or break."""

    def __init__(self, frames: int, rate: float = 50.0, stall_at: int = -1, break_at: int = -1) -> None:
        self.name, self.rate, self.size, self.sound = "made up", rate, SIZE, None
        self._frames, self._stall, self._break, self._given = frames, stall_at, break_at, 0
        self.closed = False

    def read(self) -> LiveFrame | None:
        if self._given == self._frames:
            return None
        if self._given == self._stall:
            time.sleep(1.0)
        if self._given == self._break:
            raise MediaError("made up: unplugged")
        time.sleep(1 / self.rate)
        image = np.full((*SIZE, 3), self._given % 256, np.uint8)
        self._given += 1
        return LiveFrame(image, time.monotonic())

    def close(self) -> None:
        self.closed = True


class Keeper:
    """A sink that remembers."""

    name, files = "keeper", ()

    def __init__(self, pause: float = 0.0) -> None:
        self.chunks: list[ChunkResult] = []
        self._pause = pause

    def open(self, context: object) -> None: ...

    def write(self, chunk: ChunkResult) -> None:
        time.sleep(self._pause)
        self.chunks.append(chunk)

    def close(self, summary: object) -> None: ...

    def abort(self) -> None: ...


GREY = "return CueMaps(torch.full((n, *size), 0.5), [{'frame': int(k)} for k in windows.index])"
SLOW = f"import time; time.sleep(0.15); {GREY}"
BROKEN = "raise RuntimeError('boom')"


@pytest.fixture
def loop(plugin, embedded_weights):
    """Makes a loop with one made-up cue and without an integrator."""

    def make(body: str, source: MadeUpSource, keeper: Keeper, on_error: str = "fail", **realtime: object):
        plugin(body)
        data = {
            "extractors": [{"name": "odd"}],
            "integrator": None,
            "map_size": 32,
            "on_error": on_error,
            "faces": {"mesh": False},
            "realtime": realtime,
        }
        return LiveLoop(build_graph(InferConfig.model_validate(data)), source, [keeper], None)  # type: ignore[list-item]

    return make


def shown(keeper: Keeper) -> list[int]:
    return [chunk.start for chunk in keeper.chunks]


def test_every_frame_is_shown_where_there_is_time(loop) -> None:
    source, keeper = MadeUpSource(40, rate=40), Keeper()
    told = loop(GREY, source, keeper, adaptive=False).run()
    assert told.counts.captured == 40 == told.counts.shown + told.counts.dropped
    assert told.counts.shown >= 10
    assert shown(keeper) == list(range(told.counts.shown)), "frames that were dropped leave no gap"
    assert keeper.chunks[-1].cues["odd"].shape[0] == 1 and keeper.chunks[-1].cues["odd"].max() == 128
    assert source.closed


def test_a_slow_sink_drops_old_frames_and_every_one_is_counted(loop) -> None:
    source, keeper = MadeUpSource(60, rate=100), Keeper(pause=0.05)
    told = loop(GREY, source, keeper, adaptive=False).run()
    counts = told.counts
    assert counts.captured == 60 == counts.shown + counts.dropped, "counted apart from each other"
    assert counts.replaced == 60 - len(keeper.chunks) > 5 and counts.early == counts.unfinished == 0
    last = int(keeper.chunks[-1].images[0][0, 0, 0])
    assert last == 59, "the newest frame is the one that is shown"
    assert told.whole.latency.percentile(95) < 0.5


def test_a_slow_cue_repeats_its_latest_map_with_its_age(loop) -> None:
    keeper = Keeper()
    told = loop(SLOW, MadeUpSource(60, rate=50), keeper, adaptive=False).run()
    records = [chunk.records["odd"][0] for chunk in keeper.chunks]
    known = [record for record in records if record]
    assert records[0] == {} and len(known) > 10
    frames = [record["frame"] for record in known]
    assert len(set(frames)) < len(frames), "the latest map is used again"
    assert all(record["age_s"] > 0 for record in known)
    assert told.counts.shown > told.runs["odd"].count


def test_the_target_rate_is_held_from_above(loop) -> None:
    keeper = Keeper()
    told = loop(GREY, MadeUpSource(100, rate=100), keeper, target_rate=10, adaptive=False).run()
    counts = told.counts
    assert 4 <= counts.shown <= 10 * counts.seconds + 3, "a busy machine takes longer, at the same rate"
    assert counts.captured == 100 == counts.shown + counts.dropped and counts.early > 20


def test_a_failing_cue_ends_the_run_and_what_was_shown_is_kept(loop) -> None:
    keeper = Keeper()
    live = loop(BROKEN, MadeUpSource(500), keeper)
    with pytest.raises(PluginError, match=r"odd: frame 0: .*boom"):
        live.run()
    counts = live.stats.counts
    assert counts.seconds < 9
    assert counts.captured == counts.shown + counts.dropped and counts.unfinished <= 2


def test_a_run_is_told_in_rows(loop) -> None:
    live = loop(SLOW, MadeUpSource(60, rate=50), Keeper(pause=0.03), stall_s=30)
    live._rows._seconds = 0.0  # a row whenever it is looked at: every second
    told = live.run()
    rows = told.rows
    assert len(rows) >= 2 and rows[0]["from_s"] == 0 and rows[-1]["until_s"] == round(told.counts.seconds, 2)
    assert all(one["until_s"] == other["from_s"] for one, other in pairwise(rows))
    for name in ("captured", "shown", "replaced", "early", "unfinished", "dropped"):
        assert sum(row[name] for row in rows) == getattr(told.counts, name), name
    assert all(row["captured"] == row["shown"] + row["dropped"] for row in rows)
    assert told.counts.captured == 60 and told.counts.replaced > 0
    assert sum(row["slower_steps"] for row in rows) > 0 and told.highest_factor > 1, "it was too slow for 50 a second"
    assert all(row["most_held"]["waiting"] <= 1 and row["most_held"]["history"] <= 65 for row in rows)
    assert all(row["resident_mb"] is None or row["resident_mb"] > 10 for row in rows)
    assert json.loads(json.dumps(told.summary()))["rows"] == rows


def test_a_failing_cue_can_be_skipped(loop) -> None:
    keeper = Keeper()
    told = loop(BROKEN, MadeUpSource(20), keeper, on_error="skip").run()
    assert told.counts.shown > 5
    assert any("skipped cue odd" in note for note in told.notes)
    assert keeper.chunks[-1].records["odd"][0]["skipped"] is True


@pytest.mark.parametrize(("fault", "said"), [({"stall_at": 5}, "no frame for 0.3 s"), ({"break_at": 5}, "unplugged")])
def test_a_lost_source_is_said(loop, fault: dict[str, int], said: str) -> None:
    keeper, source = Keeper(), MadeUpSource(50, **fault)
    with pytest.raises(MediaError, match=said):
        loop(GREY, source, keeper, stall_s=0.3).run()
    assert keeper.chunks
    assert source.closed


def test_it_stops_when_asked(loop) -> None:
    live = loop(GREY, MadeUpSource(10_000), Keeper())
    threading.Timer(0.5, live.stop).start()
    assert live.run().counts.seconds < 9


def test_it_stops_when_the_time_is_over(loop) -> None:
    told = loop(GREY, MadeUpSource(10_000), Keeper(), seconds=0.5).run()
    assert 0.4 < told.counts.seconds < 9


@pytest.fixture
def film(tmp_path: Path, face: np.ndarray) -> Path:
    return make_clip(tmp_path / "film.mp4", 50, (128, 160), image=face, sound=2.0)


def live(film: Path, folder: Path, *sets: str) -> int:
    return main(
        ["--infer_config", "InferRealtime", "--realtime", "--input", str(film), "--output_dir", str(folder)]
        + [part for one in sets for part in ("--set", one)]
    )


@pytest.mark.usefixtures("embedded_weights")
def test_a_file_at_its_own_pace_through_the_command(film: Path, tmp_path: Path, capsys) -> None:
    begun = time.monotonic()
    assert live(film, tmp_path / "out") == 0
    assert time.monotonic() - begun > 1.9, "two seconds of film take two seconds"
    (folder,) = (tmp_path / "out").glob("film-*")
    told = json.loads((folder / "live.json").read_text())
    frames = told["frames"]
    assert frames["captured"] == 50 == frames["shown"] + frames["dropped"]
    with (folder / "live.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == frames["shown"]
    assert "age_active_speaker" in rows[0]
    with VideoReader(folder / "overlay.mp4") as reader:
        assert len(list(reader)) == frames["shown"]
    for line in (folder / "targets.jsonl").read_text().splitlines():
        target = json.loads(line)
        assert 0 <= target["x"] <= 1 and abs(target["yaw_deg"]) <= 30
    printed = capsys.readouterr().out
    assert "50 frames came" in printed and "p95" in printed


class Ear:
    """A microphone that hears nothing."""

    made: list[Ear] = []

    def __init__(self, device: str = "") -> None:
        self.ring, self.device, self.closed = SoundRing(), device, False
        Ear.made.append(self)

    def close(self) -> None:
        self.closed = True


@pytest.mark.usefixtures("embedded_weights")
def test_a_microphone_is_let_go_and_the_results_stay(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gazenet.inference.live.live_run.Microphone", Ear)
    Ear.made.clear()
    assert live(film, tmp_path / "out", "realtime.microphone=desk", "realtime.seconds=0.5") == 0
    assert [(ear.device, ear.closed) for ear in Ear.made] == [("desk", True)]
    (folder,) = (tmp_path / "out").glob("film-*")
    assert {path.name for path in folder.iterdir()} >= {"overlay.mp4", "attention.csv", "live.csv", "live.json"}


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_weights")
def test_half_a_minute_with_bounded_delay(film: Path, tmp_path: Path) -> None:
    assert live(film, tmp_path / "out", "realtime.loop=true", "realtime.seconds=30", "realtime.target_rate=10") == 0
    (folder,) = (tmp_path / "out").glob("film-*")
    with (folder / "live.csv").open() as file:
        rows = list(csv.DictReader(file))
    told = json.loads((folder / "live.json").read_text())
    assert told["frames"]["captured"] == told["frames"]["shown"] + told["frames"]["dropped"] > 300
    assert len(rows) == told["frames"]["shown"] > 30
    times = [float(row["time_s"]) for row in rows]
    assert times == sorted(times) and times[-1] > 28


@pytest.mark.usefixtures("embedded_weights")
def test_ctrl_c_ends_it_cleanly(film: Path, tmp_path: Path) -> None:
    def interrupt() -> None:
        while not [table for table in tmp_path.glob("out/film-*/live.csv") if table.read_text().count("\n") > 3]:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert live(film, tmp_path / "out", "realtime.loop=true") == 0
    (folder,) = (tmp_path / "out").glob("film-*")
    assert (folder / "live.json").exists() and (folder / "overlay.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "camera:99"], "camera:99: no such camera"),
        (["--input", "camera:first"], "not a camera; write camera:0"),
        (["--input", "rtsp://127.0.0.1:9/none"], "cannot open"),
        (["--input", "nothing.mp4"], "no such file"),
        (["--input", "camera:0", "camera:1"], "takes one --input"),
    ],
)
@pytest.mark.usefixtures("embedded_weights")
def test_what_cannot_be_opened(arguments: list[str], said: str, tmp_path: Path, capfd) -> None:
    code = main(["--infer_config", "InferRealtime", "--realtime", "--output_dir", str(tmp_path), *arguments])
    assert code in (1, 2)
    told = capfd.readouterr().err
    (line,) = [line for line in told.splitlines() if "XNNPACK" not in line]
    assert said in line


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it is asked for."""

    def log_message(self, *said: object) -> None: ...


def test_no_credentials_of_a_stream_are_kept(
    tmp_path: Path, plugin: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    plugin(GREY)
    make_clip(tmp_path / "a.mp4", 6, (36, 64))
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}/a.mp4?token=s3cret"
        argv = ["--realtime", "--output_dir", str(tmp_path / "out"), "--set", "outputs.report=false"]
        argv += ["integrator=null", 'extractors=[{"name":"odd"}]', "faces.mesh=false", "realtime.microphone=none"]
        assert main([*argv, "--input", f"http://me:pa55word@{address}"]) == 0
        server.shutdown()
        server.server_close()
        assert main([*argv, "--input", f"http://me:pa55word@{address}"]) == 1, "nobody answers any more"
    folder, *more = sorted((tmp_path / "out").glob("127*"))
    assert not more and json.loads((folder / "live.json").read_text())["config"]["inputs"] == [
        f"http://***@127.0.0.1:{server.server_port}/a.mp4?***"
    ]
    texts = [path.read_text("utf-8", "replace") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    texts += [*capsys.readouterr(), *(str(path) for path in (tmp_path / "out").rglob("*"))]
    assert not [text for text in texts if "pa55word" in text or "s3cret" in text]


def test_two_runs_of_one_second_have_a_folder_each(tmp_path: Path) -> None:
    names = [new_folder(tmp_path / "out", "camera0-20260101-000000").name for _ in range(3)]
    assert names == ["camera0-20260101-000000", "camera0-20260101-000000_2", "camera0-20260101-000000_3"]
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"output_dir .*file/x: cannot be written"):
        new_folder(tmp_path / "file", "x")
