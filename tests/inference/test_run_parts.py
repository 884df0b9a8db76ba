"""The small parts of a run: names of folders, whose folder it is, the record, times, shares, parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gazenet.config.inference import InferConfig, IntegratorConfig
from gazenet.cues.extractor import Face
from gazenet.errors import GazenetError, UsageError
from gazenet.folder_lock import lock_folder
from gazenet.inference.cache.earlier_results import finished
from gazenet.inference.cache.run_record import run_fingerprint, write_record
from gazenet.inference.engine import pipeline
from gazenet.inference.engine.stage_graph import tuned_integrator
from gazenet.inference.engine.timing import Timings, network_text
from gazenet.inference.inputs.input_paths import expand, result_folders
from gazenet.inference.person_attention import face_shares, peak
from tests.clips import make_clip
from tests.inference.toy_graph import Bright, toy_graph


def test_a_folder_stands_for_what_is_in_it(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.png", "notes.txt", "c.mkv"):
        (tmp_path / name).write_text("")
    assert [path.name for path in expand([tmp_path, Path("x.mp4")])] == ["a.png", "b.MP4", "c.mkv", "x.mp4"]
    (tmp_path / "empty").mkdir()
    assert expand([tmp_path / "empty"]) == [tmp_path / "empty"]


def test_what_can_be_decoded_in_a_folder_is_taken_and_the_rest_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_clip(tmp_path / "clip.mp4", frames=3).read_bytes()
    films = tmp_path / "films"
    (films / "sub").mkdir(parents=True)
    usable = ["a.mp4", "b.GIF", "c.MP4", "d.flv", "e.m2ts", "f.3gp", "g1.webp", "g2.avif", "g10.tif", "h.unknown", "i"]
    for name in usable:
        (films / name).write_bytes(data)
    for name in ("notes.txt", "x.json", "maps.npy", ".hidden.mp4", "empty"):
        (films / name).write_text("{}" if name != "empty" else "")
    assert [path.name for path in expand([films])] == usable
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith(f"{films}: passed over, not a video or picture: ")
    assert said.strip().endswith(".hidden.mp4, empty, maps.npy, notes.txt, sub/ and 1 more")


def test_no_two_inputs_share_a_folder() -> None:
    names = ["x/a.mp4", "y/a.mp4", "y/A.mov", "run.json.mp4", ".cache.mp4", "ä" * 150 + ".mp4", "x/a.mp4"]
    folders = result_folders([Path(name) for name in names], Path("out"))
    assert folders == result_folders([Path(name) for name in names], Path("out"))
    found = [folder.name for folder in folders.values()]
    assert len(folders) == 6 and found[0] == "a" and len({name.casefold() for name in found}) == 6
    assert not {"run.json", ".cache"} & set(found)
    assert all(len(name.encode()) <= 220 for name in found)


HOLD = """
import sys, time
from pathlib import Path
from gazenet.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(60)
"""


@pytest.mark.promise("one writer")
def test_the_other_run_is_named_and_its_death_frees_the_folder(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "clip")], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"mine\n"
    with pytest.raises(GazenetError, match=rf"another run .*process {process.pid} on"), lock_folder(tmp_path / "clip"):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    (tmp_path / "clip" / ".saliency.npy.123.tmp").write_text("half")
    (tmp_path / "clip" / ".overlay.mp4.12ab.tmp.mp4").write_text("half")
    (tmp_path / "clip" / "saliency.npy").write_text("whole")
    with lock_folder(tmp_path / "clip") as notes:
        assert notes == []
        left = {path.name for path in (tmp_path / "clip").iterdir()}
        assert left == {".lock", ".owner", "saliency.npy"}


RECORD: dict[str, Any] = {"fingerprint": "f", "counts": {"corrupt_frames": 0, "skipped_cues": []}}


@pytest.mark.parametrize(
    ("record", "files", "counts"),
    [
        (RECORD, ["a.csv"], True),
        (RECORD, ["a.csv", "b.csv"], False),
        ({**RECORD, "fingerprint": "g"}, ["a.csv"], False),
        ({**RECORD, "counts": {"skipped_cues": ["gaze"]}}, ["a.csv"], False),
        ({"fingerprint": "f"}, ["a.csv"], False),
        ([], ["a.csv"], False),
    ],
)
def test_what_counts_as_finished(tmp_path: Path, record: Any, files: list[str], counts: bool) -> None:
    (tmp_path / "a.csv").write_text("")
    assert finished(tmp_path, "f", files) is None
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert (finished(tmp_path, "f", files) is not None) == counts
    (tmp_path / "run.json").write_text('{"fingerprint": "f"')
    assert finished(tmp_path, "f", files) is None


def test_any_file_name_fits_into_the_record(tmp_path: Path) -> None:
    names = ["a\nä.mp4", os.fsdecode(b"\xff.mp4"), r"\xff.mp4"]
    write_record(tmp_path, {"input": Path(names[1]), "config": {"inputs": names}})
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert record == {"input": r"\xff.mp4", "config": {"inputs": [names[0], r"\xff.mp4", r"\\xff.mp4"]}}


@pytest.mark.promise("keys are content")
def test_what_a_result_depends_on() -> None:
    graph = toy_graph(fuse=False)
    first = run_fingerprint(graph, "video", ["maps"])
    assert first == run_fingerprint(toy_graph(fuse=False), "video", ["maps"])
    others = [
        run_fingerprint(graph, "another", ["maps"]),
        run_fingerprint(graph, "video", ["maps", "report"]),
        run_fingerprint(replace(graph, faces_fingerprint="other"), "video", ["maps"]),
        run_fingerprint(replace(graph, cues=graph.cues[:2]), "video", ["maps"]),
        run_fingerprint(replace(graph, cues=(replace(graph.cues[0], fingerprint="x"), *graph.cues[1:])), "video", []),
    ]
    assert len({first, *others}) == 6


def test_spans_that_overlap_count_once() -> None:
    timings = Timings()

    def span(name: str, network: bool, begin: float, length: float) -> None:
        time.sleep(begin)
        with timings.stage(name, network):
            time.sleep(length)

    spans = [("net", True, 0.0, 0.2), ("net", True, 0.1, 0.2), ("disk", False, 0.0, 0.5), ("net", True, 0.4, 0.1)]
    threads = [threading.Thread(target=span, args=one) for one in spans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told: Any = timings.summary(50)
    assert told["stages_s"] == pytest.approx({"net": 0.5, "disk": 0.5}, abs=0.15)
    assert told["network_busy_s"] == pytest.approx(0.4, abs=0.12)
    assert told["overhead"] == pytest.approx(1 - told["network_busy_s"] / told["wall_s"], abs=0.01)
    assert told["frames_per_s"] == pytest.approx(50 / told["wall_s"], rel=0.01)


def test_networks_are_told_in_one_line() -> None:
    timings = Timings()
    for calls in (3, 2):
        with timings.stage("saliency", network=True, calls=calls):
            time.sleep(0.05)
    with timings.stage("decode"):
        time.sleep(0.01)
    told: Any = timings.summary(5)
    assert told["calls"] == {"saliency": 5}
    told["stages_s"]["saliency"], told["network_busy_s"] = 0.1, 0.1
    assert network_text(told) == "networks 0.1 s: saliency 5 x 20 ms"
    assert network_text({"network_busy_s": 0.0, "calls": {}}) == "networks 0.0 s: none ran, all is from the cache"


def test_a_span_that_fails_is_counted_and_ends() -> None:
    timings = Timings()
    with pytest.raises(ValueError), timings.stage("net", network=True):
        raise ValueError
    time.sleep(0.05)
    told: Any = timings.summary(1)
    assert "net" in told["stages_s"] and told["network_busy_s"] < 0.04


def test_shares_go_to_the_nearest_person_and_add_up() -> None:
    density = np.full((10, 20), 1 / 200, np.float32)
    left, right = Face(3, (10.0, 20.0, 50.0, 60.0), 1.0), Face(7, (50.0, 20.0, 90.0, 60.0), 1.0)
    shares, elsewhere = face_shares(density, [left, right], (100, 200))
    assert shares[3] == pytest.approx(shares[7]) and shares[3] + shares[7] + elsewhere == pytest.approx(1)
    # 100 x 60 pixels of 200 x 100 lie within 1.5 times the boxes, counted once where they overlap.
    assert shares[3] + shares[7] == pytest.approx(0.3, abs=0.05)
    assert face_shares(np.zeros((10, 20), np.float32), [left], (100, 200)) == ({3: 0.0}, 0.0)
    density[2, 5] = 1
    assert peak(density, (100, 200)) == (55.0, 25.0)


def test_parameters_of_the_integrator_take_effect_or_are_refused() -> None:
    def chosen(**parameters: Any) -> Any:
        config = InferConfig.model_validate({"extractors": [{"name": "saliency"}]})
        return config.model_copy(update={"integrator": IntegratorConfig(parameters=parameters)})

    loaded = tuned_integrator(chosen(smoothing=3, sharpness=2.0))
    assert loaded is not None and (loaded.spec.smoothing, loaded.spec.sharpness) == (3, 2.0)
    with pytest.raises(UsageError, match=r"integrator\.parameters\.colour: unknown; known: smoothing, sharpness"):
        tuned_integrator(chosen(colour=1))
    with pytest.raises(UsageError, match=r"integrator\.parameters\.smoothing"):
        tuned_integrator(chosen(smoothing=-1))


@pytest.fixture
def toy_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs use one made-up cue and write the report."""
    graph = toy_graph(Bright, fuse=False, faces=False, cache_dir=str(tmp_path / "cache"))
    monkeypatch.setattr(pipeline, "build_graph", lambda config: graph)


