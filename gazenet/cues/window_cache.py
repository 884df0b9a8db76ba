"""A cache of results that several windows of one video share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class FrameCache(Generic[V]):
    """Values by frame and a further key.

    Each value must depend on its key alone, so that a resumed run computes the same.
    """

    def __init__(self) -> None:
        self._values: dict[int, dict[Hashable, V]] = {}

    def get(self, frame: int, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of ``key`` in ``frame``, computed by ``make`` if it is missing."""
        values = self._values.setdefault(frame, {})
        if key not in values:
            values[key] = make()
        return values[key]

    def forget_before(self, frame: int) -> None:
        """Drop the values of all frames before ``frame``."""
        for old in [index for index in self._values if index < frame]:
            del self._values[old]

    def clear(self) -> None:
        """Drop everything, for the next video."""
        self._values.clear()
