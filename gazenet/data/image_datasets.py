"""Data sets of still pictures: OSIE and Saliency in Crowd. A still trains an integrator as a short clip of itself."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Dataset, require
from gazenet.data.density import Size
from gazenet.data.fixations import Fixations, FrameFixations, constant, read_table
from gazenet.errors import UsageError
from gazenet.files import natural_order


@dataclass(frozen=True)
class StillPicture:
    """One picture with the fixations of all its observers."""

    name: str
    path: Path
    size: Size
    table: Fixations
    still: bool = True

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return all fixated points for every one of ``times``."""
        return constant(self.table, len(times), self.size)


class _Stills(Dataset):
    """Pictures in a folder and one table of fixations."""

    name: str
    sigma: float
    reference_width: int
    folder: ClassVar[str]
    offset: ClassVar[float] = 0.0

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def items(self) -> Sequence[StillPicture]:
        """Return the pictures by name (file name with its ending). Raises UsageError where files are missing."""
        return self._items

    @cached_property
    def _items(self) -> list[StillPicture]:
        folder = require(self.root / self.folder, f"the folder of {self.name} pictures")
        tables = read_table(require(self.root / "fixations.csv", "the table of fixations"), key="image", timed=False)
        names = sorted(tables, key=natural_order)
        sizes = self._sizes(names)
        pictures = []
        for name in names:
            table = tables[name]
            points = Fixations(table.subject, table.start, table.duration, table.points + self.offset)
            pictures.append(StillPicture(name, require(folder / name, "a picture of the table"), sizes[name], points))
        return pictures

    def _sizes(self, names: Sequence[str]) -> dict[str, Size]:
        raise NotImplementedError


class Osie(_Stills):
    """OSIE (Xu, Jiang, Wang, Kankanhalli, Zhao, Journal of Vision 2014): 800 x 600, 15 observers.

    Published coordinates give the centre of the first pixel as 1; here it is 0.5.
    """

    name = "osie"
    sigma = 24.0
    reference_width = 800
    folder = "images"
    offset = -0.5

    def _sizes(self, names: Sequence[str]) -> dict[str, Size]:
        return dict.fromkeys(names, (600, 800))


class Crowd(_Stills):
    """Saliency in Crowd (Jiang, Xu, Zhao, ECCV 2014): pictures of many faces, 16 observers."""

    name = "crowd"
    sigma = 24.0
    reference_width = 800
    folder = "stimuli"

    def _sizes(self, names: Sequence[str]) -> dict[str, Size]:
        path = require(self.root / "images.csv", "the table of picture sizes")
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        try:
            sizes = {row["image"]: (int(row["height"]), int(row["width"])) for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path}: needs the columns image, width, height as whole numbers: {error}") from None
        missing = [name for name in names if name not in sizes]
        if missing:
            raise UsageError(f"{path}: has no size for {missing[0]}")
        return sizes
