"""The contract of a sink."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from gazenet.cues.registry import get
from gazenet.errors import GazenetError, PluginError
from gazenet.guard.exception_text import as_line
from gazenet.guard.guarded_call import guarded
from gazenet.inference.results import ChunkResult, SinkContext


class Sink(Protocol):
    """Receives consecutive chunks of one video. Its output takes its final name in ``close`` and not before.

    Attributes:
        name: key of the sink in the config's ``outputs``.
        files: names of what it leaves in the folder.
        notes: (optional) plain lines about what could not be written as wished; read after ``close``.
    """

    name: str
    files: tuple[str, ...]

    def open(self, context: SinkContext) -> None: ...

    def write(self, chunk: ChunkResult) -> None: ...

    def close(self, summary: dict[str, Any]) -> None: ...

    def abort(self) -> None:
        """Removes what was begun; called after an error anywhere, after a failed ``open``, also after ``close``."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns OSError into one line that names the file and what to do."""
    try:
        yield
    except OSError as error:
        text = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = "disk full; free some space and run again, what is done is kept"
        raise GazenetError(f"{path}: {text}") from error


def load_sink(name: str) -> Sink:
    """The installed sink of that name. Raises PluginError where it cannot be made or does not say what it leaves."""
    implementation = get(name, "gazenet.sinks", type).load()
    with guarded(f"sink {name}", "loading", lenient=True):
        sink: Sink = implementation()
        if sink.name != name or not all(isinstance(file, str) for file in tuple(sink.files)):
            raise PluginError(f"sink {name}: loading: its name and files must be texts, the name that of its entry")
        return sink


def still_there(sink: Sink, folder: Path) -> bool:
    """What a sink says of results that an earlier run left; one that says nothing is judged by its files alone."""
    with guarded(f"sink {sink.name}", "looking at earlier results", own=(GazenetError,)):
        return bool(getattr(sink, "kept", lambda folder: True)(folder))


def notes_of(sink: Sink) -> list[str]:
    """Plain lines about what could not be written as wished."""
    with guarded(f"sink {sink.name}", "closing"):
        return [as_line(note, longest=1000) for note in getattr(sink, "notes", [])]
