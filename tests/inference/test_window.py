"""The window of a live run, on a display that nobody sees; in processes of their own, for tkinter ends with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazenet.errors import UsageError
from gazenet.inference.live.live_sinks import WindowSink
from tests.clips import make_clip

MADE_UP = """
import sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from PIL import Image, ImageGrab
from gazenet.inference.live.live_sinks import WindowClosed, WindowSink
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.media.frames import VideoInfo

size, folder = (180, 320), Path(sys.argv[1])
info = VideoInfo(Path("party.mp4"), size[1], size[0], Fraction(25), None, 4, 0, False, None, None)
y, x = np.mgrid[:9, :16]
saliency = np.exp(-((x - 12) ** 2 + (y - 4) ** 2) / 4)[None].astype(np.float32)

def chunk(index):
    frame = np.full((*size, 3), 90, np.uint8)
    return ChunkResult(index, [frame], np.array([0.0]), saliency, np.zeros((1, 0), np.float32), [()], {}, {})

sink = WindowSink()
sink.open(SinkContext(folder, Path("party.mp4"), info, size, (9, 16), (), (), {}))
sink.write(chunk(0))
"""
LOOK = """
left, top = sink._label.winfo_rootx(), sink._label.winfo_rooty()
screen = ImageGrab.grab(xdisplay=sys.argv[2]).convert("RGB")
screen.crop((left, top, left + size[1], top + size[0])).save(folder / "seen.png")
Image.fromarray(sink.draw(chunk(0), 0)).save(folder / "drawn.png")
"""
CLOSE = """
if sys.argv[3] == "key":
    sink._window.focus_force()
    sink._window.event_generate("<KeyPress-q>")
else:
    sink._close()
try:
    for index in range(1, 50):
        sink.write(chunk(index))
except WindowClosed:
    print("closed")
sink.abort()
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A virtual screen of 640x480."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("no virtual display: apt install xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    if not number:
        server.wait()
        pytest.skip("the virtual display does not start here")
    yield f":{number}"
    server.terminate()
    server.wait()


def shown_on(display: str, *arguments: str) -> str:
    """What a Python program prints that has this display. It must end well."""
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_screen_shows_the_frame_in_the_colours_of_the_map(display: str, tmp_path: Path) -> None:
    assert shown_on(display, "-c", MADE_UP + LOOK + CLOSE, str(tmp_path), display, "button") == "closed\n"
    seen, drawn = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("seen", "drawn"))
    assert np.array_equal(seen, drawn), "what was drawn is what is seen"
    near, far = seen[84:96, 225:235].mean((0, 1)), seen[84:96, 40:60].mean((0, 1))
    assert near[0] > near[2] + 60, "the peak glows in warm colours"
    assert np.ptp(far) < 5 and far.max() < 90, "where nobody looks the grey frame is a little darker"


def test_a_key_ends_it(display: str, tmp_path: Path) -> None:
    assert shown_on(display, "-c", MADE_UP + CLOSE, str(tmp_path), display, "key") == "closed\n"


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_weights")
def test_a_live_run_in_a_window(display: str, face: np.ndarray, tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mp4", 25, (128, 160), image=face)
    arguments = ["--infer_config", "InferRealtime", "--realtime", "--set", "realtime.window=true"]
    shown_on(
        display, "-m", "gazenet.cli.infer", *arguments, "--input", str(film), "--output_dir", str(tmp_path / "out")
    )
    (record,) = (tmp_path / "out").glob("film-*/live.json")
    frames = json.loads(record.read_text())["frames"]
    assert frames["captured"] == 25 and frames["shown"] > 0


def test_without_a_display_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    monkeypatch.setenv("DISPLAY", ":97531")
    with pytest.raises(UsageError, match=r"realtime\.window: no display .*leave the window out"):
        WindowSink().open(None)  # type: ignore[arg-type]
