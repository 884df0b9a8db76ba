"""From what the user names to files and result folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.errors import GazenetError
from gazenet.inference.earlier import NAME, OVERVIEW_LOCK, is_of, read_record
from gazenet.media.source import IMAGE_SUFFIXES, VIDEO_SUFFIXES, source_id

RESERVED = (NAME, OVERVIEW_LOCK, ".cache", ".", "..")
MOST_BYTES = 200


def expand(inputs: Sequence[Path]) -> list[Path]:
    """Files as they are; a folder stands for the videos and pictures inside it, sorted by name."""
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES)
            files += inside or [path]
        else:
            files.append(path)
    return files


def result_folders(
    files: Sequence[Path],
    output_dir: Path,
    names: Mapping[Path, str] | None = None,
    identity: Callable[[Path], str] = source_id,
) -> dict[Path, Path]:
    """``<output_dir>/<stem>`` per file; where that is another input's, the stem with a suffix made from the full path.

    Another input's are the folders of files with an equal stem that come earlier, and those in which an earlier run
    left results of a file that lay elsewhere and has another content: a file that was moved keeps its folder, and so
    does one whose content changed. ``names`` take the place of stems. Stems that differ in case only count as the
    same, as they do on some disks; names of our own files are avoided. ``identity`` tells the content of a file.
    """
    folders: dict[Path, Path] = {}
    taken = set(RESERVED)
    for file in files:
        if file in folders:
            continue
        wished = (names or {}).get(file, file.stem)
        stem = wished.encode("utf-8", "surrogateescape")[:MOST_BYTES].decode("utf-8", "ignore") or "input"
        suffixed = f"{stem}_{hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:8]}"
        free = [name for name in (stem, suffixed) if name.casefold() not in taken] or [suffixed]
        records = {name: read_record(output_dir / name) for name in free}
        name = _chosen(file, records, identity)
        taken.add(name.casefold())
        folders[file] = output_dir / name
    return folders


def _chosen(file: Path, records: Mapping[str, dict[str, Any] | None], identity: Callable[[Path], str]) -> str:
    """Of folders with what they hold: the one of this very file, that of its content, an empty one, the last."""
    for name, record in records.items():
        if record is not None and is_of(record, file):
            return name
    known = {record["source_id"]: name for name, record in records.items() if record and "source_id" in record}
    try:
        content = identity(file) if known else ""
    except (GazenetError, OSError):
        content = ""  # what is wrong with the file is said when its turn comes
    if content in known:
        return known[content]
    return next((name for name, record in records.items() if record is None), list(records)[-1])
