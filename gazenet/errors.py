"""Errors that reach the user as one line.

Every message names what is at fault (file, key, plugin, frame) and the remedy.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

QUOTED = 60
"""Characters of a value that a message repeats."""


def quote(value: str) -> str:
    """Return a value in quotes for a message; of a long value only its beginning."""
    return repr(value) if len(value) <= QUOTED else f"{value[:QUOTED]!r}... ({len(value)} characters)"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names for a message, with commas between; of many only the first ``most`` and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class GazenetError(Exception):
    """Work on one input failed; a command goes on with the others and ends with exit code 1.

    All errors of the package that a caller may expect are of this class.

    >>> import gazenet
    >>> try:
    ...     gazenet.load_config("infer", "default", ["faces.scor=1"])
    ... except gazenet.GazenetError as error:
    ...     print(error)
    --set: faces.scor: ...did you mean 'score'?...
    """


class UsageError(GazenetError):
    """The request itself is wrong (option, config, missing weights); a command ends with exit code 2.

    >>> import gazenet
    >>> try:
    ...     gazenet.load_config("infer", "defualt")
    ... except gazenet.UsageError as error:
    ...     print(error)
    --infer_config defualt: ...did you mean 'default'?...
    """


class MediaError(GazenetError):
    """A video, image or sound cannot be read or written.

    >>> import gazenet
    >>> from gazenet.media import read_image
    >>> try:
    ...     read_image("missing.png")
    ... except gazenet.MediaError as error:
    ...     print(error)
    missing.png: no such file
    """


class CacheError(GazenetError):
    """A cache entry is unreadable or belongs to something else.

    >>> import gazenet
    >>> from gazenet.maps.frame_folders import FrameFolderReader
    >>> try:
    ...     FrameFolderReader("Grouped_frames", "coutrot1", "clip_1")
    ... except gazenet.CacheError as error:
    ...     print(error)
    Grouped_frames/coutrot1/clip_1: ...
    """


class PluginError(GazenetError):
    """A plugin cannot be found, loaded or trusted; the message names it and, where known, the frame.

    >>> import gazenet
    >>> from gazenet.guard.guarded_call import guarded
    >>> try:
    ...     with guarded("my_cue", "extract"):
    ...         raise ZeroDivisionError("division by zero")
    ... except gazenet.PluginError as error:
    ...     print(error)
    my_cue: extract: ZeroDivisionError: division by zero
    """


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
