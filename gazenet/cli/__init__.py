"""The commands, one thin module each; :mod:`gazenet.cli.command` is what they share."""

from __future__ import annotations

import sys
from types import TracebackType

_usual = sys.excepthook


def _without_interrupts(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what nobody caught, unless it is an interrupt: while a command imports, Ctrl-C is no fault to report."""
    if not issubclass(kind, KeyboardInterrupt):
        _usual(kind, error, trace)


sys.excepthook = _without_interrupts
