"""Input arguments as files, and the folders of their results."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.errors import GazenetError
from gazenet.files import natural_order
from gazenet.inference.cache.earlier_results import NAME, OVERVIEW_LOCK, is_of, read_record
from gazenet.media.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, display_name
from gazenet.media.source_id import source_id

RESERVED = (NAME, OVERVIEW_LOCK, ".cache", ".", "..")
MOST_BYTES = 200
LISTED = 5
"""The most names in a line about files that are passed over."""


def expand(inputs: Sequence[Path], say: Callable[[str], object] | None = None) -> list[Path]:
    """Replace each folder by the videos and pictures inside it, in natural order (1, 2, 10).

    They are recognised by their endings, files with other endings by their content. ``say`` receives a line about
    what is passed over in a folder; by default it goes to stderr.
    """
    files: list[Path] = []
    for path in inputs:
        inside = sorted(path.iterdir(), key=natural_order) if path.is_dir() else []
        usable = [entry for entry in inside if _usable(entry)]
        files += usable or [path]
        passed_over = [entry for entry in inside if entry not in usable]
        if usable and passed_over:
            listed = passed_over[:LISTED]
            names = ", ".join(display_name(entry.name) + ("/" if entry.is_dir() else "") for entry in listed)
            more = len(passed_over) - LISTED
            line = f"{display_name(path)}: passed over, not a video or picture: {names}"
            line += f" and {more} more" if more > 0 else ""
            print(line, file=sys.stderr) if say is None else say(line)
    return files


def _usable(path: Path) -> bool:
    """Return whether an entry of a folder is a video or a picture that is not hidden."""
    if path.name.startswith(".") or not path.is_file():
        return False
    if path.suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES:
        return True
    from gazenet.media.decode import is_video

    return is_video(path)


def result_folders(
    files: Sequence[Path],
    output_dir: Path,
    names: Mapping[Path, str] | None = None,
    identity: Callable[[Path], str] = source_id,
) -> dict[Path, Path]:
    """``<output_dir>/<stem>`` per file, or the stem with a hash of the full path where another input has that folder.

    Another input has the folders of earlier files with an equal stem, and those in which an earlier run left results
    of a file at another path with another content. A file that was moved keeps its folder, and so does a file whose
    content changed. ``names`` replace stems. Stems that differ in case only count as equal, as on some disks; names
    of the platform's own files are avoided. ``identity`` returns the hash of a file's content.
    """
    folders: dict[Path, Path] = {}
    taken = set(RESERVED)
    for file in files:
        if file in folders:
            continue
        name = (names or {}).get(file, file.stem)
        stem = name.encode("utf-8", "surrogateescape")[:MOST_BYTES].decode("utf-8", "ignore") or "input"
        suffixed = f"{stem}_{hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:8]}"
        free = [name for name in (stem, suffixed) if name.casefold() not in taken] or [suffixed]
        records = {name: read_record(output_dir / name) for name in free}
        name = _chosen(file, records, identity)
        taken.add(name.casefold())
        folders[file] = output_dir / name
    return folders


def _chosen(file: Path, records: Mapping[str, dict[str, Any] | None], identity: Callable[[Path], str]) -> str:
    """Choose a folder by the records: that of this file, that of its content, an empty folder, else the last."""
    for name, record in records.items():
        if record is not None and is_of(record, file):
            return name
    contents = {record["source_id"]: name for name, record in records.items() if record and "source_id" in record}
    try:
        content = identity(file) if contents else ""
    except (GazenetError, OSError):
        content = ""  # the error is reported when the file's turn comes
    if content in contents:
        return contents[content]
    return next((name for name, record in records.items() if record is None), list(records)[-1])
