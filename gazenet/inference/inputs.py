"""From what the user names to files and result folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gazenet.media.source import IMAGE_SUFFIXES, VIDEO_SUFFIXES

RESERVED = ("run.json", ".cache", ".", "..")
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
    files: Sequence[Path], output_dir: Path, names: Mapping[Path, str] | None = None
) -> dict[Path, Path]:
    """``<output_dir>/<stem>`` per file; where stems repeat, later files get a suffix made from their full path.

    ``names`` take the place of stems. Stems that differ in case only count as the same, as they do on some disks;
    names of our own files are avoided.
    """
    folders: dict[Path, Path] = {}
    taken = set(RESERVED)
    for file in files:
        if file in folders:
            continue
        wished = (names or {}).get(file, file.stem)
        stem = wished.encode("utf-8", "surrogateescape")[:MOST_BYTES].decode("utf-8", "ignore") or "input"
        if stem.casefold() in taken:
            stem = f"{stem}_{hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:8]}"
        taken.add(stem.casefold())
        folders[file] = output_dir / stem
    return folders