@pytest.mark.usefixtures("toy_run")
def test_even_a_fault_of_the_program_stays_with_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [make_clip(tmp_path / f"{name}.mp4", 3) for name in ("one", "two", "three")]
    real = pipeline.open_frames

    def broken(path: Path, side: int) -> Any:
        if path.stem == "two":
            raise RuntimeError("surprise\nin two lines")
        return real(path, side)

    monkeypatch.setattr(pipeline, "open_frames", broken)
    config = InferConfig.model_validate({"extractors": [{"name": "bright"}], "output_dir": str(tmp_path / "out")})
    result = pipeline.run(config, clips, tmp_path / "out", progress_log_file=tmp_path / "log.txt")
    assert result.exit_code == 1 and [one.path.stem for one in result.finished] == ["one", "three"]
    assert "internal error: RuntimeError: surprise in two lines" in result.failures[0].reason
    overview = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "Traceback" in overview["failures"][0]["trace"] and len(overview["finished"]) == 2
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines == ["completed,videoid=one,videoidx=0", "completed,videoid=three,videoidx=2"]
    assert len([line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]) == 1


@pytest.mark.usefixtures("toy_run")
def test_a_log_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = InferConfig.model_validate({"extractors": [{"name": "bright"}]})
    with pytest.raises(UsageError, match="progress_log_file"):
        pipeline.run(config, [], tmp_path / "out", progress_log_file=tmp_path / "file" / "log.txt")


def test_threads_are_shared_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    given: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(pipeline, "os", SimpleNamespace(sched_getaffinity=lambda pid: set(range(16))))
    for changes in ({"workers": 2}, {"workers": 32}, {"workers": 2, "threads": 5}):
        pipeline.prepare_threads(InferConfig.model_validate({"extractors": [{"name": "x"}], **changes}))
    assert given == [8, 1, 5]
