"""Split tables: which videos a published experiment trains, validates and tests on."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gazenet.errors import UsageError

COLUMNS = ("video_id", "fps", "scene_type", "dataset")
SCENES = ("Social", "Nature", "Other", "SocialEXCLUDE")


@dataclass(frozen=True)
class SplitRow:
    """One video of a split; ``video_id`` keeps its leading zeros, ``fps`` is nominal only."""

    video_id: str
    fps: int
    scene_type: str
    dataset: str


def split_names() -> list[str]:
    """Names of the installed split tables."""
    folder = resources.files("gazenet_datasets") / "splits"
    return sorted(item.name[:-4] for item in folder.iterdir() if item.name.startswith(("train", "valid", "test")))


def read_split(name: str | Path) -> list[SplitRow]:
    """The rows of an installed split (``train_findwho``) or of a CSV file. Raises UsageError naming file and line."""
    if isinstance(name, Path) or name.endswith(".csv"):
        try:
            return parse_split(Path(name).read_text(encoding="utf-8-sig"), str(name))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{name}: cannot be read: {error}") from None
    known = split_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise UsageError(f"split {name}: no such split{hint}; known: {', '.join(known)}")
    text = (resources.files("gazenet_datasets") / "splits" / f"{name}.csv").read_text(encoding="utf-8")
    return parse_split(text, f"split {name}")


def parse_split(text: str, where: str) -> list[SplitRow]:
    """Rows of a split table; ``where`` names it in errors. Raises UsageError."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(f"{where}: column {', '.join(missing)} is missing; a split has {', '.join(COLUMNS)}")
    return [_row(row, f"{where}: line {reader.line_num}") for row in reader]


def _row(row: dict[str, str | None], where: str) -> SplitRow:
    video, fps, scene, dataset = (str(row[column] or "").strip() for column in COLUMNS)
    if not video or not dataset:
        raise UsageError(f"{where}: video_id and dataset must not be empty")
    if not fps.isdecimal() or int(fps) == 0:
        raise UsageError(f"{where}: fps must be a positive whole number, not {fps!r}")
    if scene not in SCENES:
        raise UsageError(f"{where}: scene_type must be one of {', '.join(SCENES)}, not {scene!r}")
    return SplitRow(video, int(fps), scene, dataset)


def social(rows: Iterable[SplitRow]) -> list[SplitRow]:
    """The rows that GASP trains and tests on: scene type Social, each video once, in order."""
    return list(dict.fromkeys(row for row in rows if row.scene_type == "Social"))
