"""Cameras, streams, microphones and paced files, with stand-ins for the hardware."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gazenet.errors import MediaError, UsageError
from gazenet.media.live import camera as camera_module
from gazenet.media.live import network_stream as stream_module
from gazenet.media.live.camera import Camera
from gazenet.media.live.microphone import Microphone
from gazenet.media.live.network_stream import NetworkStream
from gazenet.media.live.open_source import is_live, open_live
from gazenet.media.live.paced_file import PacedFile
from gazenet.media.live.sound_ring import RATE
from tests.clips import make_clip


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_paced_file_keeps_its_own_time(tmp_path: Path) -> None:
    clock = Clock()
    source = PacedFile(make_clip(tmp_path / "a.mp4", 10), clock=clock, sleep=clock.sleep)
    taken = []
    while (frame := source.read()) is not None:
        taken.append(frame.taken)
        if len(taken) == 5:
            clock.now += 0.1  # the reader was busy: the next frames come at once
    source.close()
    assert taken[:5] == pytest.approx([100 + k / 25 for k in range(5)])
    assert taken[5] == taken[6] == pytest.approx(100.26)
    assert taken[9] == pytest.approx(100.36)


def test_a_loop_goes_on_in_time_and_sound(tmp_path: Path) -> None:
    clock = Clock()
    path = make_clip(tmp_path / "a.mp4", 25, sound=1.0)
    source = PacedFile(path, loop=True, clock=clock, sleep=clock.sleep)
    taken = [source.read().taken for _ in range(60)]  # type: ignore[union-attr]
    assert np.diff(taken) == pytest.approx(np.full(59, 0.04), abs=1e-6)
    assert source.sound is not None
    heard = source.sound.recent(100.2, 100.8).samples[0]
    crossings = np.count_nonzero(np.diff(np.sign(heard)))
    assert crossings == pytest.approx(2 * 220 * 0.6, rel=0.05), "a tone of 220 Hz"
    assert np.abs(source.sound.recent(101.2, 101.8).samples).max() > 0.3, "and again"
    source.close()


class Device:
    """An OpenCV capture: blue pictures, until it is unplugged."""

    lives: list[int] = []
    opened = 0

    def __init__(self, number: int) -> None:
        Device.opened += 1
        self._left = Device.lives.pop(0) if Device.lives else 0
        self.open = number == 0 and self._left >= 0

    def isOpened(self) -> bool:
        return self.open

    def read(self) -> tuple[bool, Any]:
        self._left -= 1
        blue = np.zeros((48, 64, 3), np.uint8)
        blue[..., 0] = 200
        return (True, blue) if self._left >= 0 else (False, None)

    def get(self, what: int) -> float:
        return 30.0

    def set(self, what: int, value: float) -> None: ...

    def release(self) -> None: ...


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> type[Device]:
    monkeypatch.setattr(camera_module.cv2, "VideoCapture", Device)
    monkeypatch.setattr(camera_module, "PAUSE_S", 0.0)
    Device.lives, Device.opened = [], 0
    return Device


def test_a_camera_gives_pictures_in_rgb(device: type[Device]) -> None:
    device.lives = [10]
    camera = Camera(0, max_side=32)
    assert (camera.size, camera.rate) == ((24, 32), 30.0)
    frame = camera.read()
    assert frame is not None and frame.image.shape == (24, 32, 3)
    assert frame.image[0, 0].tolist() == [0, 0, 200]


def test_a_camera_that_fails_is_opened_again(device: type[Device]) -> None:
    device.lives = [2, 0, 5]
    camera = Camera(0)
    assert all(camera.read() is not None for _ in range(4))
    assert device.opened == 3


def test_an_unplugged_camera_is_said(device: type[Device]) -> None:
    device.lives = [2]
    camera = Camera(0)
    camera.read(), camera.read()
    with pytest.raises(MediaError, match="camera:0: no longer gives frames"):
        camera.read()


def test_no_camera_and_a_blind_one(device: type[Device]) -> None:
    with pytest.raises(UsageError, match="camera:7: no such camera"):
        Camera(7)
    device.lives = [0]
    with pytest.raises(UsageError, match="gives no frames"):
        Camera(0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Files of the test's folder over HTTP."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web_server:
        threading.Thread(target=web_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web_server.server_port}"
        web_server.shutdown()


def test_a_stream_over_the_network(server: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4", 12, sound=0.5)
    stream = open_live(f"{server}/a.mp4", max_side=48)
    assert isinstance(stream, NetworkStream) and stream.size == (36, 48) and stream.rate == 25
    frames = []
    while (frame := stream.read()) is not None:
        frames.append(frame)
    stream.close()
    assert len(frames) == 12 and frames[0].image.shape == (36, 48, 3)
    assert stream.sound is not None
    heard = stream.sound.recent(frames[-1].taken - 0.5, frames[-1].taken + 0.1)
    assert np.abs(heard.samples).max() > 0.1


def test_a_stream_that_breaks_is_opened_again_and_given_up_in_the_end(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip(tmp_path / "a.mp4", 6)
    pauses: list[float] = []
    monkeypatch.setattr(stream_module.time, "sleep", pauses.append)
    stream = NetworkStream(f"{server}/a.mp4")
    assert stream.read() is not None
    stream._frames = stream_module._broken("a")
    assert stream.read() is not None and pauses == [1.0]
    (tmp_path / "a.mp4").unlink()
    stream._frames = stream_module._broken("a")
    with pytest.raises(MediaError, match="5 attempts to reopen it failed"):
        stream.read()
    assert pauses == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0]


class Stalling(http.server.BaseHTTPRequestHandler):
    """Serves most of a file, then keeps the line and says nothing."""

    data = b""
    requests = 0
    over = threading.Event()

    def do_GET(self) -> None:
        Stalling.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data[: len(self.data) // 2])
        self.wfile.flush()
        Stalling.over.wait(60)

    def log_message(self, *said: object) -> None: ...


@pytest.fixture
def stalling(tmp_path: Path) -> Iterator[str]:
    """The URL of a transport stream that stops in its middle."""
    clip = make_clip(tmp_path / "a.mp4", 200, (180, 320))
    with av.open(str(clip)) as source, av.open(str(tmp_path / "a.ts"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    Stalling.data, Stalling.requests = (tmp_path / "a.ts").read_bytes(), 0
    Stalling.over.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling) as web_server:
        web_server.daemon_threads = True
        threading.Thread(target=web_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web_server.server_port}/a.ts"
        Stalling.over.set()
        web_server.shutdown()


def test_a_stream_that_stalls_is_opened_again(stalling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module.time, "sleep", lambda seconds: None)
    stream = NetworkStream(stalling, stall_s=1.0)
    opened = Stalling.requests
    begun = time.monotonic()
    frames = 0
    while Stalling.requests == opened:
        assert stream.read() is not None
        frames += 1
        assert time.monotonic() - begun < 60
    stream.close()
    assert frames > 10 and time.monotonic() - begun > 0.9, "after a second without data, not before"


def test_a_stream_without_pictures(server: str, tmp_path: Path) -> None:
    from tests.clips import make_sound

    make_sound(tmp_path / "a.mp4", 0.5)
    with pytest.raises(MediaError, match="has no video stream"):
        NetworkStream(f"{server}/a.mp4")
    with pytest.raises(MediaError, match=r"secret@|cannot open") as caught:
        NetworkStream("rtsp://user:secret@127.0.0.1:9/x")
    assert "secret" not in str(caught.value), "passwords stay out of messages"


class FakeInput:
    """sounddevice's InputStream: hears a block when asked to."""

    inputs: list[FakeInput] = []

    def __init__(self, samplerate: int, channels: int, dtype: str, device: Any, callback: Any) -> None:
        if device == "nothing":
            raise ValueError("No input device matching 'nothing'")
        assert (samplerate, channels, dtype) == (RATE, 1, "float32")
        self.device, self.callback, self.closed = device, callback, False
        FakeInput.inputs.append(self)

    def start(self) -> None:
        self.callback(np.full((RATE // 10, 1), 0.25, np.float32), RATE // 10, None, None)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("sounddevice")
    fake.InputStream, fake.PortAudioError = FakeInput, RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    FakeInput.inputs.clear()


def test_a_microphone_fills_the_ring(sounddevice: None) -> None:
    microphone = Microphone("2")
    now = time.monotonic()
    assert microphone.ring.recent(now - 0.08, now - 0.05).samples == pytest.approx(0.25)
    assert FakeInput.inputs[0].device == 2
    microphone.close()
    assert FakeInput.inputs[0].closed


def test_a_missing_microphone_is_said(sounddevice: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="microphone nothing: No input device"):
        Microphone("nothing")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UsageError, match=r"pip install 'gazenet\[realtime\]'"):
        Microphone()


@pytest.mark.parametrize(
    ("text", "live"), [("camera:0", True), ("rtsp://host/x", True), ("film.mp4", False), ("camera.mp4", False)]
)
def test_what_is_live(text: str, live: bool) -> None:
    assert is_live(text) == live
