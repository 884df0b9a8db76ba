"""No output takes the place of what was read: compared before any work, by what files are and not by their names."""

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
"""Names of unfinished files; a run removes those that it finds in its folder."""


@dataclass(frozen=True)
class OutputTarget:
    """Where something will be written, and the option or key that says so.

    ``whole``: a folder of which everything may be replaced or removed. ``cleared``: a folder from which unfinished
    files are removed.
    """

    path: Path
    key: str
    whole: bool = False
    cleared: bool = False


def refuse_overwriting(targets: Iterable[OutputTarget], inputs: Iterable[Path]) -> None:
    """Raises UsageError where a target is one of the inputs, under whatever name, or holds one that would go.

    Links count as what they lead to, and hard links as one file; so do names that differ in case on a disk that does
    not tell them apart.
    """
    read = [path for path in dict.fromkeys(inputs) if os.path.lexists(path)]
    if not read:
        return
    themselves = {identity: path for path in read for identity in _identities(path)}
    around = {identity: path for path in read for folder in _folders(path) for identity in _identities(folder)}
    unfinished = [path for path in read if fnmatch.fnmatch(path.name, TEMPORARY)]
    beside = {identity: path for path in unfinished for identity in _identities(Path(os.path.abspath(path)).parent)}
    for target in targets:
        gone = [themselves, *([around] if target.whole else []), *([beside] if target.cleared else [])]
        hit = next((found[one] for one in _identities(target.path) for found in gone if one in found), None)
        if hit is not None:
            raise UsageError(
                f"{target.key}: {printable_name(target.path)} would replace the input {printable_name(hit)}: "
                "choose another place for the results, or move the input"
            )


def named_files(values: Any, leave_out: Sequence[str] = ()) -> Iterator[Path]:
    """The files that the texts of a config (as data) name and that exist; dotted keys are left out on demand."""
    for key, value in _texts(values, ""):
        if not any(key == one or key.startswith(f"{one}.") for one in leave_out) and _is_file(value):
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
        return False  # no path at all


def _identities(path: Path) -> Iterator[object]:
    """What a path is: its place with all links followed, and where the disk says so, the file itself."""
    yield os.path.realpath(path)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return
    if status.st_ino:
        yield status.st_dev, status.st_ino


def _folders(path: Path) -> Iterator[Path]:
    """The folders that a path lies in, by its name and with links followed."""
    yield from Path(os.path.abspath(path)).parents
    yield from Path(os.path.realpath(path)).parents
