"""The form in which an extractor becomes one Python file that runs without gazenet.

Such an extractor has a method ``standalone()`` that returns a :class:`Standalone` after ``load``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Standalone:
    """The content of the file, and the files beside it.

    ``file``: its name. ``summary``: its docstring. ``offered``: definitions (``module:Name``) that it provides; with
    ``module:__main__`` it can be run. All that they use is taken from its source; ``replaced`` names definitions in
    whose place others are taken. ``beside``: other files by name, such as the weights.
    """

    file: str
    summary: str
    offered: tuple[str, ...]
    beside: Mapping[str, bytes]
    replaced: Mapping[str, str] = field(default_factory=dict)
