"""Errors that reach the user as one clear line.

Every message names the thing at fault (file, key, plugin, frame) and the remedy.
"""

from __future__ import annotations

import signal

QUOTED = 60
"""Characters of somebody's value that a message repeats."""


def quote(value: str) -> str:
    """A value as a message shows it: in quotes, only its beginning where it is long."""
    return repr(value) if len(value) <= QUOTED else f"{value[:QUOTED]!r}... ({len(value)} characters)"


class GazenetError(Exception):
    """Work on one input failed; a command goes on with the others and ends with exit code 1."""


class UsageError(GazenetError):
    """The request itself is wrong (option, config, missing weights); a command ends with exit code 2."""


class MediaError(GazenetError):
    """A video, image or sound cannot be read or written."""


class CacheError(GazenetError):
    """A cache entry is unreadable or belongs to something else."""


class PluginError(GazenetError):
    """A plugin cannot be found, loaded or trusted; the message names it and, where known, the frame."""


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asked the process to end (SIGTERM, SIGHUP); ``signal`` says which.

    It is a KeyboardInterrupt: whoever cleans up after the one cleans up after the other, and nobody who catches
    errors catches it.
    """

    def __init__(self, number: signal.Signals = signal.SIGTERM) -> None:
        super().__init__(number.name)
        self.signal = number
