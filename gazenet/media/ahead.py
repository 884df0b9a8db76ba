"""A thread that runs ahead of its consumer, but only so far."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_END = object()


def read_ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items, produced by a thread that is at most ``depth`` items ahead.

    An error of the producer is raised in the consumer, after the items before it. When the consumer stops early, the
    thread ends before the generator's ``close`` returns.
    """
    if depth < 1:
        raise ValueError("depth must be at least 1")
    return _consume(items, queue.Queue(maxsize=depth), threading.Event())


def _consume(items: Iterable[T], waiting: queue.Queue[object], stop: threading.Event) -> Iterator[T]:
    failure: list[BaseException] = []

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            failure.append(error)
        finally:
            put(_END)

    thread = threading.Thread(target=produce, name="gazenet-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stop.set()
        thread.join()
