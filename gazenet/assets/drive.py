"""Google Drive: the address of a file, and the answer to the page that asks whether a large file is really wanted."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

BASE = "https://drive.google.com"
_HOSTS = (".google.com", ".googleusercontent.com")


def drive_address(file_id: str) -> str:
    """Where a file is asked for."""
    return f"{BASE}/uc?export=download&id={file_id}"


def confirmed_address(page: str, address: str) -> str | None:
    """The address behind a confirmation page's form or link; None for any other page.

    Only an address of the same site is taken: a page must not send us elsewhere.
    """
    reader = _Page()
    reader.feed(page)
    found = reader.address
    if found is None:
        return None
    target = urlsplit(urljoin(address, found))
    asked = urlsplit(address)
    same = target.netloc == asked.netloc or (target.hostname or "").endswith(_HOSTS)
    return target.geturl() if same and target.scheme == asked.scheme else None


class _Page(HTMLParser):
    """Finds the form ``download-form`` with its hidden fields, or a link with a ``confirm`` parameter."""

    def __init__(self) -> None:
        super().__init__()
        self._action: str | None = None
        self._link: str | None = None
        self._fields: dict[str, str] = {}

    @property
    def address(self) -> str | None:
        if self._action is None:
            return self._link
        return f"{self._action}?{urlencode(self._fields)}" if self._fields else None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "form" and values.get("id") == "download-form":
            self._action = values.get("action", "").partition("?")[0]
        elif tag == "input" and self._action is not None and values.get("type") == "hidden" and "name" in values:
            self._fields[values["name"]] = values.get("value", "")
        elif tag == "a" and "confirm" in parse_qs(urlsplit(values.get("href", "")).query):
            self._link = values["href"]
