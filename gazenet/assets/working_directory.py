"""Creation of a working directory in the layout of the release: folders, split tables, pages and configs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, get_args

from gazenet.config.load import Kind, config_names, load_config, published_names
from gazenet.files import write_bytes
from gazenet.training.recipe_loading import find_recipe

if TYPE_CHECKING:  # where it is depends on the version of Python
    from importlib.resources.abc import Traversable

FOLDERS = ("datasets/processed", "gazenet/models", "logs/metrics", "temp")
TABLES = PurePosixPath("datasets/processed")
"""Folder of the split tables in the release; in the package they are beside the pages of the data sets."""


def create_working_directory(folder: Path) -> list[Path]:
    """Create the folders, and write split tables, data set pages and configs where they are absent.

    Existing files are never changed; those that differ from the installed ones are returned. Raises OSError.
    """
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    differing = []
    for place, data in _contents():
        path = folder / place
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
        elif path.read_bytes() != data:
            differing.append(path)
    return differing


def config_path(kind: Kind, name: str) -> PurePosixPath:
    """Return the path of a config, relative to a working directory."""
    return PurePosixPath("gazenet/configs") / f"{kind}_configs" / f"{name}.json"


def config_text(kind: Kind, name: str) -> str:
    """Return an installed or published config as JSON with all defaults. Raises UsageError for a broken one."""
    config = find_recipe(name).config() if kind == "train" else load_config(kind, name)
    return config.model_dump_json(indent=2) + "\n"


def all_configs() -> list[tuple[Kind, str]]:
    """Return kind and name of every installed and every published config."""
    return [(kind, name) for kind in get_args(Kind) for name in config_names(kind) + published_names(kind)]


def _contents() -> Iterator[tuple[PurePosixPath, bytes]]:
    for item, place in _files(resources.files("gazenet_datasets"), PurePosixPath("datasets")):
        if place.suffix == ".csv":
            yield TABLES / place.name, item.read_bytes()
        elif place.suffix == ".md" and place.parent.name != "splits":
            yield place, item.read_bytes()
    for kind, name in all_configs():
        yield config_path(kind, name), config_text(kind, name).encode()


def _files(source: Traversable, place: PurePosixPath) -> Iterator[tuple[Traversable, PurePosixPath]]:
    for item in sorted(source.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _files(item, place / item.name)
        else:
            yield item, place / item.name
