"""The commands, one thin module each; :mod:`gazenet.cli.command` is what they share."""

from __future__ import annotations

import sys
from types import TracebackType

_default_hook = sys.excepthook


def _report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an uncaught exception, unless it is an interrupt: Ctrl-C while a command imports is not a fault."""
    if not issubclass(kind, KeyboardInterrupt):
        _default_hook(kind, error, trace)


sys.excepthook = _report_uncaught
