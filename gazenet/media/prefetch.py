"""A thread that runs ahead of its consumer, but only so far."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar, cast

T = TypeVar("T")

_END = object()
_POLL_SECONDS = 0.05


def read_ahead(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """The same items, produced by a thread that is at most ``depth`` items (and the one in its hands) ahead.

    An error of the producer is raised in the consumer, after the items before it. When the consumer stops early
    (``close``, a ``break``, an error), the thread closes the producer's generator and ends before this one's ``close``
    returns. Nothing starts before the first item is asked for.
    """
    if depth < 1:
        raise ValueError("depth must be at least 1")
    return _consume(_Producer(items, depth))


def _consume(producer: _Producer[T]) -> Generator[T, None, None]:
    thread = threading.Thread(target=producer.run, name="gazenet-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := producer.waiting.get()) is not _END:
            yield cast(T, item)
        if producer.failure is not None:
            raise producer.failure
    finally:
        producer.stop.set()
        thread.join()


class _Producer(Generic[T]):
    """What the two threads share."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self.waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
        self.stop = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            source = iter(self._items)
            for item in source:
                if not self._put(item):
                    break
            close = getattr(source, "close", None)
            if callable(close):
                close()
        except BaseException as error:
            self.failure = error
        finally:
            self._put(_END)

    def _put(self, item: object) -> bool:
        while not self.stop.is_set():
            try:
                self.waiting.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False
