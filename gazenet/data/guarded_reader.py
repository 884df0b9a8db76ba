"""Readers of data sets behind the border of plugins: what they raise or give wrongly is named, with the item."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gazenet.data.fixations import FrameFixations
from gazenet.errors import GazenetError, PluginError
from gazenet.guard.guarded_call import guarded

if TYPE_CHECKING:
    from gazenet.data.dataset import Dataset, Item

OWN = (GazenetError, AttributeError)
"""Errors of readers that speak for themselves, and that of an attribute that a reader need not have."""
FACTS: dict[str, type | tuple[type, ...]] = {"name": str, "path": Path, "still": (bool, np.bool_), "size": tuple}
"""What every item says of itself."""


class _Behind:
    """Somebody's object; each of its attributes is read once, behind the border."""

    def __init__(self, inner: Any, called: str, where: str) -> None:
        self._inner, self._called, self._where = inner, called, where

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # of Python's own protocols; also asked for before there is an inner object
            raise AttributeError(name)
        with guarded(self._called, f"{self._where}{name}", own=OWN):
            value = getattr(self._inner, name)
        if not callable(value):
            self.__dict__[name] = value
        return value


class GuardedItem(_Behind):
    """An item of a reader; see :class:`gazenet.data.dataset.Item`."""

    def __init__(self, item: Item, called: str) -> None:
        super().__init__(item, called, "")
        for fact, kind in FACTS.items():
            # The size may be in the file, which is not opened before it is needed.
            if fact != "size" and not isinstance(value := getattr(self, fact), kind):
                raise PluginError(f"{called}: {fact} of an item is {type(value).__name__}, expected {kind}")
        self._where = f"item {self.name}, "

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """As the reader gives them. Raises PluginError for anything but points ``[n, 2]`` of every frame."""
        where = f"item {self.name}, its fixations"
        with guarded(self._called, where, own=(GazenetError,)):
            found = self._inner.fixations(times)
            if not isinstance(found, FrameFixations):
                raise PluginError(f"{self._called}: {where}: {type(found).__name__}, expected FrameFixations")
            if len(found) != len(times) or len(found.observers) != len(times):
                raise PluginError(f"{self._called}: {where}: of {len(found)} frames, expected {len(times)}")
            for frame, points in enumerate(found.points):
                if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != 2:
                    what = list(points.shape) if isinstance(points, np.ndarray) else type(points).__name__
                    raise PluginError(f"{self._called}: {where}: frame {frame}: points are {what}, expected [n, 2]")
            return found


class GuardedDataset(_Behind):
    """A data set of a reader; see :class:`gazenet.data.dataset.Dataset`."""

    def __init__(self, inner: Dataset, called: str) -> None:
        super().__init__(inner, called, "")

    def items(self) -> Sequence[Item]:
        """As the reader lists them. Raises PluginError for anything but a sequence of items."""
        with guarded(self._called, "its items", own=(GazenetError,)):
            found = self._inner.items()
            if not isinstance(found, Sequence):
                raise PluginError(f"{self._called}: its items: {type(found).__name__}, expected a sequence")
            return [GuardedItem(item, self._called) for item in found]
