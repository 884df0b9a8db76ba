"""Google Drive: the address of a file, and the confirmation page of large files."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

BASE = "https://drive.google.com"
_HOSTS = (".google.com", ".googleusercontent.com")


def drive_address(file_id: str) -> str:
    """Return the download address of a file."""
    return f"{BASE}/uc?export=download&id={file_id}"


def confirmed_address(page: str, address: str) -> str | None:
    """Return the address that the form or link of a confirmation page leads to; None for any other page.

    Only an address of the same site is accepted: a page must not redirect the download to another host.
    """
    reader = _ConfirmationPage()
    reader.feed(page)
    link = reader.address
    if link is None:
        return None
    target = urlsplit(urljoin(address, link))
    source = urlsplit(address)
    same = target.netloc == source.netloc or (target.hostname or "").endswith(_HOSTS)
    return target.geturl() if same and target.scheme == source.scheme else None


class _ConfirmationPage(HTMLParser):
    """A parser that extracts the form ``download-form`` with its hidden fields, or a link with ``confirm``."""

    def __init__(self) -> None:
        super().__init__()
        self._action: str | None = None
        self._link: str | None = None
        self._fields: dict[str, str] = {}

    @property
    def address(self) -> str | None:
        """The address of the form or link, once the page has been fed."""
        if self._action is None:
            return self._link
        return f"{self._action}?{urlencode(self._fields)}" if self._fields else None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read one tag."""
        values = {key: value or "" for key, value in attrs}
        if tag == "form" and values.get("id") == "download-form":
            self._action = values.get("action", "").partition("?")[0]
        elif tag == "input" and self._action is not None and values.get("type") == "hidden" and "name" in values:
            self._fields[values["name"]] = values.get("value", "")
        elif tag == "a" and "confirm" in parse_qs(urlsplit(values.get("href", "")).query):
            self._link = values["href"]
