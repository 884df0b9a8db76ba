"""The contract of a sink."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from gazenet.errors import GazenetError
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
