"""Progress of several downloads: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gazenet.assets.download import ProgressMeter, unmetered
from gazenet.redaction import without_secrets


class QuietDisplay:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def meter(self, name: str) -> ProgressMeter:
        return unmetered


class LineDisplay:
    """Plain lines, one per event."""

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self._say = say

    def say(self, text: str) -> None:
        self._say(without_secrets(text))

    def meter(self, name: str) -> ProgressMeter:
        return unmetered


class _Bars:
    """One bar per file, lines above them."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
        self.progress = Progress(*columns, transient=True)

    def say(self, text: str) -> None:
        self.progress.console.print(without_secrets(text), markup=False, highlight=False, soft_wrap=True)

    def meter(self, name: str) -> ProgressMeter:
        task = self.progress.add_task(name.replace("[", "\\["), total=None)

        def update(done: int, total: int | None) -> None:
            self.progress.update(task, completed=done, total=total, visible=total is None or done < total)

        return update


@contextmanager
def display() -> Iterator[_Bars | LineDisplay]:
    """Bars where standard output is a terminal."""
    if not sys.stdout.isatty():
        yield LineDisplay()
        return
    bars = _Bars()
    with bars.progress:
        yield bars
