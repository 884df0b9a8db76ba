"""The AVE data set (Tian et al., ECCV 2018): its lists of videos, and the two numberings of its 28 categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from gazenet.errors import UsageError

HEADER = "Category&VideoID&Quality&StartTime&EndTime"
ID_LENGTH = 11

CATEGORIES = (
    "Church bell",
    "Male speech, man speaking",
    "Bark",
    "Fixed-wing aircraft, airplane",
    "Race car, auto racing",
    "Female speech, woman speaking",
    "Helicopter",
    "Violin, fiddle",
    "Flute",
    "Ukulele",
    "Frying (food)",
    "Truck",
    "Shofar",
    "Motorcycle",
    "Acoustic guitar",
    "Train horn",
    "Clock",
    "Banjo",
    "Goat",
    "Baby cry, infant cry",
    "Bus",
    "Chainsaw",
    "Cat",
    "Horse",
    "Toilet flush",
    "Rodents, rats, mice",
    "Accordion",
    "Mandolin",
)
"""In the order of the data set's files: that of the ids in the re-implementation, while those of the authors' weights
follow the sorted names. The ids must not be mixed."""

Numbering = Literal["files", "sorted"]


@dataclass(frozen=True)
class ListedVideo:
    """A line of a list; ``start`` and ``end`` (exclusive) in whole seconds; ``where``: its file and line."""

    category: str
    id: str
    quality: str
    start: int
    end: int
    where: str = field(default="", compare=False)


def read_list(path: str | Path) -> list[ListedVideo]:
    """Read the videos of a list, with or without header. Raises UsageError that names file and line."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; it is part of the AVE data set") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable list of videos ({error})") from None
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return [_video(line, f"{path}:{number}") for number, line in numbered if line not in ("", HEADER)]


def _video(line: str, where: str) -> ListedVideo:
    fields = line.split("&")
    if len(fields) != 5:
        raise UsageError(f"{where}: {len(fields)} fields separated by &, expected {HEADER}")
    category, name, quality, start, end = fields
    if len(name) != ID_LENGTH or "/" in name:
        raise UsageError(f"{where}: {name!r} is no id of a video: they have {ID_LENGTH} characters")
    if not (start.isdecimal() and end.isdecimal()) or int(start) >= int(end):
        raise UsageError(f"{where}: the annotated seconds {start!r} to {end!r} are no range")
    return ListedVideo(category, name, quality, int(start), int(end), where)


def class_ids(videos: Sequence[ListedVideo], names: Sequence[str]) -> list[int]:
    """Return the id of each video's category. Raises UsageError that names the line of an unknown category."""
    ids = {name: number for number, name in enumerate(names)}
    strange = [video for video in videos if video.category not in ids]
    if strange:
        first = strange[0]
        near = get_close_matches(first.category, names, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise UsageError(
            f"{first.where or first.id}: {first.category!r} is none of the {len(names)} known categories{hint}; the "
            "class list is data.categories"
        )
    return [ids[video.category] for video in videos]


def find_videos(folder: Path, videos: Sequence[ListedVideo]) -> dict[str, Path]:
    """Find the files of listed videos by id: ``<id>.mp4`` in the folder, or in the folder of their category.

    Raises UsageError if files are missing, or are in the folder of another category than in the list.
    """
    if not folder.is_dir():
        raise UsageError(f"data.videos: {folder}: no such folder")
    nested: dict[str, Path] = {path.stem: path for path in folder.glob("*/*.mp4")}
    files, missing = {}, []
    for video in videos:
        flat, below = folder / f"{video.id}.mp4", nested.get(video.id)
        if flat.is_file():
            files[video.id] = flat
        elif below is None:
            missing.append(video)
        elif below.parent.name != video.category:
            raise UsageError(
                f"{video.where}: lists {video.id} as {video.category!r}, but its file is {below}: correct one of them"
            )
        else:
            files[video.id] = below
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(f"{missing[0].where}: {folder} has no {missing[0].id}.mp4{more}; take such lines out")
    return files
