"""Lay out a working directory: the folders and tables that the commands and the published layout know."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from gazenet.files import write_bytes

if TYPE_CHECKING:  # where it is depends on the version of Python
    from importlib.resources.abc import Traversable

FOLDERS = ("datasets", "gazenet/models", "logs/metrics", "temp")
_COPIED = {"gazenet_datasets": ("datasets", (".csv", ".md")), "gazenet_configs": ("configs", (".json",))}


def lay_out(folder: Path) -> list[Path]:
    """Make the folders and copy split tables, data set pages and configs where they are absent.

    A file that is there is never changed; those that differ from the installed ones are returned. Raises OSError.
    """
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    differing = []
    for package, (name, endings) in _COPIED.items():
        for item, place in _files(resources.files(package), folder / name):
            if not place.name.endswith(endings):
                continue
            data = item.read_bytes()
            if not place.exists():
                write_bytes(place, data)
            elif place.read_bytes() != data:
                differing.append(place)
    return differing


def _files(source: Traversable, target: Path) -> Iterator[tuple[Traversable, Path]]:
    for item in sorted(source.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _files(item, target / item.name)
        else:
            yield item, target / item.name
