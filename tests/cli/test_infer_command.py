"""gasp_infer: from options to one call of the pipeline, and the plan of a dry run."""

from __future__ import annotations

import json
import re
import sys
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gazenet.cli import infer
from gazenet.config.inference_experiments import infer_names
from gazenet.errors import MediaError
from gazenet.inference.inputs.input_paths import expand, result_folders
from gazenet.media.frames import VideoInfo
from tests.clips import make_clip


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What the pipeline was asked for; the pipeline itself is replaced."""
    asked: list[dict[str, Any]] = []

    def run(config: Any, inputs: list[Path], output_dir: Path, **options: Any) -> Any:
        asked.append({"config": config, "inputs": inputs, "output_dir": output_dir, **options})
        return types.SimpleNamespace(exit_code=1 if inputs == [Path("bad.mp4")] else 0, failures=[])

    pipeline = types.ModuleType("gazenet.inference.engine.pipeline")
    pipeline.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gazenet.inference.engine.pipeline", pipeline)
    monkeypatch.chdir(tmp_path)
    return asked


def test_options_reach_the_pipeline(calls: list[dict[str, Any]]) -> None:
    argv = ["--input", "a.mp4", "b.mp4", "--output_dir", "o", "--set", "chunk=8", "faces.score=0.5"]
    assert infer.main([*argv, "--no_resume", "--progress_log_file", "log"]) == 0
    (call,) = list(calls)
    assert call["inputs"] == [Path("a.mp4"), Path("b.mp4")] and call["output_dir"] == Path("o")
    assert call["resume"] is False and call["progress_log_file"] == Path("log")
    assert infer.main(["--input", "a.mp4", "--output_dir", "2024"]) == 0
    assert calls[1]["output_dir"] == Path("2024")
    config = call["config"]
    assert (config.chunk, config.faces.score, config.output_dir, config.inputs) == (8, 0.5, "o", ("a.mp4", "b.mp4"))


def test_defaults_and_exit_code_of_the_pipeline(calls: list[dict[str, Any]]) -> None:
    assert infer.main(["--input", "bad.mp4"]) == 1
    assert calls[0]["resume"] is True and calls[0]["progress_log_file"] is None
    assert calls[0]["output_dir"] == Path("runs")


def test_config_file_with_its_own_inputs(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    config = {"extractors": [{"name": "saliency"}], "inputs": ["c.mp4"], "output_dir": "from_file"}
    (tmp_path / "mine.json").write_text(json.dumps(config))
    assert infer.main(["--infer_config_file", "mine.json"]) == 0
    assert calls[0]["inputs"] == [Path("c.mp4")] and calls[0]["output_dir"] == Path("from_file")
    assert infer.main(["--infer_config_file", "mine.json", "--input", "d.mp4"]) == 0
    assert calls[1]["inputs"] == [Path("d.mp4")]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "no input: name videos with --input"),
        (["--input", "a.mp4", "--gpu", "99"], "device cuda:99: "),
        (["--input", "a.mp4", "--gpu", "-1"], "--gpu -1: GPUs are counted from 0"),
        (["--infer_config", "defualt", "--input", "a"], "--infer_config defualt: no such config (did you mean"),
        (["--infer_config_file", "absent.json"], "absent.json: no such file"),
        (["--input", "a.mp4", "--set", "chunks=3"], "--set: chunks: unknown key (did you mean 'chunk'?)"),
        (["--input", "a.mp4", "--output_dir", ""], "--set: output_dir: a path must be a non-empty text"),
    ],
)
def test_wrong_requests_end_before_anything_runs(
    calls: list[dict[str, Any]], argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer.main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gasp_infer: {said}") and error.count("\n") == 1
    assert calls == []


def fake_probe(path: Path) -> VideoInfo:
    if path.name == "bad.mp4":
        raise MediaError(f"{path}: not a video")
    return VideoInfo(path, 1920, 1080, Fraction(25), 2.0, 50, 0, True, 48000, 2)


@pytest.fixture
def decode(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("gazenet.media.decode")
    module.probe_and_count = fake_probe  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gazenet.media.decode", module)
    monkeypatch.delitem(sys.modules, "gazenet.cli.dry_run", raising=False)


@pytest.mark.usefixtures("decode")
def test_dry_run_tells_the_plan_and_writes_nothing(
    calls: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GAZENET_ASSETS", str(tmp_path / "none"))
    argv = ["--dry_run", "--input", "a.mp4", "--set", 'extractors=[{"name": "gaze_direction", "stride": 3}]']
    assert infer.main(argv) == 2
    said = capsys.readouterr().out
    assert "input a.mp4: 1920x1080, 25.000 fps, 50 frames declared, 2 x 48000 Hz; maps 96x54 (about 0.5 MB)" in said
    assert "writes a/: saliency.npy, saliency_sums.npy, overlay.mp4, attention.csv, report.html, run.json" in said
    assert "extractor gaze_direction, on every 3rd frame" in said
    assert "weights centerface: missing (7.3 MB)" in said
    assert "first run: gasp_download_manager --models centerface" in said
    assert calls == [] and list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("decode")
def test_dry_run_names_bad_inputs_and_unknown_extractors(
    calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gazenet.assets.asset_store.is_verified", lambda asset, path: True)
    argv = ["--dry_run", "--input", "bad.mp4", "a.mp4", "--set"]
    assert infer.main([*argv, 'extractors=[{"name": "gaze_direction"}]']) == 1
    said = capsys.readouterr().out
    assert "input bad.mp4: cannot be used: bad.mp4: not a video" in said and "input a.mp4: 1920x1080" in said
    assert infer.main([*argv, 'extractors=[{"name": "gaze_directoin"}]']) == 2
    assert "gaze_directoin" in capsys.readouterr().err


def test_stray_file_is_an_input_that_was_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        infer.main(["a.mp4"])
    assert "unrecognised argument a.mp4 (did you mean '--input a.mp4'?)" in capsys.readouterr().err


def test_list_names_configs_and_extractors(capsys: pytest.CaptureFixture[str]) -> None:
    assert infer.main(["--list"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"  default +Embedded default", said) and "gaze_direction" in said
    assert "published, generators:" in said and all(f"  {name} " in said for name in infer_names())


def test_a_dry_run_on_a_folder_plans_what_a_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gazenet.assets.asset_store.is_verified", lambda asset, path: True)
    monkeypatch.delitem(
        sys.modules, "gazenet.cli.dry_run", raising=False
    )  # other tests leave one with a false decoder
    films = tmp_path / "films"
    films.mkdir()
    make_clip(films / "a2.mp4", frames=5)
    (films / "a10.MP4").write_bytes((films / "a2.mp4").read_bytes())
    (films / "a2.mov").write_bytes((films / "a2.mp4").read_bytes())
    (films / "notes.txt").write_text("text")
    argv = ["--dry_run", "--input", str(films), "--output_dir", str(tmp_path / "out")]
    assert infer.main([*argv, "--set", 'extractors=[{"name": "gaze_direction"}]']) == 0
    said = capsys.readouterr().out
    assert f"{films}: passed over, not a video or picture: notes.txt" in said
    planned = re.findall(r"^input (.*?): 96x72, 25.000 fps, 5 frames declared.*writes (.*?)/", said, re.M)
    folders = result_folders(expand([films], lambda line: None), tmp_path / "out")
    assert planned == [(str(path), folder.name) for path, folder in folders.items()] and len(planned) == 3
    assert [Path(path).name for path, _ in planned] == ["a2.mov", "a2.mp4", "a10.MP4"]
