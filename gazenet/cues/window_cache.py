"""Results that several windows of one video share: computed once, kept as long as a window may ask for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class FrameCache(Generic[V]):
    """Values by frame and a further key. Each must follow from its key alone, so that a resumed run finds the same."""

    def __init__(self) -> None:
        self._known: dict[int, dict[Hashable, V]] = {}

    def get(self, frame: int, key: Hashable, make: Callable[[], V]) -> V:
        """The value of ``key`` in frame ``frame``; made where it is not known."""
        known = self._known.setdefault(frame, {})
        if key not in known:
            known[key] = make()
        return known[key]

    def forget_before(self, frame: int) -> None:
        """Drops what no window from ``frame`` on asks for."""
        for old in [known for known in self._known if known < frame]:
            del self._known[old]

    def clear(self) -> None:
        """Drops everything: another video begins."""
        self._known.clear()
