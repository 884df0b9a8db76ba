"""The report in a real browser: does it draw, and are picture and time line linked both ways?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from gazenet.report.html_report import ReportBuilder, ReportFrame

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",
    "--window-size=1400,1500",
]
HOSTILE = '<b onclick=alert(1)>&"clip".mp4'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    path = tmp_path_factory.mktemp("report") / "report.html"
    page = ReportBuilder(path, HOSTILE, ("saliency", "speech"), ("saliency", "speech"))
    rows, columns = np.mgrid[:18, :32]
    for k in range(40):
        image = np.full((180, 320, 3), (40, 90, 140), np.uint8)
        one = np.exp(-((rows - 9) ** 2 + (columns - 4 - k / 2) ** 2) / 8).astype(np.float32)
        maps = {"saliency": (255 * one).astype(np.uint8), "speech": (127 * one).astype(np.uint8)}
        gates, shares, boxes = [0.2 + k / 100, 0.5], {0: k / 80}, {0: (40, 40, 90, 100)}
        page.add(ReportFrame(k, k / 10, image, one, maps, gates, shares, boxes, (180, 320)))
    page.finish({"warnings": ["<i>a warning</i>"], "timings": {"stages_s": {"decode": 1.0}}, "config": {"a": 1}})
    return path


def visit(page: Path, folder: Path, *what: str, hash_: str = "") -> str:
    profile = folder / "profile"
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *what, page.as_uri() + hash_]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def acting(report: Path, folder: Path, script: str) -> str:
    """The page's DOM after a script of ours acted on it; the policy of this copy is widened to let it run."""
    text = report.read_text(encoding="utf-8")
    text = re.sub(r"script-src '[^']+'", "script-src 'unsafe-inline'", text)
    copy = folder / "acting.html"
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return visit(copy, folder, "--dump-dom")


def shown(dom: str) -> int:
    found = re.search(r'<body[^>]* data-frame="(\d+)"', dom)
    assert found, dom[:500]
    return int(found[1])


def cursor(dom: str) -> float:
    found = re.search(r'class="cursor"[^>]* x1="([\d.]+)"', dom)
    assert found
    return float(found[1])


def test_the_address_opens_a_frame_and_marks_it_in_the_time_line(report: Path, tmp_path: Path) -> None:
    early = visit(report, tmp_path, "--dump-dom", hash_="#frame=12")
    late = visit(report, tmp_path, "--dump-dom", hash_="#time=3.02")
    assert 'data-ready="1"' in early
    assert (shown(early), shown(late)) == (12, 30)
    assert 'aria-valuenow="1.20"' in early
    # The plot runs from 40 px to 8 px before its end; frame 12 of 0..39 and 30 of 0..39 lie on it in proportion.
    assert (cursor(late) - 40) / (cursor(early) - 40) == pytest.approx(30 / 12, rel=0.01)


def test_text_is_text_and_facts_are_there(report: Path, tmp_path: Path) -> None:
    dom = visit(report, tmp_path, "--dump-dom")
    assert '&lt;b onclick=alert(1)&gt;&amp;"clip".mp4</h1>' in dom
    assert "&lt;i&gt;a warning&lt;/i&gt;" in dom and "<i>a warning" not in dom
    assert "Person 0" in dom and "24.4 %" in dom and "decode" in dom


@pytest.mark.parametrize(
    ("script", "frame", "pinned"),
    [
        ("point('pointerdown', 0.5)", 20, 20),
        ("point('pointermove', 0.25)", 10, 0),
        ("point('pointermove', 0.25); T.dispatchEvent(new PointerEvent('pointerleave'))", 0, 0),
        ("key('ArrowRight'); key('ArrowRight'); key('ArrowLeft')", 1, 1),
        ("key('End')", 39, 39),
    ],
)
def test_pointing_and_keys_move_the_frame(report: Path, tmp_path: Path, script: str, frame: int, pinned: int) -> None:
    helpers = """
    const T = document.getElementById('timeline'), B = T.querySelector('.plot').getBoundingClientRect();
    const point = (kind, part) => T.querySelector('.plot').dispatchEvent(new PointerEvent(kind,
      {bubbles: true, clientX: B.left + 40 + part * (B.width - 48), buttons: kind === 'pointerdown' ? 1 : 0}));
    const key = (name) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: name, bubbles: true}));
    """
    done = ";document.body.dataset.hash = location.hash;"
    dom = acting(report, tmp_path, helpers + script + done)
    assert shown(dom) == frame
    assert f'data-hash="#frame={pinned}"' in dom


def test_playing_moves_on(report: Path, tmp_path: Path) -> None:
    dom = acting(report, tmp_path, "document.getElementById('play').click()")
    assert shown(dom) > 0 and 'aria-label="Pause"' in dom


def test_the_screenshot_shows_picture_glow_and_time_line(report: Path, tmp_path: Path) -> None:
    picture = tmp_path / "shot.png"
    visit(report, tmp_path, f"--screenshot={picture}", hash_="#frame=20")
    shot = cv2.imread(str(picture))[:, :, ::-1].astype(int)
    blue = (shot[..., 2] > shot[..., 0] + 40).sum()
    glow = ((shot[..., 0] > 200) & (shot[..., 1] > 120) & (shot[..., 2] < 120)).sum()
    assert blue > 100_000 and glow > 500
