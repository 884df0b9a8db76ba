"""Progress: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_S = 5.0
"""Seconds between two lines."""


@contextmanager
def progress_bar(name: str, frames: int | None) -> Iterator[Callable[[int], None]]:
    """Show the progress of one input of about ``frames`` frames; call what is given with the frames read so far."""
    start = time.monotonic()

    def rate(done: int) -> float:
        return done / max(time.monotonic() - start, 1e-6)

    if not sys.stderr.isatty():
        yield _lines(name, frames, rate)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[rate]:.1f} frames/s"), console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=frames, rate=0.0)
        yield lambda done: bar.update(task, completed=done, rate=rate(done))


def _lines(name: str, frames: int | None, rate: Callable[[int], float]) -> Callable[[int], None]:
    of = f" of about {frames}" if frames else ""
    due = 0.0

    def show(done: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_S
            print(f"{name}: {done}{of} frames, {rate(done):.1f} frames/s", file=sys.stderr, flush=True)

    return show
