"""The contract of a sink."""

from __future__ import annotations

from typing import Any, Protocol

from gazenet.inference.results import ChunkResult, SinkContext


class Sink(Protocol):
    """Receives consecutive chunks of one video. Its output takes its final name in ``close`` and not before.

    Attributes:
        name: key of the sink in the config's ``outputs``.
        files: names of what it leaves in the folder.
    """

    name: str
    files: tuple[str, ...]

    def open(self, context: SinkContext) -> None: ...

    def write(self, chunk: ChunkResult) -> None: ...

    def close(self, summary: dict[str, Any]) -> None: ...

    def abort(self) -> None:
        """Removes what was begun; called after an error in any sink or stage, also after ``close``."""
