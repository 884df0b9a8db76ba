"""A slot between threads that holds the newest value only."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class SourceEnded(Exception):
    """The source has ended."""


class SourceStalled(Exception):
    """The source gave nothing within the time to wait."""


class LatestValue(Generic[T]):
    """A value that is put in replaces the one that waits; ``dropped`` counts the replaced ones."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._ended = False
        self._error: BaseException | None = None
        self.put_in, self.dropped = 0, 0

    def counted(self) -> tuple[int, int, int]:
        """Numbers of values put in, dropped and waiting (0 or 1) at one moment; the others were taken."""
        with self._changed:
            return self.put_in, self.dropped, int(self._item is not None)

    def put(self, item: T) -> None:
        """Put in a value."""
        with self._changed:
            self.put_in += 1
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Put in no more; ``error`` is raised to the taker after the last value."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self, timeout: float) -> T:
        """Wait for the newest value.

        Raises SourceStalled after ``timeout`` seconds, SourceEnded or the error of the source at its end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._ended, timeout)
            item, self._item = self._item, None
            if item is not None:
                return item
            if self._error is not None:
                raise self._error
            raise SourceEnded if self._ended else SourceStalled
