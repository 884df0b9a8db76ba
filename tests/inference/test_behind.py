"""Calls behind the caller's back: in order, bounded, errors told, nothing left running."""

from __future__ import annotations

import threading
import time

import pytest

from gazenet.inference.engine.background import BackgroundQueue


def test_calls_are_done_in_order_while_the_caller_goes_on() -> None:
    gate, done = threading.Event(), []
    with BackgroundQueue(most=3) as behind:
        behind.do(lambda: gate.wait(10) and done.append(0))  # type: ignore[func-returns-value]
        behind.do(lambda: done.append(1))
        behind.do(lambda: done.append(2))
        assert done == []
        gate.set()
        behind.finish()
        assert done == [0, 1, 2]
        behind.do(lambda: done.append(3))
    assert done == [0, 1, 2, 3]


def test_only_so_many_wait() -> None:
    gate, done = threading.Event(), []
    with BackgroundQueue(most=1) as behind:
        behind.do(lambda: gate.wait(10) and done.append(0))  # type: ignore[func-returns-value]
        threading.Timer(0.05, gate.set).start()
        begin = time.perf_counter()
        behind.do(lambda: done.append(1))
        assert done[:1] == [0] and time.perf_counter() - begin > 0.02


def fails() -> None:
    raise OSError("no space")


def test_an_error_is_raised_once_by_who_comes_next() -> None:
    with BackgroundQueue() as behind:
        behind.do(fails)
        with pytest.raises(OSError, match="no space"):
            behind.finish()
        behind.finish()
    with BackgroundQueue(most=1) as behind:
        behind.do(fails)
        with pytest.raises(OSError, match="no space"):
            behind.do(lambda: None)


def test_leaving_with_an_error_drops_what_has_not_begun() -> None:
    gate, begun, done = threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        gate.wait(10)
        done.append(0)

    with pytest.raises(RuntimeError, match="stop"), BackgroundQueue() as behind:
        behind.do(first)
        behind.do(lambda: done.append(1))
        begun.wait(10)
        threading.Timer(0.05, gate.set).start()
        raise RuntimeError("stop")
    assert done == [0]
