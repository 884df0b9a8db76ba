"""How an extractor lends itself to one file of Python that runs where gazenet is not installed.

An extractor that can do that has a method ``standalone()`` that gives a :class:`Standalone` after ``load``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Standalone:
    """What goes into such a file, and what lies beside it.

    ``file``: its name. ``summary``: its docstring. ``offered``: definitions (``module:Name``) that it is for; with
    ``module:__main__`` it can be run, too. All that they use is taken from its source; ``replaced`` names definitions
    in whose place others are taken. ``beside``: other files by name, such as the weights.
    """

    file: str
    summary: str
    offered: tuple[str, ...]
    beside: Mapping[str, bytes]
    replaced: Mapping[str, str] = field(default_factory=dict)
