"""The page: complete, closed to the outside, safe with any text, bounded in size."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.report.html_report import MOST_FRAMES, ReportBuilder, ReportFrame

CUES = ("saliency", "active_speaker")
HOSTILE = "</script><script>alert(1)</script> & \"quotes\" @DATA@ 'x' \udcff.mp4"


def build(path: Path, frames: int = 5, title: str = "clip.mp4", side: int = 64, **summary: Any) -> str:
    report = ReportBuilder(path, title, CUES, CUES)
    noise = np.random.default_rng(0)
    for k in range(frames):
        image = noise.integers(0, 255, (side, side * 2, 3)).astype(np.uint8)
        one = np.zeros((9, 16), np.float32)
        one[3, k % 16] = 1
        maps = {name: np.full((9, 16), 40 * c, np.uint8) for c, name in enumerate(CUES)}
        shares, boxes = {7: 0.6}, {7: (1.0, 2.0, 30.0, 40.0)}
        report.add(ReportFrame(k, k / 25, image, one, maps, [0.25, 0.5], shares, boxes, (side, side * 2)))
    report.finish(summary)
    return path.read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found
    return dict(json.loads(found[1]))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_holds_what_was_fed(tmp_path: Path) -> None:
    data = data_of(build(tmp_path / "r.html", 5, timings={"frames_per_s": 9.5}))
    assert [frame["index"] for frame in data["frames"]] == [0, 1, 2, 3, 4]
    assert data["frames"][3]["peak"] == pytest.approx([3.5 / 16, 3.5 / 9], abs=1e-4)
    assert set(data["frames"][0]["pictures"]) == {"frame", "heat", "cue:saliency", "cue:active_speaker"}
    assert base64.b64decode(data["frames"][0]["pictures"]["frame"])[:2] == b"\xff\xd8"
    assert [gate["values"][0] for gate in data["gates"]] == [0.25, 0.5]
    (person,) = data["people"]
    assert person["track"] == 7 and person["share"] == 0.6 and person["frames"] == 5
    assert data["elsewhere"] == 0.4 and data["summary"]["timings"]["frames_per_s"] == 9.5


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    warnings = ["<img src=x onerror=alert(1)>"]
    page = build(tmp_path / "r.html", 1, HOSTILE, warnings=warnings, config={HOSTILE: HOSTILE})
    tags = Tags()
    tags.feed(page)
    assert [tag for tag, _ in tags.seen].count("script") == 2
    assert "alert(1)</script>" not in page and "<img src=x" not in page
    data = data_of(page)
    assert data["title"] == HOSTILE and data["summary"]["warnings"] == warnings


def test_nothing_is_asked_of_anybody(tmp_path: Path) -> None:
    page = build(tmp_path / "r.html", 2)
    tags = Tags()
    tags.feed(page)
    assert [t for t, a in tags.seen if {"src", "href", "action"} & set(a)] == []
    outside = set(re.findall(r"https?://[^\s\"')]+", page)) - {"http://www.w3.org/2000/svg"}
    assert outside == set() and "@import" not in page and "url(" not in page
    policy = next(a["content"] for t, a in tags.seen if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for kind, text in (("style", r"<style>(.*?)</style>"), ("script", r"<script>(.*?)</script>")):
        found = re.search(text, page, re.S)
        assert found
        digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_numbers_that_json_lacks_and_foreign_types_are_survived(tmp_path: Path) -> None:
    told = {"a": float("nan"), "b": np.float32(1.5), "c": Path("x"), "d": (1, {2}), "e": np.int64(3), "f": True}
    summary = data_of(build(tmp_path / "r.html", 1, more=told))["summary"]
    assert summary["more"] == {"a": None, "b": 1.5, "c": "x", "d": [1, [2]], "e": 3, "f": True}


def test_without_frames_integrator_or_people(tmp_path: Path) -> None:
    empty = data_of(build(tmp_path / "none.html", 0))
    assert empty["frames"] == [] and empty["people"] == []
    report = ReportBuilder(tmp_path / "cues.html", "x", CUES)
    report.add(ReportFrame(0, 0.0, np.zeros((16, 16, 3), np.uint8), None, {}, [], {}, {}, (16, 16)))
    report.finish({})
    data = data_of((tmp_path / "cues.html").read_text(encoding="utf-8"))
    assert data["gates"] == [] and "heat" not in data["frames"][0]["pictures"]


def test_lists_that_are_too_long_say_so(tmp_path: Path) -> None:
    many = [f"warning {k}" for k in range(80)]
    summary = data_of(build(tmp_path / "r.html", 1, warnings=many, config={"x": "y" * 300_000}))["summary"]
    assert len(summary["warnings"]) == 51 and "30 more" in summary["warnings"][-1]
    assert "run.json" in summary["config"]


def test_the_page_stays_below_ten_megabytes(tmp_path: Path) -> None:
    # Noise is the worst that JPEG can meet.
    page = build(tmp_path / "r.html", 2 * MOST_FRAMES + 3, side=360)
    assert len(page) < 10_000_000
    assert 10 < len(data_of(page)["frames"]) <= MOST_FRAMES


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gazenet.files._os_write", full)
    with pytest.raises(OSError, match="No space"):
        build(tmp_path / "r.html", 1)
    assert list(tmp_path.iterdir()) == []
