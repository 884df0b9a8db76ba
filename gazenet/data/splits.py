"""Split tables: which videos a published experiment trains, validates and tests on."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gazenet.config.load import suggest
from gazenet.data.dataset import installed_datasets
from gazenet.errors import QUOTED, UsageError, quote

COLUMNS = ("video_id", "fps", "scene_type", "dataset")
CACHE = "processed"
"""The data set whose items are videos of all others."""
SCENES = ("Social", "Nature", "Other", "SocialEXCLUDE")
RATE_DIGITS = 9
"""Of the longest number that is taken for a rate; Python refuses to convert thousands of digits."""


@dataclass(frozen=True)
class SplitRow:
    """One video of a split; ``video_id`` keeps its leading zeros, ``fps`` is nominal only."""

    video_id: str
    fps: int
    scene_type: str
    dataset: str


def split_names() -> list[str]:
    """Return the names of the installed split tables."""
    folder = resources.files("gazenet_datasets") / "splits"
    return sorted(item.name[:-4] for item in folder.iterdir() if item.name.startswith(("train", "valid", "test")))


def read_split(name: str | Path) -> list[SplitRow]:
    """Read the rows of an installed split (``train_findwho``) or CSV file. Raises UsageError naming file and line.

    A working directory has its own copy of the installed splits, which may have been edited and is read instead.
    """
    if isinstance(name, Path) or name.endswith(".csv"):
        try:
            return parse_split(Path(name).read_text(encoding="utf-8-sig"), str(name))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{name}: cannot be read: {error}") from None
    names = split_names()
    if name not in names:
        raise UsageError(f"split {name}: no such split{suggest(name, names)}; known: {', '.join(names)}")
    own = Path("datasets/processed") / f"{name}.csv"
    if own.is_file():
        return read_split(own)
    text = (resources.files("gazenet_datasets") / "splits" / f"{name}.csv").read_text(encoding="utf-8")
    return parse_split(text, f"split {name}")


def parse_split(text: str, where: str) -> list[SplitRow]:
    """Parse the rows of a split table; ``where`` names it in errors.

    Raises UsageError for a missing column, a table without rows, an unknown data set, a cell that is not what its
    column holds; naming column and line.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(
                f"{where}: column {', '.join(missing)} is missing; a split has {', '.join(COLUMNS)}: "
                "add it to the first line"
            )
        names = set(installed_datasets())
        rows = [_row(row, f"{where}: line {reader.line_num}", names) for row in reader]
    except csv.Error as error:
        raise UsageError(f"{where}: line {reader.line_num}: is not a comma-separated table ({error})") from None
    if not rows:
        raise UsageError(f"{where}: lists no video; add a line per video below {','.join(COLUMNS)}")
    return rows


def _row(row: dict[str, str | None], where: str, names: Collection[str]) -> SplitRow:
    video, fps, scene, dataset = (str(row[column] or "").strip() for column in COLUMNS)
    if not video or not dataset:
        raise UsageError(f"{where}: video_id and dataset must not be empty")
    if not (fps.isascii() and fps.isdecimal()) or len(fps) > RATE_DIGITS or int(fps) == 0:
        raise UsageError(f"{where}: fps must be a positive whole number, not {quote(fps)}")
    if scene not in SCENES:
        raise UsageError(f"{where}: scene_type must be one of {', '.join(SCENES)}, not {quote(scene)}")
    if dataset not in names:
        hint = suggest(dataset[:QUOTED], names)
        raise UsageError(f"{where}: dataset {quote(dataset)} has no reader{hint}; known: {', '.join(sorted(names))}")
    return SplitRow(video, int(fps), scene, dataset)


def social(rows: Iterable[SplitRow]) -> list[SplitRow]:
    """Return the rows that GASP trains and tests on: scene type Social, each video once, in order."""
    return list(dict.fromkeys(row for row in rows if row.scene_type == "Social"))


def rows_of_dataset(rows: Iterable[SplitRow], dataset: str, split: str) -> list[SplitRow]:
    """Return the Social rows of a data set (of the per-frame cache: all), each video once, in order.

    Raises UsageError naming the ``split`` where there is none.
    """
    kept = social(rows)
    chosen = {(row.dataset, row.video_id): row for row in kept if dataset in (row.dataset, CACHE)}
    if not chosen:
        others = ", ".join(dict.fromkeys(row.dataset for row in kept)) or "none at all"
        raise UsageError(f"split {split}: has no Social row of data set {dataset}; it has {others}")
    return list(chosen.values())


def item_name(row: SplitRow, dataset: str) -> str:
    """Return the name of a row's item in a data set."""
    return f"{row.dataset}/{row.video_id}" if dataset == CACHE else row.video_id


def split_items(name: str | Path, dataset: str) -> list[str]:
    """Return the items of data set ``dataset`` among the Social rows of a split, each once, in order.

    Of the per-frame cache (``processed``) these are all rows, as ``<dataset>/<video>``. Raises UsageError where there
    is none.
    """
    return [item_name(row, dataset) for row in rows_of_dataset(read_split(name), dataset, str(name))]
