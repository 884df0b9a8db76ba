"""One HTTP request for a file or the rest of it, and the checks of its response."""

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
    """The address does not serve the file; retrying does not help."""


class StalePart(AddressRefused):
    """The bytes fetched before do not belong to the file that the server has now."""


class ConnectionLost(GazenetError):
    """The connection broke; retrying may help. ``wait``: seconds that the server asked to wait."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class HttpResponse:
    """The body of a response and the facts in its headers.

    Attributes:
        body: the open stream.
        start: position of the first byte in the file.
        total: bytes of the whole file, where the server sends it.
        bounded: whether the end of the body can be distinguished from a broken connection.
        validator: strong ETag or date of this version of the file; empty where the server sends none.
    """

    body: IO[bytes]
    start: int
    total: int | None
    bounded: bool
    validator: str


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A handler that follows redirects only to http and https, and never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Return the redirected request. Raises AddressRefused for an unprotected target."""
        if not newurl.startswith("https://") and (req.full_url.startswith("https://") or newurl[:7] != "http://"):
            raise AddressRefused(f"redirects to {newurl}, which is not protected")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def request_file(address: str, have: int, validator: str) -> Iterator[HttpResponse]:
    """Request a file from byte ``have`` on, if it is still the version of ``validator``.

    Raises AddressRefused and ConnectionLost.
    """
    opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with _errors():
        response = _open(opener, address, have, validator)
        page = _page(response)
        if page is not None:
            response.close()
            confirmed = confirmed_address(page, address)
            if confirmed is None:
                raise AddressRefused("sends a web page instead of the file")
            response = _open(opener, confirmed, have, validator)
            if _page(response) is not None:
                raise AddressRefused("sends a web page instead of the file, even after the confirmation")
        with response:
            yield _read_response(response, have)


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
            raise  # an error of the local disk
        cause = getattr(error, "reason", None) or error
        if isinstance(cause, FileNotFoundError):  # a file:// address
            raise AddressRefused("no such file") from None
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
    """Return whether the first bytes of a file are those of a web page."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))


def _page(response: Any) -> str | None:
    """Return the text of a response that declares itself a web page; None for another one."""
    if response.headers.get_content_type() not in ("text/html", "application/xhtml+xml"):
        return None
    return str(response.read(_PAGE_BYTES).decode("utf-8", "replace"))


def _read_response(response: Any, have: int) -> HttpResponse:
    headers: Message = response.headers
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdigit() else None
    start, total = 0, size
    if getattr(response, "status", None) == 206:
        match = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if match is None or int(match[1]) != have:
            raise StalePart(f"sends another part of the file than requested ({headers.get('Content-Range')})")
        start = have
        total = int(match[3]) if match[3].isdigit() else None if size is None else have + size
    chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
    return HttpResponse(response, start, total, size is not None or chunked, _validator(headers))


def _validator(headers: Message) -> str:
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
