"""Progress: a bar where people watch, plain lines where they do not."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any


class ProgressBars:
    """One bar per input with rate and time left; use it as a context manager."""

    def __init__(self, name: str, frames: int | None) -> None:
        self._name, self._frames, self._start = name, frames, time.monotonic()
        self._bar: Any = None
        self._last = 0.0

    def __enter__(self) -> ProgressBars:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            rate = TextColumn("{task.fields[rate]:.1f} frames/s")
            self._bar = Progress(*columns, rate, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=self._frames, rate=0.0)
        return self

    def update(self, frames: int) -> None:
        """Tells how many frames have been read."""
        now = time.monotonic()
        rate = frames / max(now - self._start, 1e-6)
        if self._bar is not None:
            self._bar.update(self._task, completed=frames, rate=rate)
        elif now - self._last >= 5:
            self._last = now
            of = f" of about {self._frames}" if self._frames else ""
            print(f"{self._name}: {frames}{of} frames, {rate:.1f} frames/s", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
