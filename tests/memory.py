"""Memory between tests."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Return freed memory to the system: networks are freed in pieces that the C library would keep for itself."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
