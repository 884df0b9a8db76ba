"""Fixtures that every room uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets; tests that need it carry the mark ``data``."""
    folder = os.environ.get("GAZENET_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data sets absent: set GAZENET_TEST_DATA to their folder")
    return Path(folder)
