"""Options that readers of videos share: the place of files, the behaviour, the width of Gaussians."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from gazenet.data.dataset import Behaviour, Item, check_behaviour, check_clock
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.fixations import Clock
from gazenet.errors import UsageError
from gazenet.files import natural_order

AnyItem = TypeVar("AnyItem", bound=Item)


class DatasetReader(Generic[AnyItem]):
    """Base of readers; a reader declares ``name``, ``usual_width``, its two ``spreads`` and its ``_items``.

    Args:
        root: folder of the files; the data set's README lists them.
        behaviour: ``published`` repeats the released system, its errors included.
        subjects: only these observers; None: all.
        spread: another Gaussian than the data set's own, for example in degrees of visual angle.
        clock: another clock than ``usual_clock``, what the annotation was found to count from.

    Attributes:
        sigma: of the Gaussian, in pixels of a frame ``reference_width`` wide; :meth:`sigma_of` is exact for an item.

    Raises:
        UsageError: an unknown behaviour or clock, and a clock for the published behaviour, which has its own.
    """

    name: ClassVar[str]
    usual_width: ClassVar[int] = 1280
    usual_clock: ClassVar[Clock] = "frame_index"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]]

    def __init__(
        self,
        root: Path | str,
        behaviour: Behaviour = "corrected",
        subjects: Sequence[int] | None = None,
        spread: GaussianWidth | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.root = Path(root)
        self.behaviour = check_behaviour(behaviour, f"data set {self.name}")
        if clock is not None and self.behaviour == "published":
            raise UsageError(f"data set {self.name}: behaviour=published counts frames its own way; leave out clock")
        self.clock = self.usual_clock if clock is None else check_clock(clock, f"data set {self.name}")
        self.subjects = None if subjects is None else tuple(subjects)
        self.spread = spread or self.spreads[self.behaviour]
        self.reference_width = self.usual_width
        self.sigma = self.spread.pixels(self.usual_width)

    def items(self) -> Sequence[AnyItem]:
        """Return the items by name, read once. Raises UsageError where files are missing or unreadable."""
        return self._items

    @cached_property
    @abstractmethod
    def _items(self) -> list[AnyItem]:
        """The items by name; those that lack a file are left out, with a line in the log."""

    def sigma_of(self, item: Item) -> float:
        """Return sigma in pixels of the frames of an item."""
        return self.spread.pixels(item.size[1])


def videos_in(folder: Path, *endings: str) -> list[Path]:
    """List the videos of a folder by name. Raises UsageError where the folder or any video is missing."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: the folder of videos is missing; the data set's README says which files")
    videos = (path for path in folder.iterdir() if path.suffix.lower() in endings and path.is_file())
    files = sorted(videos, key=natural_order)
    if not files:
        raise UsageError(f"{folder}: holds no {' or '.join(endings)} file")
    return files


def first_of(root: Path, candidates: Sequence[str], what: str) -> Path:
    """Return the first of some relative paths that exists below ``root``. Raises UsageError naming them."""
    for candidate in candidates:
        if (root / candidate).exists():
            return root / candidate
    raise UsageError(f"{root / candidates[0]}: {what} is missing; the data set's README says which files")


def frame_size(path: Path) -> Size:
    """Return height and width of a video's frames in pixels. Raises MediaError where none can be decoded."""
    from gazenet.media.decode import probe

    info = probe(path)
    return info.height, info.width
