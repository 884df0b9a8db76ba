"""Memory between tests."""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path

MUCH = 1_000_000_000
"""Bytes of resident memory from which on it is worth a collection."""


def give_back() -> None:
    """Return freed memory to the system where there is much of it.

    Networks are freed in pieces that the C library would keep for itself.
    """
    pages = Path("/proc/self/statm")
    if pages.exists() and int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") < MUCH:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
