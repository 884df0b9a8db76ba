"""Errors that reach the user as one line.

Every message names what is at fault (file, key, plugin, frame) and the remedy.
"""

from __future__ import annotations

import signal

QUOTED = 60
"""Characters of a value that a message repeats."""


def quote(value: str) -> str:
    """Return a value in quotes for a message; of a long value only its beginning."""
    return repr(value) if len(value) <= QUOTED else f"{value[:QUOTED]!r}... ({len(value)} characters)"


class GazenetError(Exception):
    """Work on one input failed; the command continues with the others and ends with exit code 1."""


class UsageError(GazenetError):
    """The request itself is wrong (option, config, missing weights); the command ends with exit code 2."""


class MediaError(GazenetError):
    """A video, image or sound cannot be read or written."""


class CacheError(GazenetError):
    """A cache entry is unreadable or belongs to another key."""


class PluginError(GazenetError):
    """A plugin cannot be found, loaded or trusted; the message names the plugin and, where known, the frame."""


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asked the process to end (SIGTERM, SIGHUP).

    It is a KeyboardInterrupt, so that code that cleans up after Ctrl-C does so here, and ``except Exception`` does not
    catch it.

    Attributes:
        signal: the signal received.
    """

    def __init__(self, number: signal.Signals = signal.SIGTERM) -> None:
        super().__init__(number.name)
        self.signal = number
