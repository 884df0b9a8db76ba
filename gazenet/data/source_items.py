"""The items that the sources of a training config name: by data set, split, names and exclusions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gazenet.config.training import SourceConfig
from gazenet.data.dataset import Dataset, Item, choose, open_dataset
from gazenet.data.density import GaussianWidth, ViewingConditions
from gazenet.data.splits import read_split, social, split_items


@dataclass(frozen=True)
class ChosenItem:
    """An item, the data set it is from, and the position of its source in the config.

    ``viewing``: how its frames were seen, as far as the config or the data set's reader says.
    """

    collection: Dataset
    item: Item
    source: int
    viewing: ViewingConditions | None = None

    @property
    def name(self) -> str:
        """``<data set>/<item>``."""
        return f"{self.collection.name}/{self.item.name}"


def source_rows(source: SourceConfig, available: Iterable[str]) -> list[tuple[str, str]]:
    """Data set and name of what a source keeps of its split, or of ``available`` where it names none, in that order.

    Raises UsageError for a split that cannot be read or has nothing of the data set.
    """
    if source.split is None:
        rows = [(source.dataset, name) for name in available]
    elif source.dataset == "*":
        rows = [(row.dataset, row.video_id) for row in social(read_split(source.split))]
    else:
        rows = [(source.dataset, name) for name in split_items(source.split, source.dataset)]
    kept = [row for row in rows if source.items is None or row[1] in source.items]
    return [row for row in kept if row[1] not in source.exclude]


def source_items(sources: Sequence[SourceConfig], root: str | Path) -> list[ChosenItem]:
    """Open all items that some sources name, in the order of splits and names.

    Args:
        root: folder of the data sets; ``root`` of a source wins over ``<root>/<dataset>``.

    Raises UsageError for missing names and folders.
    """
    chosen = []
    for position, source in enumerate(sources):
        folder = Path(source.root) if source.root else Path(root) / source.dataset
        collection = open_dataset(source.dataset, folder, **source.options)
        items = collection.items()
        rows = source_rows(source, source.items or [item.name for item in items])
        viewing = _viewing(source, collection)
        for item in choose(items, [name for _, name in rows], f"data set {source.dataset}"):
            chosen.append(ChosenItem(collection, item, position, viewing))
    return chosen


def _viewing(source: SourceConfig, collection: Dataset) -> ViewingConditions | None:
    """Return the viewing conditions of the config, else those that the reader declares with its own Gaussian."""
    if source.field_of_view is not None:
        return ViewingConditions.spanning(source.field_of_view)
    own = getattr(collection, "spread", None)
    return own.viewing if isinstance(own, GaussianWidth) else None
