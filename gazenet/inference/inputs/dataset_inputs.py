"""A data set as inputs of a run: which videos, where they are, what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gazenet.assets.asset_store import installed_catalogue
from gazenet.assets.catalogue_entry import PublishedAsset
from gazenet.config.inference_data import DataInputsConfig
from gazenet.data.dataset import Dataset, Item, installed_datasets, open_dataset, sigma_of
from gazenet.data.split_selection import CACHE, result_name, rows_of, select_items
from gazenet.data.splits import SplitRow
from gazenet.errors import UsageError

PLACES = {
    CACHE: "datasets/processed",
    "summeetmd": "datasets/aveyetracking/SumMe_ETMD",
    "wtmsimgaze": "datasets/wtmsimgaze2020",
}
"""Readers whose files are not simply the folder of one asset."""
GROUPED = "processed/Grouped_frames/"


@dataclass(frozen=True)
class DatasetVideo:
    """A video of a data set: the name of its results, what the published layout calls it, and its ground truth."""

    name: str
    dataset: str
    item: Item
    sigma: float

    @property
    def path(self) -> Path:
        return self.item.path

    @property
    def place(self) -> tuple[str, str]:
        """Data set and video, as folders of the published layout."""
        dataset, slash, video = self.item.name.partition("/")
        return (dataset, video) if slash else (self.dataset, self.name)


def choose(data: DataInputsConfig) -> list[DatasetVideo]:
    """The videos that a config's data inputs name, in order.

    Raises UsageError: no or an unknown reader, an empty or broken split, files that are not there (saying how to get
    them), pictures instead of videos.
    """
    if not data.reader:
        raise UsageError(
            "data.reader is empty: name a data set (--set data.reader=coutrot1), or name videos with --input"
        )
    collection = open_collection(data)
    try:
        items = select_items(collection, data.tables, data.subset, data.items)
    except UsageError as error:
        raise UsageError(f"{error}; {remedy(data)}") from None
    if any(item.still for item in items):
        raise UsageError(f"data set {data.reader} holds pictures, not videos: name them with --input")
    return [DatasetVideo(result_name(item), collection.name, item, sigma_of(collection, item)) for item in items]


def open_collection(data: DataInputsConfig) -> Dataset:
    """The reader with its items found. Raises UsageError saying how to get what is not there."""
    root = Path(data.root or default_root(data.reader))
    try:
        collection = open_dataset(data.reader, root, **data.options)
    except UsageError as error:
        key = "options" if data.reader in installed_datasets() else "reader"
        raise UsageError(f"data.{key}: {error}") from None
    if data.tables:  # a wrong split is told before missing files are
        rows(data)
    if not root.exists():
        raise UsageError(f"data set {data.reader}: {root} is not there; {remedy(data)}")
    try:
        collection.items()
    except UsageError as error:
        raise UsageError(f"data set {data.reader}: {error}; {remedy(data)}") from None
    return collection


def rows(data: DataInputsConfig) -> list[SplitRow]:
    """The rows of the split that are of this data set. Raises UsageError."""
    try:
        return rows_of(data.tables, data.subset, data.reader)
    except UsageError as error:
        raise UsageError(f"data.split: {error}") from None


def default_root(reader: str) -> str:
    """Where the download manager puts the files of a reader, relative to the working directory."""
    if reader in PLACES:
        return PLACES[reader]
    found = [one.install_dir for one in _assets() if one.reader == reader]
    return found[0] if found else f"datasets/{reader}"


def remedy(data: DataInputsConfig) -> str:
    """How to get the files of a data set, in words."""
    ids = [one.id for one in _assets() if one.reader == data.reader or one.install_dir == PLACES.get(data.reader)]
    if data.reader == CACHE:
        wanted = [row.dataset for row in rows(data)] if data.tables else []
        cached = [one.id for one in _assets() if one.id.startswith(GROUPED)]
        ids = [one for one in cached if not wanted or one.removeprefix(GROUPED) in wanted] or cached
    own = "name their folder with --set data.root=DIR"
    return f"run: gasp_download_manager --datasets {' '.join(ids)}; or {own}" if ids else own


def _assets() -> Sequence[PublishedAsset]:
    return [one for one in installed_catalogue() if isinstance(one, PublishedAsset) and one.role == "dataset"]
