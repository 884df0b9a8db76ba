"""Reading ahead: order, bounds, errors, and an end of every thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from gazenet.media.prefetch import read_ahead


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "gazenet-read-ahead"]


class Source:
    """Counts what was made, and notes in which thread it was closed."""

    def __init__(self, count: int) -> None:
        self.count, self.made, self.closed_in = count, 0, ""

    def __iter__(self) -> Iterator[int]:
        try:
            for k in range(self.count):
                self.made += 1
                yield k
        finally:
            self.closed_in = threading.current_thread().name


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_order_and_end(depth: int) -> None:
    assert list(read_ahead(range(200), depth)) == list(range(200))
    assert list(read_ahead([], depth)) == [] and threads() == []


def test_never_further_ahead_than_asked() -> None:
    source = Source(100)
    for k in read_ahead(source, 3):
        time.sleep(0.002)
        assert source.made <= k + 1 + 3 + 1


def test_an_early_end_closes_the_source_in_its_thread() -> None:
    source = Source(10_000)
    for k in read_ahead(source, 4):
        if k == 2:
            break
    assert threads() == [] and source.closed_in == "gazenet-read-ahead" and source.made < 20


def test_an_error_of_the_consumer_ends_the_thread() -> None:
    with pytest.raises(ZeroDivisionError):
        consume_badly()
    assert threads() == []


def consume_badly() -> None:
    for k in read_ahead(range(1000), 2):
        k / 0


def test_an_error_of_the_producer_comes_after_its_items() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("unplugged")

    ahead, seen = read_ahead(failing(), 5), []
    with pytest.raises(OSError, match="unplugged"):
        for item in ahead:
            seen.append(item)
    assert seen == [1, 2] and threads() == []


def test_what_cannot_be_iterated() -> None:
    with pytest.raises(TypeError):
        list(read_ahead(5, 2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="depth"):
        read_ahead([1], 0)


def test_nothing_starts_before_the_first_item() -> None:
    source = Source(3)
    ahead = read_ahead(source, 2)
    assert threads() == [] and source.made == 0
    ahead.close()
    assert threads() == []
