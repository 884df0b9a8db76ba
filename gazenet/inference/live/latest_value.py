"""A place for one thing: the newest."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class SourceEnded(Exception):
    """Nothing more will come."""


class SourceStalled(Exception):
    """Nothing came for as long as one was willing to wait."""


class LatestValue(Generic[T]):
    """What is put in replaces what nobody has taken yet; ``dropped`` counts what was replaced."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._ended, self._error = False, None  # type: bool, BaseException | None
        self.put_in, self.dropped = 0, 0

    def counted(self) -> tuple[int, int, int]:
        """At one moment: what was put in, what of it was dropped, what waits (0 or 1); the rest was taken."""
        with self._changed:
            return self.put_in, self.dropped, int(self._item is not None)

    def put(self, item: T) -> None:
        with self._changed:
            self.put_in += 1
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will be put; ``error`` is raised to whoever takes after the last item."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self, timeout: float) -> T:
        """Waits for the newest item. Raises Stalled after ``timeout`` seconds, Ended (or the error) at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._ended, timeout)
            item, self._item = self._item, None
            if item is not None:
                return item
            if self._error is not None:
                raise self._error
            raise SourceEnded if self._ended else SourceStalled
