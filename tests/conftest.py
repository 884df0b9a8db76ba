"""Fixtures that every room uses."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.memory import give_back

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in the background may have told them, and all that they start, to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of every later collection of garbage: each would cost a second."""
    gc.freeze()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets; tests that need it carry the mark ``data``."""
    folder = os.environ.get("GAZENET_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data sets absent: set GAZENET_TEST_DATA to their folder")
    return Path(folder)


@pytest.fixture(autouse=True)
def the_same_draws_in_every_run() -> None:
    """A case that is hard for one run in a thousand is hard for every run or none."""
    random.seed(0)
    # Only where they are loaded: some tests look at what a start loads.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def same_working_directory() -> Iterator[None]:
    """Commands change to their working directory; the next test begins where the run began."""
    before = os.getcwd()
    yield
    os.chdir(before)


@pytest.fixture(scope="module", autouse=True)
def memory_given_back() -> Iterator[None]:
    """Networks of hundreds of megabytes do not stay until the end of the run."""
    yield
    give_back()
