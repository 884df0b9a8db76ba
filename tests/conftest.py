"""Fixtures that every room uses."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets; tests that need it carry the mark ``data``."""
    folder = os.environ.get("GAZENET_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data sets absent: set GAZENET_TEST_DATA to their folder")
    return Path(folder)


@pytest.fixture(scope="module", autouse=True)
def memory_given_back() -> Iterator[None]:
    """Networks of hundreds of megabytes are freed in pieces that the C library would keep for itself."""
    yield
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
