"""Guarded calls of data set readers: an error or a wrong value names the reader and the item."""

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
"""Errors of readers with messages for users, and the error of an optional attribute."""
FACTS: dict[str, type | tuple[type, ...]] = {"name": str, "path": Path, "still": (bool, np.bool_), "size": tuple}
"""The attributes of every item, with their types."""


class _GuardedObject:
    """An object of a plugin; each of its attributes is read once, guarded."""

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


class GuardedItem(_GuardedObject):
    """An item of a reader; see :class:`gazenet.data.dataset.Item`."""

    def __init__(self, item: Item, called: str) -> None:
        super().__init__(item, called, "")
        for fact, kind in FACTS.items():
            # The size may be in the file, which is not opened before it is needed.
            if fact != "size" and not isinstance(value := getattr(self, fact), kind):
                raise PluginError(f"{called}: {fact} of an item is {type(value).__name__}, expected {kind}")
        self._where = f"item {self.name}, "

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return them as the reader does. Raises PluginError for anything but points ``[n, 2]`` of every frame."""
        where = f"item {self.name}, its fixations"
        with guarded(self._called, where, own=(GazenetError,)):
            frames = self._inner.fixations(times)
            if not isinstance(frames, FrameFixations):
                raise PluginError(f"{self._called}: {where}: {type(frames).__name__}, expected FrameFixations")
            if len(frames) != len(times) or len(frames.observers) != len(times):
                raise PluginError(f"{self._called}: {where}: of {len(frames)} frames, expected {len(times)}")
            for frame, points in enumerate(frames.points):
                if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != 2:
                    what = list(points.shape) if isinstance(points, np.ndarray) else type(points).__name__
                    raise PluginError(f"{self._called}: {where}: frame {frame}: points are {what}, expected [n, 2]")
            return frames


class GuardedDataset(_GuardedObject):
    """A data set of a reader; see :class:`gazenet.data.dataset.Dataset`."""

    def __init__(self, inner: Dataset, called: str) -> None:
        super().__init__(inner, called, "")

    def items(self) -> Sequence[Item]:
        """Return them as the reader does. Raises PluginError for anything but a sequence of items."""
        with guarded(self._called, "its items", own=(GazenetError,)):
            items = self._inner.items()
            if not isinstance(items, Sequence):
                raise PluginError(f"{self._called}: its items: {type(items).__name__}, expected a sequence")
            return [GuardedItem(item, self._called) for item in items]
