"""The contract of data sets, and how an installed one is opened."""

from __future__ import annotations

import inspect
import logging
import types
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from gazenet.config.load import suggest
from gazenet.data.density import Size, sigma_for
from gazenet.data.fixations import CLOCKS, Clock, FrameFixations
from gazenet.data.guarded_reader import GuardedDataset
from gazenet.data.reader_spec import DATASETS, ReaderSpec
from gazenet.errors import GazenetError, PluginError, UsageError, listed
from gazenet.guard.guarded_call import guarded
from gazenet.plugin_registry import PluginEntry, get, installed_names

LOG = logging.getLogger("gazenet.data")
"""Readers log in one line which items they left out."""

Behaviour = Literal["corrected", "published"]
"""published: frame rates, offsets and densities as the released system had them, errors included."""


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
        """True for a picture: every frame shown of it has all its fixations."""

    @property
    def size(self) -> Size:
        """(height, width) in pixels that the fixations refer to."""

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return the fixated points ``[n, 2]`` of the frames shown at ``times`` ``[T]`` (seconds, as decoded)."""


class Dataset(Protocol):
    """A collection of items. Its constructor takes the folder of its files and, as keyword arguments, its options.

    Inherit this class to get a ``sigma_of`` in proportion to the width of a frame. A reader whose annotation has times
    or frame numbers declares its ``clock`` (``gazenet.data.fixations.Clock``).
    """

    name: str
    sigma: float
    """Standard deviation of the ground-truth Gaussians in pixels of a frame ``reference_width`` pixels wide."""
    reference_width: int

    @abstractmethod
    def items(self) -> Sequence[Item]:
        """List the items. Raises UsageError where files are missing."""

    def sigma_of(self, item: Item) -> float:
        """Return sigma of the ground-truth Gaussians in pixels of the frames of an item."""
        return sigma_for(self.sigma, self.reference_width, item.size[1])


def open_dataset(name: str, root: Path, **options: Any) -> Dataset:
    """Open the installed data set ``name`` with its files at ``root``.

    ``options`` go to the reader, for example ``behaviour="published"``. Raises UsageError for an unknown data set and
    for options that its reader does not have; PluginError for a reader that cannot be used.
    """
    names = installed_datasets()
    if name not in names:
        raise UsageError(f"data set {name}: not installed{suggest(name, names)}; known: {', '.join(names)}")
    return open_entry(get(name, DATASETS, ReaderSpec), root, options)


def open_entry(
    entry: PluginEntry[ReaderSpec], root: Path, options: Mapping[str, Any] = types.MappingProxyType({})
) -> Dataset:
    """Open the data set of an installed reader. Raises UsageError for options that it does not have, PluginError."""
    called = f"data set {entry.name}"
    cls: Callable[..., Dataset] = entry.load()
    with guarded(called, "opening", lenient=True):
        parameters = [key for key in inspect.signature(cls).parameters if key != "root"]
    unknown = [key for key in options if key not in parameters]
    if unknown:
        raise UsageError(f"{called}: no option {', '.join(unknown)}; it has {', '.join(parameters) or 'none'}")
    with guarded(called, "opening", own=(GazenetError,), lenient=True):
        return cast(Dataset, GuardedDataset(cls(root, **options), called))


def installed_datasets() -> list[str]:
    """Return the names of the installed readers, sorted."""
    return installed_names(DATASETS)


def check_behaviour(value: str, where: str) -> Behaviour:
    """Return ``value`` if it is a behaviour. Raises UsageError naming ``where``."""
    if value not in get_args(Behaviour):
        raise UsageError(f"{where}: behaviour must be {' or '.join(get_args(Behaviour))}, not {value!r}")
    return cast(Behaviour, value)


def check_clock(value: str, where: str) -> Clock:
    """Return ``value`` if it is a clock of fixation times. Raises UsageError naming ``where``."""
    if value not in CLOCKS:
        raise UsageError(f"{where}: clock must be one of {', '.join(CLOCKS)}, not {value!r}")
    return value


def sigma_of(collection: Dataset, item: Item) -> float:
    """Return the sigma in pixels of an item's frames. Raises PluginError for anything but pixels above 0."""
    called, place = f"data set {collection.name}", f"item {item.name}, its sigma"
    with guarded(called, place, own=(GazenetError,)):
        sigma = float(collection.sigma_of(item))
        if not (np.isfinite(sigma) and sigma > 0):
            raise PluginError(f"{called}: {place}: {sigma}, expected pixels above 0")
        return sigma


def choose(items: Iterable[Item], names: Sequence[str] | None, where: str) -> list[Item]:
    """Return the items of these names in that order, or all. Raises UsageError for an unknown name."""
    by_name = {item.name: item for item in items}
    if names is None:
        return list(by_name.values())
    missing = [name for name in names if name not in by_name]
    if missing:
        raise UsageError(f"{where}: no item {', '.join(missing)}; there are {listed(sorted(by_name))}")
    return [by_name[name] for name in names]


def require(path: Path, what: str) -> Path:
    """Return ``path`` if it exists. Raises UsageError naming the missing file otherwise."""
    if not path.exists():
        raise UsageError(f"{path}: {what} is missing; the data set's README says which files are expected")
    return path
