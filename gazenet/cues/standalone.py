"""The contract by which an extractor lends itself to a Python file that runs where gazenet is not installed.

Such an extractor has a method ``standalone()`` that returns a :class:`Standalone` after ``load``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Standalone:
    """The content of the Python file, and the files beside it.

    ``file``: its name. ``summary``: its docstring. ``offered``: the definitions (``module:Name``) that it offers; with
    ``module:__main__`` it can also be run. All that they use is copied from its source; ``replaced`` maps definitions
    to those that take their place. ``beside``: other files by name, such as the weights.
    """

    file: str
    summary: str
    offered: tuple[str, ...]
    beside: Mapping[str, bytes]
    replaced: Mapping[str, str] = field(default_factory=dict)
