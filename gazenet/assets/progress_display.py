"""Displays of the progress of downloads: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gazenet.assets.download import ProgressMeter, ignore_progress
from gazenet.redaction import without_secrets


class LineDisplay:
    """A display of plain lines, one per event."""

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self._say = say

    def say(self, text: str) -> None:
        """Print a line without credentials."""
        self._say(without_secrets(text))

    def meter(self, name: str) -> ProgressMeter:
        """Return a meter that shows nothing."""
        return ignore_progress


class _Bars:
    """A display of one bar per file, with lines above the bars."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
        self.progress = Progress(*columns, transient=True)

    def say(self, text: str) -> None:
        """Print a line without credentials above the bars."""
        self.progress.console.print(without_secrets(text), markup=False, highlight=False, soft_wrap=True)

    def meter(self, name: str) -> ProgressMeter:
        """Return the meter that moves the bar of a file."""
        task = self.progress.add_task(name.replace("[", "\\["), total=None)

        def update(done: int, total: int | None) -> None:
            self.progress.update(task, completed=done, total=total, visible=total is None or done < total)

        return update


@contextmanager
def display() -> Iterator[_Bars | LineDisplay]:
    """Yield bars where standard output is a terminal, else plain lines."""
    if not sys.stdout.isatty():
        yield LineDisplay()
        return
    bars = _Bars()
    with bars.progress:
        yield bars
