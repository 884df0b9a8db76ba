"""Protection of inputs: before any work, outputs are compared with the inputs, by file identity rather than name."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazenet.errors import UsageError
from gazenet.redaction import printable_name

TEMPORARY = ".*.tmp*"
"""Pattern of unfinished files, which a run removes from its folder."""


@dataclass(frozen=True)
class OutputTarget:
    """A path that will be written.

    Attributes:
        path: the file or folder.
        key: the option or config key that names it.
        whole: whether it is a folder of which everything may be replaced or removed.
        cleared: whether it is a folder from which unfinished files are removed.
    """

    path: Path
    key: str
    whole: bool = False
    cleared: bool = False


def refuse_overwriting(targets: Iterable[OutputTarget], inputs: Iterable[Path]) -> None:
    """Raise UsageError where a target is an input, under any name, or contains one that would be replaced or removed.

    Symbolic links count as their targets and hard links as one file, as do names that differ in case on a file system
    that ignores case.
    """
    existing = [path for path in dict.fromkeys(inputs) if os.path.lexists(path)]
    if not existing:
        return
    files = {identity: path for path in existing for identity in _identities(path)}
    parents = {identity: path for path in existing for folder in _folders(path) for identity in _identities(folder)}
    unfinished = [path for path in existing if fnmatch.fnmatch(path.name, TEMPORARY)]
    cleared = {identity: path for path in unfinished for identity in _identities(Path(os.path.abspath(path)).parent)}
    for target in targets:
        affected = (cleared if target.cleared else {}) | (parents if target.whole else {}) | files
        path = next((affected[identity] for identity in _identities(target.path) if identity in affected), None)
        if path is not None:
            raise UsageError(
                f"{target.key}: {printable_name(target.path)} would replace the input {printable_name(path)}: "
                "choose another place for the results, or move the input"
            )


def named_files(values: Any, leave_out: Sequence[str] = ()) -> Iterator[Path]:
    """Yield the existing files that the texts of a config name.

    Args:
        values: the config as data.
        leave_out: dotted keys to skip, with all keys below them.
    """
    for key, value in _texts(values, ""):
        if not any(key == name or key.startswith(f"{name}.") for name in leave_out) and _is_file(value):
            yield Path(value).expanduser()


def _texts(values: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _texts(value, f"{key}.{name}".lstrip("."))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _texts(value, key)
    elif isinstance(values, str) and values:
        yield key, values


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False  # not a path


def _identities(path: Path) -> Iterator[object]:
    """Yield what identifies a path: its place with all links followed, and device and inode where there are any."""
    yield os.path.realpath(path)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return
    if status.st_ino:
        yield status.st_dev, status.st_ino


def _folders(path: Path) -> Iterator[Path]:
    """Yield the folders that contain a path, by its name and with links followed."""
    yield from Path(os.path.abspath(path)).parents
    yield from Path(os.path.realpath(path)).parents
