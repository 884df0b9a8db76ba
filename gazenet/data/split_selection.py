"""Selection of the items of a data set by a split, or by parts of a family of splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gazenet.data.dataset import Dataset, Item
from gazenet.data.splits import SplitRow, item_name, read_split, rows_of_dataset, split_names
from gazenet.errors import UsageError, listed

PARTS = ("train", "validation", "test")


def expand_tables(tables: Sequence[str], subset: Sequence[str] = ()) -> list[str]:
    """Return single tables: a family such as ``ave`` becomes ``train_ave``, ``validation_ave``, ``test_ave``.

    ``subset`` keeps some parts of families; a .csv or an installed table is taken whole. Raises UsageError for a
    part that a family does not have.
    """
    names = split_names()
    chosen: list[str] = []
    for table in tables:
        parts = {part: f"{part}_{table}" for part in PARTS if f"{part}_{table}" in names}
        if table in names or table.endswith(".csv") or not parts:
            chosen.append(table)
            continue
        missing = [part for part in subset if part not in parts]
        if missing:
            raise UsageError(f"split {table}: has no part {', '.join(missing)}; it has {', '.join(parts)}")
        chosen += [name for part, name in parts.items() if not subset or part in subset]
    return chosen


def families() -> list[str]:
    """Names of families of installed tables."""
    names = split_names()
    return sorted({name.partition("_")[2] for name in names if "_" in name} - set(names))


def rows_of(tables: Sequence[str], subset: Sequence[str], dataset: str) -> list[SplitRow]:
    """Return the Social rows of a data set (of the per-frame cache: all) in some tables, each video once, in order.

    Raises UsageError naming the tables where there is none, and for a table that cannot be read.
    """
    single = expand_tables(tables, subset)
    return rows_of_dataset([row for table in single for row in _read(table)], dataset, " ".join(single))


def _read(table: str) -> list[SplitRow]:
    try:
        return read_split(table)
    except UsageError as error:
        if table.endswith(".csv") or table in split_names():
            raise
        raise UsageError(f"{error}; families of them: {', '.join(families())}; or a .csv of your own") from None


def select_items(
    collection: Dataset, tables: Sequence[str] = (), subset: Sequence[str] = (), names: Sequence[str] | None = None
) -> list[Item]:
    """Select the items that some tables list (all without), in order; of these only ``names`` if given.

    Raises UsageError naming missing items.
    """
    by_name = {item.name: item for item in collection.items()}
    wanted = list(by_name)
    if tables:
        wanted = [item_name(row, collection.name) for row in rows_of(tables, subset, collection.name)]
    if names is not None:
        wanted = [name for name in names if not tables or name in wanted]
    missing = [name for name in wanted if name not in by_name]
    if missing:
        root = getattr(collection, "root", "")
        where = f" below {root}" if root else ""
        raise UsageError(
            f"data set {collection.name}: {len(missing)} of {len(wanted)} videos are missing{where}: "
            f"{listed(missing, 6)}"
        )
    if not wanted:
        raise UsageError(
            f"data set {collection.name}: none of {listed(list(names or ()), 6)} is in {' '.join(tables)}"
        )
    return [by_name[name] for name in wanted]


def result_name(item: Item) -> str:
    """Return the name of an item's results: its name, with ``-`` for the ``/`` of data sets."""
    return Path(item.name.replace("/", "-")).stem
