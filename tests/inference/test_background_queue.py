"""Calls in the background: in order, bounded, errors raised, nothing left running."""

from __future__ import annotations

import threading
import time

import pytest

from gazenet.inference.engine.cue_entries import background_queue


def test_calls_are_done_in_order_while_the_caller_goes_on() -> None:
    gate, done = threading.Event(), []
    with background_queue(limit=3) as queue:
        queue.submit(lambda: gate.wait(10) and done.append(0))  # type: ignore[func-returns-value]
        queue.submit(lambda: done.append(1))
        queue.submit(lambda: done.append(2))
        assert done == []
        gate.set()
        queue.finish()
        assert done == [0, 1, 2]
        queue.submit(lambda: done.append(3))
    assert done == [0, 1, 2, 3]


def test_only_so_many_wait() -> None:
    gate, done = threading.Event(), []
    with background_queue(limit=1) as queue:
        queue.submit(lambda: gate.wait(10) and done.append(0))  # type: ignore[func-returns-value]
        threading.Timer(0.05, gate.set).start()
        begin = time.perf_counter()
        queue.submit(lambda: done.append(1))
        assert done[:1] == [0] and time.perf_counter() - begin > 0.02


def fails() -> None:
    raise OSError("no space")


def test_an_error_is_raised_once_by_who_comes_next() -> None:
    with background_queue() as queue:
        queue.submit(fails)
        with pytest.raises(OSError, match="no space"):
            queue.finish()
        queue.finish()
    with background_queue(limit=1) as queue:
        queue.submit(fails)
        with pytest.raises(OSError, match="no space"):
            queue.submit(lambda: None)


def test_leaving_with_an_error_drops_what_has_not_begun() -> None:
    gate, begun, done = threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        gate.wait(10)
        done.append(0)

    with pytest.raises(RuntimeError, match="stop"), background_queue() as queue:
        queue.submit(first)
        queue.submit(lambda: done.append(1))
        begun.wait(10)
        threading.Timer(0.05, gate.set).start()
        raise RuntimeError("stop")
    assert done == [0]
