"""Which threads have Python text compiled: what CPython 3.11 cannot do in two of them at once."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

_listeners: list[list[str]] = []
_hooked: list[bool] = []


@contextlib.contextmanager
def compiling_threads() -> Iterator[list[str]]:
    """Collects the name of the thread for every text that is compiled within the block (not: modules imported)."""
    if not _hooked:  # a hook can never be taken away again
        _hooked.append(True)
        sys.addaudithook(_heard)
    heard: list[str] = []
    _listeners.append(heard)
    try:
        yield heard
    finally:
        _listeners.remove(heard)


def _heard(event: str, args: tuple[object, ...]) -> None:
    if event == "compile" and _listeners and args[1] in (None, "<unknown>", "<string>"):
        for one in _listeners:
            one.append(threading.current_thread().name)
