"""From what the user names to files and result folders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from gazenet.media.source import IMAGE_SUFFIXES, VIDEO_SUFFIXES


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


def result_folders(files: Sequence[Path], output_dir: Path) -> dict[Path, Path]:
    """``<output_dir>/<stem>`` per file; where stems repeat, later files get a suffix made from their full path."""
    folders: dict[Path, Path] = {}
    taken: set[str] = set()
    for file in files:
        if file in folders:
            continue
        stem = file.stem[:200] or "input"
        if stem in taken:
            stem = f"{stem}_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
        taken.add(stem)
        folders[file] = output_dir / stem
    return folders
