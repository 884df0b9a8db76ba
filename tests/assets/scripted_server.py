"""A file server on loopback that misbehaves as its paths say: ``/<behaviour>/<file name>``."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DATA = bytes(range(256)) * 1000
PAGE = b"<!DOCTYPE html><html><body>Sorry, the file you have requested does not exist.</body></html>"


class Server(ThreadingHTTPServer):
    """Serves ``files`` (all others are DATA) and notes what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges: list[str] = []
        self.asked: Counter[str] = Counter()
        self.release = threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request; the method ``_<behaviour>`` answers it."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        place = urlsplit(self.path)
        behaviour, _, name = place.path.lstrip("/").partition("/")
        self.data = self.server.files.get(name.rpartition("/")[2], DATA)
        self.query = parse_qs(place.query)
        self.server.asked[self.path] += 1
        self.server.ranges.append(self.headers.get("Range", ""))
        self.time = self.server.asked[self.path]
        answer: Callable[[], None] = getattr(self, f"_{behaviour}", self._missing)
        answer()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _send(self, status: int = 200, body: bytes | None = None, **headers: object) -> None:
        body = self.data if body is None else body
        headers.setdefault("Content_Length", len(body))
        self.send_response(status)
        for key, value in headers.items():
            if value is not None:
                self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def _part(self, end: int | None = None, tag: str = "", promise: int | None = None) -> None:
        """What was asked for, cut at ``end`` whatever the headers say; honours Range and If-Range."""
        tag = tag or f'"{hashlib.md5(self.data).hexdigest()}"'
        wanted, unless = self.headers.get("Range", ""), self.headers.get("If-Range", tag)
        start = int(wanted[6:-1]) if wanted and unless == tag else 0
        total = len(self.data) if promise is None else promise
        if start >= total > 0:
            self._send(416, b"", Content_Range=f"bytes */{total}")
            return
        headers = {"Content_Range": f"bytes {start}-{total - 1}/{total}"} if start else {}
        self._send(206 if start else 200, self.data[start:end], ETag=tag, Content_Length=total - start, **headers)

    def _good(self) -> None:
        self._part()

    def _plain(self) -> None:
        self._send()

    def _cut(self) -> None:
        self._part(end=len(self.data) * self.time // 4)

    def _half(self) -> None:
        self._send(body=self.data[: len(self.data) // 2], Content_Length=len(self.data))

    def _stall(self) -> None:
        if self.time > 1:
            self._part()
            return
        self._part(end=len(self.data) // 2)
        self.wfile.flush()
        self.server.release.wait(10)

    def _understate(self) -> None:
        self._part(end=len(self.data) // 2, promise=len(self.data) // 2)

    def _overstate(self) -> None:
        self._part(promise=len(self.data) + 10)

    def _endless(self) -> None:
        self._send(Content_Length=None)

    def _chunked(self) -> None:
        self._send(
            body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.data), self.data),
            Content_Length=None,
            Transfer_Encoding="chunked",
        )

    def _chopped(self) -> None:
        self._send(
            body=b"%x\r\n%s" % (len(self.data), self.data[:99]), Content_Length=None, Transfer_Encoding="chunked"
        )

    def _page(self) -> None:
        self._send(body=PAGE, Content_Type="text/html; charset=utf-8")

    def _disguised(self) -> None:
        self._send(body=b"\n " + PAGE, Content_Type="application/octet-stream")

    def _empty(self) -> None:
        self._send(body=b"")

    def _busy(self) -> None:
        self._send(503, b"", Retry_After="0") if self.time < 3 else self._part()

    def _missing(self) -> None:
        self._send(404, PAGE, Content_Type="text/html")

    def _moved(self) -> None:
        self._send(302, b"", Location=self.path.replace("moved", "good", 1))

    def _loop(self) -> None:
        self._send(302, b"", Location=self.path)

    def _redirect(self) -> None:
        self._send(302, b"", Location="file:///etc/passwd")

    def _changing(self) -> None:
        """Another version every time; cut in the middle the first time."""
        self.data = bytes([self.time]) * len(self.data)
        self._part(end=len(self.data) // 2 if self.time == 1 else None)

    def _careless(self) -> None:
        """Continues another version although it was told which one is wanted."""
        if self.time == 1:
            self._part(end=len(self.data) // 2, tag='"one"')
            return
        wanted = self.headers.get("Range", "")
        start = int(wanted[6:-1]) if wanted else 0
        self.data, total = b"B" * len(self.data), len(self.data)
        headers = {"Content_Range": f"bytes {start}-{total - 1}/{total}"} if start else {}
        self._send(206 if start else 200, self.data[start:], ETag='"two"', **headers)

    def _shifted(self) -> None:
        """Answers a wish for a part with another part."""
        if not self.headers.get("Range"):
            self._part()
            return
        self._send(206, self.data[7:], Content_Range=f"bytes 7-{len(self.data) - 1}/{len(self.data)}")

    def _unranged(self) -> None:
        self._send(416, b"") if self.headers.get("Range") else self._part()

    def _uc(self) -> None:
        """As Google Drive answers for a large file."""
        form = (
            '<html><body><form id="download-form" action="/usercontent?x=1" method="get">'
            '<input type="hidden" name="id" value="{}"/><input type="hidden" name="confirm" value="t"/>'
            '<input type="hidden" name="uuid" value="a-b"/><input type="submit" value="go"/></form></body></html>'
        )
        page = form.format(self.query["id"][0]).encode()
        self._send(body=page, Content_Type="text/html; charset=utf-8", Set_Cookie="download_warning=yes")

    def _usercontent(self) -> None:
        asked = {key: value[0] for key, value in self.query.items()}
        cookie = "download_warning=yes" in self.headers.get("Cookie", "")
        if cookie and asked == {"id": "drive_file_1", "confirm": "t", "uuid": "a-b"}:
            self._part()
        else:
            self._page()

    def _slow(self) -> None:
        """Sends a block at a time, so that a process can be killed on the way."""
        wanted = self.headers.get("Range", "")
        start = int(wanted[6:-1]) if wanted else 0
        self._part(end=start)
        for place in range(start, len(self.data), 4096):
            self.wfile.write(self.data[place : place + 4096])
            self.wfile.flush()
            time.sleep(0.002 if self.server.release.is_set() else 0.05)


@contextmanager
def serving() -> Iterator[Server]:
    """A running server."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
