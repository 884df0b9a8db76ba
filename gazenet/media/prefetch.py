"""Prefetching: a thread that produces items ahead of their consumer, up to a limit."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar, cast

T = TypeVar("T")

_END = object()
_POLL_SECONDS = 0.05


def read_ahead(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield items that a thread produces at most ``depth`` items (and the one in progress) ahead.

    An error of the producer is raised in the consumer, after the items before it. When the consumer stops early
    (``close``, a ``break``, an error), the thread closes the producer's generator and ends before this generator's
    ``close`` returns. The thread starts with the first item requested. Raises ValueError for a depth below 1.
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
    """The state that both threads share."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self.waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
        self.stop = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Put all items into the queue, then the end marker; the body of the thread."""
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
