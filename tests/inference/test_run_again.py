"""What a second run makes of what the first one left: damaged results, other inputs of the same name, any name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gazenet.config.inference import InferConfig
from gazenet.inference.cache.earlier_results import digests, faults, now, write_overview
from gazenet.inference.engine.pipeline import run
from gazenet.inference.results import RunResult
from tests.clips import make_clip
from tests.inference.calls import Calls

Go = Callable[..., RunResult]


@pytest.fixture
def go(tmp_path: Path, odd: Calls) -> Go:
    """Runs one made-up extractor over inputs; leaves a report and pictures of every frame."""

    def start(*inputs: Path, output: str = "out", **more: Any) -> RunResult:
        outputs = {"maps": False, "overlay": False, "attention": False, "report": True}
        outputs |= {"published": {"root": str(tmp_path / "frames")}}
        data = {"extractors": [{"name": "odd"}], "integrator": None, "chunk": 4, "map_size": 16, "outputs": outputs}
        data |= {"faces": {"mesh": False, "stride": 12}, "cache_dir": str(tmp_path / "cache"), "threads": 1, **more}
        config = InferConfig.model_validate({**data, "inputs": [str(path) for path in inputs]})
        return run(config, inputs, tmp_path / output)

    return start


def record(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run.json").read_text(encoding="utf-8")))


# ---- results by size and hash


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (lambda path: os.truncate(path, 100), "report.html: has 100 bytes instead of"),
    "edited": (flip, "report.html: has been changed; made again"),
    "gone": (Path.unlink, "report.html: is gone; made again"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_are_noticed_and_made_again(
    tmp_path: Path, go: Go, odd: Calls, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, folder = make_clip(tmp_path / "clip.mp4", 12, (32, 48)), tmp_path / "out" / "clip"
    assert go(clip).exit_code == 0
    first, computed, untouched = record(folder), odd(), (folder / "published.json").stat()
    assert first["digests"] == digests(folder, ["report.html", "published.json"]) and set(first["outputs"]) == {
        "report.html",
        "published.json",
    }
    break_it, line = DAMAGES[damage]
    break_it(folder / "report.html")
    capsys.readouterr()
    assert go(clip).exit_code == 0
    assert line in capsys.readouterr().err and (folder / "report.html").stat().st_size > 1000
    assert odd() == computed, "maps come from the cache"
    after = (folder / "published.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns), "only what was damaged"
    again = record(folder)
    assert again["digests"] == digests(folder, first["outputs"]) and again["outputs"] == first["outputs"]
    assert "nothing to do" not in capsys.readouterr().err
    assert go(clip).finished[0].skipped


def test_a_damaged_picture_is_noticed(tmp_path: Path, go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 12, (32, 48))
    go(clip)
    picture = tmp_path / "frames" / "videos" / "clip" / "7" / "captured_1.jpg"
    whole = picture.read_bytes()
    os.truncate(picture, 20)
    go(clip)
    assert "published.json: the files that it lists are incomplete or changed; made again" in capsys.readouterr().err
    assert picture.read_bytes() == whole
    assert go(clip).finished[0].skipped


def test_records_without_digests_count_by_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    assert faults(tmp_path, {"outputs": ["a.csv"]}, ["a.csv"]) == {}
    assert faults(tmp_path, {}, ["b.csv"]) == {"b.csv": "is gone"}
    assert faults(tmp_path, {"digests": {"a.csv": {}}}, ["a.csv"]) == {}
    (tmp_path / "c").mkdir()
    known = digests(tmp_path, ["a.csv", "c", "missing"])
    assert list(known) == ["a.csv"] and faults(tmp_path, {"digests": known}, ["a.csv", "c"]) == {}
    assert faults(tmp_path, {"digests": {"c": known["a.csv"]}}, ["c"]) == {"c": "is not a file"}


# ---- other inputs of the same name


def test_another_video_of_the_name_keeps_the_first_ones_results(
    tmp_path: Path, go: Go, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, frames in (("x", 12), ("y", 9)):
        (tmp_path / place).mkdir()
        make_clip(tmp_path / place / "clip.mp4", frames, (32, 48))
    first, second = tmp_path / "x" / "clip.mp4", tmp_path / "y" / "clip.mp4"
    go(first)
    kept = (tmp_path / "out" / "clip" / "run.json").read_bytes()
    capsys.readouterr()
    (done,) = go(second).finished
    assert done.folder is not None and done.folder.name.startswith("clip_") and record(done.folder)["frames"] == 9
    assert f"results go to {done.folder}" in capsys.readouterr().err
    assert (tmp_path / "out" / "clip" / "run.json").read_bytes() == kept
    for order in ([first, second], [second, first]):
        found = {one.path: one for one in go(*order).finished}
        assert found[first].folder == tmp_path / "out" / "clip" and found[second].folder == done.folder
        assert found[first].skipped and found[second].skipped


def test_a_moved_input_keeps_its_folder_and_a_changed_one_is_told(
    tmp_path: Path, go: Go, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 12, (32, 48))
    go(clip)
    (tmp_path / "moved").mkdir()
    moved = Path(shutil.move(clip, tmp_path / "moved" / "clip.mp4"))
    assert [(one.folder, one.skipped) for one in go(moved).finished] == [(tmp_path / "out" / "clip", True)]
    make_clip(clip, 9, (32, 48))
    shutil.rmtree(tmp_path / "frames")
    capsys.readouterr()
    (done,) = go(clip).finished
    assert done.folder == tmp_path / "out" / "clip" and done.frames == 9
    assert f"{clip}: has changed since its results were made; made again" in capsys.readouterr().err


# ---- any name, and nothing secret


def test_names_that_are_not_utf_8(tmp_path: Path, go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    good = make_clip(tmp_path / "good.mp4", 9, (32, 48))
    names = [b"bad\xff.mp4", b"bad\\xff.mp4"]
    bad, literal = (Path(shutil.copy(good, tmp_path / os.fsdecode(name))) for name in names)
    result = go(bad, good, literal, output=os.fsdecode(b"out\xfe"))
    assert result.exit_code == 0 and [one.path for one in result.finished] == [bad, good, literal]
    home = tmp_path / os.fsdecode(b"out\xfe")
    overview = record(home)
    shown = [rf"{tmp_path}/{name}" for name in (r"bad\xff.mp4", "good.mp4", r"bad\\xff.mp4")]
    assert [one["input"] for one in overview["finished"]] == shown == overview["config"]["inputs"]
    assert all(one["folder"].startswith(rf"{tmp_path}/out\xfe/") for one in overview["finished"])
    for one in result.finished:
        assert one.folder is not None and record(one.folder)["input"] in shown
        assert (one.folder / "report.html").read_text(encoding="utf-8")
    assert rf"{tmp_path}/bad\xff.mp4: 9 frames in" in capsys.readouterr().err
    assert [one.skipped for one in go(bad, good, literal, output=os.fsdecode(b"out\xfe")).finished] == [True] * 3


def test_records_and_lines_hold_no_credentials(tmp_path: Path, go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 9, (32, 48))
    secret = Path("rtsp://me:pa55word@cam.example/live?token=s3cret")
    result = go(clip, secret)
    assert result.exit_code == 1 and "rtsp:/***@cam.example/live?***: " in result.failures[0].reason
    texts = [path.read_text("utf-8", "replace") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    texts += [*capsys.readouterr(), *(str(path) for path in (tmp_path / "out").rglob("*"))]
    assert len(texts) > 5 and not [text for text in texts if "pa55word" in text or "s3cret" in text]


# ---- the overview


def test_runs_side_by_side_stand_in_one_overview(tmp_path: Path) -> None:
    def overview(name: str, failures: tuple[str, ...] = ()) -> dict[str, Any]:
        told = [{"input": one, "reason": "x"} for one in failures]
        return {"finished": [{"input": name, "folder": name}], "failures": told, "config": {"inputs": [name]}}

    began = now()
    write_overview(tmp_path, overview("a", ("c", "d")), began)
    write_overview(tmp_path, overview("b", ("d",)), began)
    both = record(tmp_path)
    assert [one["input"] for one in both["finished"]] == ["a", "b"]
    assert [one["input"] for one in both["failures"]] == ["c", "d"]
    write_overview(tmp_path, overview("e"), "9999")
    later = record(tmp_path)
    assert [one["input"] for one in later["finished"]] == ["e"] and later["failures"] == []
