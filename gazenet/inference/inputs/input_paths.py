"""From what the user names to files and result folders."""

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
from gazenet.media.source_id import IMAGE_SUFFIXES, VIDEO_SUFFIXES, display_name, source_id

RESERVED = (NAME, OVERVIEW_LOCK, ".cache", ".", "..")
MOST_BYTES = 200
LISTED = 5
"""Names that a line about what is passed over holds."""


def expand(inputs: Sequence[Path], say: Callable[[str], object] | None = None) -> list[Path]:
    """Files as they are; a folder stands for the videos and pictures inside it, in natural order (1, 2, 10).

    Those are told by their endings, files with other endings by their content. ``say`` receives a line about what is
    passed over in a folder; by default it goes to stderr.
    """
    files: list[Path] = []
    for path in inputs:
        inside = sorted(path.iterdir(), key=natural_order) if path.is_dir() else []
        usable = [one for one in inside if _usable(one)]
        files += usable or [path]
        passed_over = [one for one in inside if one not in usable]
        if usable and passed_over:
            names = ", ".join(display_name(one.name) + ("/" if one.is_dir() else "") for one in passed_over[:LISTED])
            more = len(passed_over) - LISTED
            line = f"{display_name(path)}: passed over, no video and no picture: {names}"
            line += f" and {more} more" if more > 0 else ""
            print(line, file=sys.stderr) if say is None else say(line)
    return files


def _usable(path: Path) -> bool:
    """Whether an entry of a folder is to be worked on: a video or a picture, not hidden."""
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
