"""The checks that every reader must pass, each a function that raises AssertionError with a clear text."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gazenet.data.dataset import Dataset, open_entry, sigma_of
from gazenet.data.reader_spec import ReaderSpec
from gazenet.errors import UsageError
from gazenet.plugin_registry import PluginEntry

ReaderEntry = PluginEntry[ReaderSpec]
ITEMS = 5
"""Items whose fixations are read."""


def refuses_an_empty_folder_in_one_line(entry: ReaderEntry, root: Path | None) -> None:
    """Assert that without files it lists nothing, or raises UsageError with one line."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            open_entry(entry, Path(folder)).items()
        except UsageError as error:
            assert str(error) and "\n" not in str(error), f"its error is not one line: {str(error)!r}"


def _opened(entry: ReaderEntry, root: Path | None) -> Dataset | None:
    return None if root is None else open_entry(entry, root)


def lists_items_of_different_names(entry: ReaderEntry, root: Path | None) -> None:
    """Items have names of their own and media files that are there, in the same order each time."""
    dataset = _opened(entry, root)
    if dataset is None:
        return
    names = [item.name for item in dataset.items()]
    assert names, f"{root}: holds no item"
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"{twice[0]} is the name of several items"
    assert names == [item.name for item in dataset.items()], "the items come in another order the second time"
    missing = [item for item in dataset.items() if not item.path.exists()]
    assert not missing, f"{missing[0].path} of item {missing[0].name} is not there"


def gives_fixations_of_every_frame(entry: ReaderEntry, root: Path | None) -> None:
    """Points ``[n, 2]`` within the frame, its size and the width of the Gaussians of the first items."""
    dataset = _opened(entry, root)
    if dataset is None:
        return
    for item in dataset.items()[:ITEMS]:
        height, width = item.size
        assert height > 0 and width > 0, f"item {item.name}: size is {item.size}"
        points = item.fixations(np.arange(50) / 25).points
        every = np.concatenate([one for one in points if len(one)] or [np.zeros((0, 2))])
        assert np.isfinite(every).all(), f"item {item.name}: fixations that are not finite"
        outside = (every < 0).any(1) | (every[:, 0] >= width) | (every[:, 1] >= height)
        assert not outside.any(), f"item {item.name}: fixations outside the frame, as {every[outside][0].tolist()}"
        sigma_of(dataset, item)


READER_CHECKS: Sequence[Callable[[ReaderEntry, Path | None], None]] = (
    refuses_an_empty_folder_in_one_line,
    lists_items_of_different_names,
    gives_fixations_of_every_frame,
)
"""Beside ``declares_what_it_is``. Each takes the folder of the files; None: only what needs none."""
