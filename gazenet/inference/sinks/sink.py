"""The contract of a sink."""

from __future__ import annotations

import contextlib
import errno
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gazenet.config.sink_spec import SinkSpec
from gazenet.errors import GazenetError, PluginError, UsageError
from gazenet.guard.exception_text import as_line
from gazenet.guard.guarded_call import guarded
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.plugin_registry import PluginEntry


class Sink(Protocol):
    """Receives consecutive chunks of one video. Its output takes its final name in ``close`` and not before.

    Inherit this class to get ``abort``, ``kept`` and ``notes`` that say nothing, and ``name`` and ``files`` of the
    declaration.
    """

    spec: SinkSpec
    notes: Sequence[str] = ()
    """Plain lines about what could not be written as wished; read after ``close``."""

    @property
    def name(self) -> str:
        """The key of the sink in the config's ``outputs``."""
        return self.spec.name

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files in the folder of results."""
        return self.spec.files

    @abstractmethod
    def open(self, context: SinkContext) -> None:
        """Begin a video."""

    @abstractmethod
    def write(self, chunk: ChunkResult) -> None:
        """Take the next frames; arrays are read-only, for other sinks get the same."""

    @abstractmethod
    def close(self, summary: dict[str, Any]) -> None:
        """Finish the files and give them their names."""

    def abort(self) -> None:
        """Remove what was begun; called after an error anywhere, after a failed ``open``, also after ``close``."""

    def kept(self, folder: Path) -> bool:
        """Return whether what the files in ``folder`` refer to still exists, besides the files themselves."""
        return True


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into one line that names the file and what to do."""
    try:
        yield
    except OSError as error:
        text = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = "disk full; free some space and run again, what is done is kept"
        raise GazenetError(f"{path}: {text}") from error


@dataclass(frozen=True)
class LoadedSink(Sink):
    """A sink that a package offers, behind the border of plugins."""

    spec: SinkSpec
    plugin: Sink

    @property
    def notes(self) -> Sequence[str]:  # type: ignore[override]
        """Plain lines about what could not be written as wished."""
        with guarded(f"sink {self.name}", "closing"):
            return [as_line(note, longest=1000) for note in self.plugin.notes]

    def open(self, context: SinkContext) -> None:
        """Begin a video."""
        self.plugin.open(context)

    def write(self, chunk: ChunkResult) -> None:
        """Take the next frames."""
        self.plugin.write(chunk)

    def close(self, summary: dict[str, Any]) -> None:
        """Finish the files and give them their names."""
        self.plugin.close(summary)

    def abort(self) -> None:
        """Remove what was begun."""
        self.plugin.abort()

    def kept(self, folder: Path) -> bool:
        """Return whether what the files in ``folder`` refer to still exists."""
        with guarded(f"sink {self.name}", "looking at earlier results", own=(GazenetError,)):
            return bool(self.plugin.kept(folder))


def make_sink(entry: PluginEntry[SinkSpec], settings: Mapping[str, Any]) -> LoadedSink:
    """Make an installed sink with the settings of a config.

    Raises UsageError for wrong settings, PluginError where it cannot be made.
    """
    try:
        checked = entry.spec.settings_from(settings)
    except ValueError as error:
        raise UsageError(str(error)) from None
    implementation = entry.load()
    with guarded(f"sink {entry.name}", "loading", lenient=True):
        plugin = implementation() if checked is None else implementation(checked)
        if not hasattr(plugin, "notes"):
            raise PluginError(f"sink {entry.name}: loading: it has no attribute notes: inherit gazenet.plugins.Sink")
    return LoadedSink(entry.spec, plugin)


def check_overlap(sinks: Sequence[Sink]) -> None:
    """Raise UsageError for two sinks that would write one file."""
    owner: dict[str, str] = {}
    for sink in sinks:
        for file in sink.files:
            if file in owner:
                raise UsageError(f"outputs.{sink.name}: writes {file}, which {owner[file]} writes: leave one out")
            owner[file] = sink.name
