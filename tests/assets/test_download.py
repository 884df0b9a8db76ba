"""Files at addresses: resumed, from mirrors, never longer or shorter than the catalogue says."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gazenet.assets.catalogue import UrlAsset
from gazenet.assets.download import download
from gazenet.assets.fetch import fetch
from gazenet.errors import GazenetError

DATA = bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    """``/good`` honours ranges, ``/plain`` ignores them, ``/short`` breaks off half way, the rest is not there."""

    ranges: list[str] = []

    def do_GET(self) -> None:
        kind = self.path.rpartition("/")[2].partition(".")[0]
        if kind not in ("good", "plain", "short"):
            self.send_error(404)
            return
        wanted = self.headers.get("Range", "")
        Handler.ranges.append(wanted)
        start = int(wanted[6:-1]) if wanted and kind == "good" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        self.wfile.write(DATA[start : len(DATA) // 2 if kind == "short" else None])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize("kind", ["good", "plain"])
def test_download_continues_or_begins_again(server: str, tmp_path: Path, kind: str) -> None:
    part = tmp_path / "x.part"
    part.write_bytes(DATA[:1000])
    Handler.ranges.clear()
    download([f"{server}/{kind}"], part, len(DATA))
    assert part.read_bytes() == DATA
    assert Handler.ranges == ["bytes=1000-"]


def test_broken_connection_keeps_what_came_for_the_next_address(server: str, tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    Handler.ranges.clear()
    download([f"{server}/short", f"{server}/absent", f"{server}/good"], part, len(DATA))
    assert part.read_bytes() == DATA
    assert Handler.ranges == ["", f"bytes={len(DATA) // 2}-"]


def test_every_reason_is_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(GazenetError, match=r"/absent: Not Found; .*/good: the file is larger than the 10 bytes"):
        download([f"{server}/absent", f"{server}/good"], tmp_path / "x", 10)
    with pytest.raises(GazenetError, match="Connection refused"):
        download(["http://127.0.0.1:9/x"], tmp_path / "y", 10)


def asset(address: str, data: bytes = DATA) -> UrlAsset:
    return UrlAsset(
        id="net",
        kind="url",
        url=address,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        licence="MIT",
        source="test",
    )


def test_fetch_verifies_and_publishes(server: str, tmp_path: Path) -> None:
    said: list[str] = []
    assert fetch([asset(f"{server}/good.bin")], tmp_path, said.append) == []
    assert (tmp_path / "net.bin").read_bytes() == DATA
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.bin", "net.bin.verified"]


def test_mirror_is_tried_first(server: str, tmp_path: Path) -> None:
    wanted = asset("http://127.0.0.1:9/good.bin").model_copy(update={"id": "good"})
    assert fetch([wanted], tmp_path, lambda _: None, mirror=server) == []
    assert (tmp_path / "good.bin").read_bytes() == DATA


def test_wrong_content_is_thrown_away(server: str, tmp_path: Path) -> None:
    (failure,) = fetch([asset(f"{server}/good.bin", bytes(len(DATA)))], tmp_path, lambda _: None)
    assert "not the published file" in failure.message
    assert list(tmp_path.iterdir()) == []


def test_no_space_is_seen_before_the_download(tmp_path: Path) -> None:
    huge = asset("http://127.0.0.1:9/x.bin").model_copy(update={"size": 1 << 60})
    (failure,) = fetch([huge], tmp_path, lambda _: None)
    assert failure.message == f"{tmp_path}: disk full"
