"""Videos of a data set as inputs of a run, with their places and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gazenet.assets.asset_store import installed_catalogue
from gazenet.assets.catalogue_entry import PublishedAsset
from gazenet.config.inference_data import DataInputsConfig
from gazenet.data.dataset import Dataset, Item, installed_datasets, open_dataset, sigma_of
from gazenet.data.split_selection import result_name, rows_of, select_items
from gazenet.data.splits import CACHE, SplitRow
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
    """A video of a data set.

    Attributes:
        name: of its results.
        dataset: name of the data set.
        item: path, name and fixations of the video.
        sigma: of the ground truth's Gaussians, in pixels of the frame.
    """

    name: str
    dataset: str
    item: Item
    sigma: float

    @property
    def path(self) -> Path:
        """The file or folder."""
        return self.item.path

    @property
    def place(self) -> tuple[str, str]:
        """Data set and video, the folders of the published layout."""
        dataset, slash, video = self.item.name.partition("/")
        return (dataset, video) if slash else (self.dataset, self.name)


def choose(data: DataInputsConfig) -> list[DatasetVideo]:
    """Select the videos that a config's data inputs name, in order.

    Raises UsageError for a missing or unknown reader, an empty or broken split, missing files (with how to get them)
    and pictures instead of videos.
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
    """Open the reader and list its items. Raises UsageError with how to get missing files."""
    root = Path(data.root or default_root(data.reader))
    try:
        collection = open_dataset(data.reader, root, **data.options)
    except UsageError as error:
        key = "options" if data.reader in installed_datasets() else "reader"
        raise UsageError(f"data.{key}: {error}") from None
    if data.tables:  # a wrong split is reported before missing files
        rows(data)
    if not root.exists():
        raise UsageError(f"data set {data.reader}: {root} is not there; {remedy(data)}")
    try:
        collection.items()
    except UsageError as error:
        raise UsageError(f"data set {data.reader}: {error}; {remedy(data)}") from None
    return collection


def rows(data: DataInputsConfig) -> list[SplitRow]:
    """The rows of the split that belong to this data set. Raises UsageError."""
    try:
        return rows_of(data.tables, data.subset, data.reader)
    except UsageError as error:
        raise UsageError(f"data.split: {error}") from None


def default_root(reader: str) -> str:
    """The folder of a reader's files after a download, relative to the working directory."""
    if reader in PLACES:
        return PLACES[reader]
    return next((a.install_dir for a in _assets() if a.reader == reader), f"datasets/{reader}")


def remedy(data: DataInputsConfig) -> str:
    """Say how to get the files of a data set."""
    folder = PLACES.get(data.reader)
    ids = [asset.id for asset in _assets() if asset.reader == data.reader or asset.install_dir == folder]
    if data.reader == CACHE:
        wanted = [row.dataset for row in rows(data)] if data.tables else []
        cached = [asset.id for asset in _assets() if asset.id.startswith(GROUPED)]
        ids = [name for name in cached if not wanted or name.removeprefix(GROUPED) in wanted] or cached
    own = "name their folder with --set data.root=DIR"
    return f"run: gasp_download_manager --datasets {' '.join(ids)}; or {own}" if ids else own


def _assets() -> Sequence[PublishedAsset]:
    assets = (asset for asset in installed_catalogue() if isinstance(asset, PublishedAsset))
    return [asset for asset in assets if asset.role == "dataset"]
