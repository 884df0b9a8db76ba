"""The main job end to end, with the embedded extractors, on good and bad input."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import gazenet
from gazenet import files
from gazenet.config.inference import InferConfig
from gazenet.errors import UsageError
from gazenet.inference.engine.pipeline import run
from gazenet.inference.results import RunResult
from gazenet.media.audio import read_audio
from gazenet.media.decode import VideoReader
from tests.clips import make_clip

Settings = Callable[..., InferConfig]
pytestmark = pytest.mark.usefixtures("embedded_weights")


def go(config: InferConfig, *inputs: Path, **options: object) -> RunResult:
    return run(config, list(inputs), Path(config.output_dir), **options)  # type: ignore[arg-type]


def test_everything_promised_is_there(clip: Path, settings: Settings, tmp_path: Path) -> None:
    result = go(settings("outputs.saliency_video=true"), clip, progress_log_file=tmp_path / "log.txt")
    assert result.exit_code == 0
    folder = tmp_path / "out" / "clip"
    maps = np.load(folder / "saliency.npy")
    assert maps.dtype == np.float16 and maps.shape[0] == 40
    assert maps.shape[2] / maps.shape[1] == pytest.approx(160 / 128, rel=0.05)
    assert maps.max((1, 2)) == pytest.approx(np.ones(40)) and maps.min() >= 0
    assert np.load(folder / "saliency_sums.npy").shape == (40,)
    with (folder / "attention.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(40))
    assert 0 <= float(rows[5]["peak_x"]) <= 160 and "gate_active_speaker" in rows[0]
    shares = [float(row["attention_track_0"]) + float(row["attention_elsewhere"]) for row in rows]
    assert max(shares) <= 1.001
    with VideoReader(folder / "overlay.mp4") as reader:
        assert len(list(reader)) == 40
    assert read_audio(folder / "overlay.mp4") is not None
    with VideoReader(folder / "saliency.mp4") as reader:
        assert len(list(reader)) == 40
    record = json.loads((folder / "run.json").read_text())
    assert record["frames"] == 40 and record["timings"]["frames_per_s"] > 0
    assert record["video"] == {"width": 160, "height": 128, "rate": 25.0, "sound": True}
    assert "<script" in (folder / "report.html").read_text()
    assert (tmp_path / "log.txt").read_text() == "completed,videoid=clip,videoidx=0\n"


def test_people_attract_attention(clip: Path, settings: Settings, tmp_path: Path) -> None:
    go(settings("outputs.overlay=false", "outputs.report=false"), clip)
    with (tmp_path / "out" / "clip" / "attention.csv").open() as file:
        rows = list(csv.DictReader(file))
    face_share = np.mean([float(row["attention_track_0"] or 0) for row in rows])
    assert face_share > 0.2


def snapshot(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("saliency.npy", "saliency_sums.npy", "attention.csv")}


QUICK = ("outputs.overlay=false", "outputs.report=false")


def test_a_finished_input_is_left_alone(clip: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    go(settings(*QUICK), clip)
    assert go(settings(*QUICK), clip).finished[0].skipped
    assert "finished before" in capsys.readouterr().err
    assert not go(settings(*QUICK), clip, resume=False).finished[0].skipped


def test_results_do_not_depend_on_the_cache(clip: Path, settings: Settings, tmp_path: Path) -> None:
    go(settings(*QUICK), clip)
    first = snapshot(tmp_path / "out" / "clip")
    go(settings(*QUICK), clip, resume=False)
    assert snapshot(tmp_path / "out" / "clip") == first
    go(settings(*QUICK, f"cache_dir={tmp_path / 'other'}"), clip, resume=False)
    assert snapshot(tmp_path / "out" / "clip") == first


def test_a_broken_write_loses_nothing(
    clip: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(settings(*QUICK, f"cache_dir={tmp_path / 'undisturbed'}"), clip)
    expected = snapshot(tmp_path / "out" / "clip")
    real, calls = files._os_fallocate, []

    def full(descriptor: int, offset: int, length: int) -> None:
        calls.append(offset)
        if len(calls) == 14:
            raise OSError(28, "No space left on device")
        real(descriptor, offset, length)

    monkeypatch.setattr(files, "_os_fallocate", full)
    result = go(settings(*QUICK), clip, resume=False)
    assert result.exit_code == 1 and "disk full" in result.failures[0][1]
    assert not (tmp_path / "out" / "clip" / "run.json").exists()
    monkeypatch.undo()
    assert go(settings(*QUICK), clip).exit_code == 0
    assert snapshot(tmp_path / "out" / "clip") == expected


@pytest.mark.slow
def test_kill_and_resume_gives_the_same_bytes(tmp_path: Path, face: np.ndarray, settings: Settings) -> None:
    clip = make_clip(tmp_path / "long.mp4", 120, (128, 160), image=face, sound=4.8)
    go(settings(*QUICK), clip)
    expected = snapshot(tmp_path / "out" / "long")
    again = tmp_path / "again"
    command = [sys.executable, "-m", "gazenet.cli.infer", "--input", str(clip), "--output_dir", str(again)]
    command += [part for one in ("chunk=8", *QUICK) for part in ("--set", one)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(2400):
        if process.poll() is not None or len(list(again.glob(".cache/**/chunks.log"))) >= 4:
            break
        time.sleep(0.05)
    time.sleep(0.7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (again / "long" / "run.json").exists()
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    assert snapshot(again / "long") == expected


@pytest.mark.slow
def test_an_interrupt_ends_cleanly_and_leaves_nothing_half(tmp_path: Path, face: np.ndarray) -> None:
    clip = make_clip(tmp_path / "long.mp4", 400, (128, 160), image=face, sound=16)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "gazenet.cli.infer", "--input", str(clip), "--output_dir", str(out)]
    # A process started in the background by a shell without job control ignores interrupts, and so do its children.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*command, "--set", "chunk=8"], stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    for _ in range(2400):
        if list(out.glob(".cache/**/saliency-*/chunks.log")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in told and "Traceback" not in told
    assert [path.name for path in (out / "long").iterdir()] == [".lock"]


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_short_videos(tmp_path: Path, settings: Settings, frames: int) -> None:
    go(settings(*QUICK), make_clip(tmp_path / "short.mp4", frames))
    assert np.load(tmp_path / "out" / "short" / "saliency.npy").shape[0] == frames


@pytest.mark.parametrize("size", [(16, 16), (200, 60)])
def test_odd_sizes(tmp_path: Path, settings: Settings, size: tuple[int, int]) -> None:
    assert go(settings(*QUICK), make_clip(tmp_path / "odd.mp4", 3, size)).exit_code == 0


@pytest.mark.promise("a failure stays with its input")
def test_one_bad_input_does_not_stop_the_others(
    clip: Path, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    result = go(settings(*QUICK), bad, clip)
    assert result.exit_code == 1
    assert (tmp_path / "out" / "clip" / "run.json").exists() and not (tmp_path / "out" / "bad" / "run.json").exists()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and str(bad) in lines[0]
    overview = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [one["input"] for one in overview["failures"]] == [str(bad)]


def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, face: np.ndarray, settings: Settings) -> None:
    import cv2

    odd = face[:127, :159, ::-1]
    cv2.imwrite(str(tmp_path / "portrait.png"), odd)
    assert go(settings(), tmp_path / "portrait.png").exit_code == 0
    folder = tmp_path / "out" / "portrait"
    assert np.load(folder / "saliency.npy").shape[0] == 1
    record = json.loads((folder / "run.json").read_text())
    assert record["frames"] == 1 and record["counts"] == {"corrupt_frames": 0, "skipped_cues": []}
    assert sorted(record["outputs"]) == sorted(
        path.name for path in folder.iterdir() if path.name not in ("run.json", ".lock")
    )
    assert all(len(value) == 64 for value in record["weights"].values()) and "integrator" in record["weights"]


def test_equal_stems_do_not_meet(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    result = go(settings(*QUICK), make_clip(tmp_path / "x" / "a.mp4", 2), make_clip(tmp_path / "y" / "a.mp4", 3))
    folders = {one.folder for one in result.finished}
    assert len(folders) == 2 and {one.frames for one in result.finished} == {2, 3}


@pytest.mark.promise("keys are content")
def test_another_video_under_the_same_name_is_another_video(settings: Settings, tmp_path: Path) -> None:
    shared = f"cache_dir={tmp_path / 'cache'}"
    maps = []
    for run_number, left in enumerate((0, 40)):
        image = np.zeros((72, 96, 3), np.uint8)
        image[20:40, left : left + 30] = 255
        video = make_clip(tmp_path / "same.mp4", 3, image=image)
        for name, cache in (("shared", shared), ("fresh", f"cache_dir={tmp_path / f'fresh{run_number}'}")):
            folder = tmp_path / f"{name}{run_number}"
            assert go(settings(*QUICK, "outputs.maps=true", cache, f"output_dir={folder}"), video).exit_code == 0
            maps.append((folder / "same" / "saliency.npy").read_bytes())
    assert maps[0] == maps[1] != maps[2] == maps[3]


def test_two_runs_on_one_folder(clip: Path, settings: Settings, tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "out" / "clip").mkdir(parents=True)
    with FileLock(str(tmp_path / "out" / "clip" / ".lock")):
        outcome: list[RunResult] = []
        thread = threading.Thread(target=lambda: outcome.append(go(settings(*QUICK), clip)))
        thread.start()
        thread.join()
    assert outcome[0].exit_code == 1 and "another run is writing here" in outcome[0].failures[0][1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_refused(clip: Path, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="cannot be written"):
        go(settings(), clip)


def test_a_file_in_place_of_the_folder_is_refused(clip: Path, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        go(settings(), clip)


ODD = 'extractors=[{"name": "saliency"}, {"name": "gaze_direction"}, {"name": "gaze_following"}, {"name": "odd"}]'
FAULTS = {
    "raises": ("raise RuntimeError('boom')", "odd.*frame.*boom"),
    "nan": ("return CueMaps(torch.full((n, *size), float('nan')))", "odd.*frame"),
    "shape": ("return CueMaps(torch.zeros(n, 3, 3))", "odd.*frame"),
}


@pytest.mark.promise("errors have an owner")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_plugin_is_named(
    fault: str, clip: Path, settings: Settings, plugin: Callable[[str], None], tmp_path: Path
) -> None:
    import re

    body, message = FAULTS[fault]
    plugin(body)
    config = settings(*QUICK, ODD, "integrator=null", "outputs.report=true")
    result = go(config, clip)
    assert result.exit_code == 1 and re.search(message, result.failures[0][1])
    assert not (tmp_path / "out" / "clip" / "report.html").exists()


@pytest.mark.promise("nothing is skipped silently")
def test_a_skipped_cue_is_neutral_and_said_so(
    clip: Path, settings: Settings, plugin: Callable[[str], None], tmp_path: Path
) -> None:
    plugin("raise RuntimeError('boom')")
    result = go(settings(*QUICK, ODD, "integrator=null", "outputs.report=true", "on_error=skip"), clip)
    assert result.exit_code == 0
    assert any("skipped cue odd" in line and "boom" in line for line in result.finished[0].warnings)
    assert (tmp_path / "out" / "clip" / "report.html").exists()


def test_cues_that_the_integrator_needs_are_named(clip: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="needs the cues gaze_direction"):
        go(settings('extractors=[{"name": "saliency"}]'), clip)


def test_maps_that_an_extractor_needs_are_named(clip: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="gaze_following needs the maps of saliency"):
        go(settings('extractors=[{"name": "gaze_following"}]', "integrator=null"), clip)


def test_predict_equals_the_command(clip: Path, settings: Settings, tmp_path: Path) -> None:
    config = settings(*QUICK)
    go(config, clip)
    prediction = gazenet.predict(clip, config)
    stored = np.load(tmp_path / "out" / "clip" / "saliency.npy")
    assert prediction.saliency == pytest.approx(stored.astype(np.float32), abs=1e-3)
    assert set(prediction.cues) == {one.name for one in config.extractors}
    assert len(prediction.records["active_speaker"]) == 40 and prediction.gates.shape == (40, 5)
    assert prediction.times == pytest.approx(np.arange(40) / 25, abs=1e-3)


def test_a_corrupt_cache_is_made_again(clip: Path, settings: Settings, tmp_path: Path) -> None:
    go(settings(*QUICK), clip)
    expected = snapshot(tmp_path / "out" / "clip")
    (maps,) = (tmp_path / "out" / ".cache").glob("**/saliency-*/maps.npy")
    data = bytearray(maps.read_bytes())
    data[5000] ^= 0xFF
    maps.write_bytes(bytes(data))
    result = go(settings(*QUICK), clip, resume=False)
    assert snapshot(tmp_path / "out" / "clip") == expected
    assert any("made again" in line for line in result.finished[0].warnings)


def test_a_cached_cue_alone_waits_for_the_faces(clip: Path, settings: Settings) -> None:
    config = settings('extractors=[{"name": "gaze_direction"}]', "integrator=null", f"cache_dir={clip.parent / 'c'}")
    first = gazenet.predict(clip, config)
    again = gazenet.predict(clip, config)
    assert (first.cues["gaze_direction"] == again.cues["gaze_direction"]).all()
    assert [len(faces) for faces in first.faces] == [len(faces) for faces in again.faces]
