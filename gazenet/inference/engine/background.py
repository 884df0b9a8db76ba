"""What nobody waits for, done in order on a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class BackgroundQueue:
    """Does calls one after the other, behind the backs of its callers (several threads); a context manager.

    Leaving it after an error drops what has not begun. ``most``: calls that wait; a further one waits for the oldest.
    """

    def __init__(self, most: int = 16) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gazenet-behind")
        self._waiting: deque[Future[None]] = deque()
        self._most, self._lock = most, threading.Lock()

    def __enter__(self) -> BackgroundQueue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=error is not None)

    def do(self, call: Callable[[], None]) -> None:
        """Takes a call. Raises what an earlier one raised."""
        with self._lock:
            while self._waiting and (len(self._waiting) >= self._most or self._waiting[0].done()):
                self._waiting.popleft().result()
            self._waiting.append(self._thread.submit(call))

    def finish(self) -> None:
        """Waits for all calls. Raises what one of them raised."""
        with self._lock:
            while self._waiting:
                self._waiting.popleft().result()
