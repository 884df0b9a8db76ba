"""What a data set must offer; third parties register theirs under the entry-point group ``gazenet.datasets``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size
from gazenet.data.fixations import FrameFixations
from gazenet.errors import UsageError

GROUP = "gazenet.datasets"


class Item(Protocol):
    """One video or picture with its fixations."""

    @property
    def name(self) -> str:
        """Unique within its data set, for example ``011``."""

    @property
    def path(self) -> Path:
        """The media file."""

    @property
    def still(self) -> bool:
        """A picture: every frame shown of it has all its fixations."""

    @property
    def size(self) -> Size:
        """(height, width) in pixels that the fixations refer to."""

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """The fixated points ``[n, 2]`` of the frames shown at ``times`` ``[T]`` (seconds, as decoded)."""


class Dataset(Protocol):
    """A collection of items. Its constructor takes the folder of its files."""

    name: str
    sigma: float
    """Standard deviation of the ground-truth Gaussians in pixels of a frame ``reference_width`` pixels wide."""
    reference_width: int

    def items(self) -> Sequence[Item]: ...


def open_dataset(name: str, root: Path) -> Dataset:
    """The installed data set ``name`` with its files at ``root``. Raises UsageError."""
    points = {point.name: point for point in metadata.entry_points(group=GROUP)}
    if name not in points:
        near = difflib.get_close_matches(name, points, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise UsageError(f"data set {name}: not installed{hint}; known: {', '.join(sorted(points))}")
    try:
        cls = points[name].load()
    except Exception as error:
        raise UsageError(f"data set {name}: {points[name].value} cannot be imported: {error}") from error
    return cast(Dataset, cls(root))


def choose(items: Iterable[Item], names: Sequence[str] | None, where: str) -> list[Item]:
    """The items of these names in that order, or all; UsageError for a name that is not there."""
    by_name = {item.name: item for item in items}
    if names is None:
        return list(by_name.values())
    missing = [name for name in names if name not in by_name]
    if missing:
        raise UsageError(f"{where}: no item {', '.join(missing)}; there are {_some(sorted(by_name))}")
    return [by_name[name] for name in names]


def require(path: Path, what: str) -> Path:
    """``path`` if it exists, else UsageError saying what was looked for."""
    if not path.exists():
        raise UsageError(f"{path}: {what} is not there; the data set's README says which files are expected")
    return path


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
