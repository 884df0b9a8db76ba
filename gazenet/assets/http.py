"""One request for (the rest of) a file: what is asked, what the answer says of itself, and when it is refused."""

from __future__ import annotations

import errno
import http
import http.client
import http.cookiejar
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any

from gazenet.assets.drive import confirmed_address
from gazenet.errors import GazenetError

TIMEOUT_SECONDS = 30.0
_AGENT = "gasp_download_manager"
_PAGE_BYTES = 1 << 20
SNIFF_BYTES = 512
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_FAULTS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, OSError)


class AddressRefused(GazenetError):
    """This address will not give the file, however often it is asked."""


class StalePart(AddressRefused):
    """What was fetched before does not fit what the server has now."""


class ConnectionLost(GazenetError):
    """The connection did not last; asking again may help. ``wait``: seconds that the server asked for."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class HttpAnswer:
    """The body of an answer and what the server says of it.

    Attributes:
        start: position in the file of the first byte.
        total: bytes of the whole file, where it is told.
        bounded: whether the end of the body can be told from a broken connection.
        validator: strong ETag or date that names this version of the file; empty where there is none.
    """

    body: IO[bytes]
    start: int
    total: int | None
    bounded: bool
    validator: str


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, and never from https back to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://") and (req.full_url.startswith("https://") or newurl[:7] != "http://"):
            raise AddressRefused(f"redirects to {newurl}, which is not protected")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def request_file(address: str, have: int, validator: str) -> Iterator[HttpAnswer]:
    """Ask for a file from byte ``have`` on, provided that it is still the version of ``validator``.

    Raises Refused and Interrupted.
    """
    opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with _errors():
        response = _open(opener, address, have, validator)
        page = _page(response)
        if page is not None:
            response.close()
            confirmed = confirmed_address(page, address)
            if confirmed is None:
                raise AddressRefused("answers with a web page instead of the file")
            response = _open(opener, confirmed, have, validator)
            if _page(response) is not None:
                raise AddressRefused("answers with a web page instead of the file, after the confirmation too")
        with response:
            yield _answer(response, have)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            reason = f"{error.code} {str(error.reason).partition(chr(10))[0]}"
            if error.code in _PASSING:
                raise ConnectionLost(reason, _seconds(error.headers.get("Retry-After", ""))) from None
            raise (StalePart if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE else AddressRefused)(
                reason
            ) from None
    except _FAULTS as error:
        if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
            raise  # our own disk
        cause = getattr(error, "reason", None) or error
        if isinstance(cause, FileNotFoundError):  # an address file://
            raise AddressRefused("there is no such file") from None
        raise ConnectionLost(str(cause) or type(error).__name__) from None


def _seconds(text: str) -> float:
    return min(float(text), 60.0) if text.isdigit() else 0.0


def _open(opener: urllib.request.OpenerDirector, address: str, have: int, validator: str) -> Any:
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if validator:
            headers["If-Range"] = validator
    return opener.open(urllib.request.Request(address, headers=headers), timeout=TIMEOUT_SECONDS)


def looks_like_page(start: bytes) -> bool:
    """Whether a file begins as a web page does."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))


def _page(response: Any) -> str | None:
    """The text of an answer that declares itself a web page."""
    if response.headers.get_content_type() not in ("text/html", "application/xhtml+xml"):
        return None
    return str(response.read(_PAGE_BYTES).decode("utf-8", "replace"))


def _answer(response: Any, have: int) -> HttpAnswer:
    headers: Message = response.headers
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdigit() else None
    start, total = 0, size
    if getattr(response, "status", None) == 206:
        match = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if match is None or int(match[1]) != have:
            raise StalePart(f"sends another part of the file than was asked for ({headers.get('Content-Range')})")
        start = have
        total = int(match[3]) if match[3].isdigit() else None if size is None else have + size
    chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
    return HttpAnswer(response, start, total, size is not None or chunked, _validator(headers))


def _validator(headers: Message) -> str:
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
