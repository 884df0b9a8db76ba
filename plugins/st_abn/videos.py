"""Action videos: from a label file or from folders named like classes; frames from pictures or films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.errors import MediaError, UsageError
from gazenet.files import natural_order
from gazenet.media.decode import VideoReader, probe
from gazenet.media.media_files import VIDEO_SUFFIXES, pictures_in
from gazenet.media.picture_file import read_image
from gazenet_plugins.st_abn.recipe import ActionSet

FILMS = (*VIDEO_SUFFIXES, ".webm")


@dataclass(frozen=True)
class ActionVideo:
    """A video with its class: a folder of pictures (``files`` in order) or a film (the only file)."""

    name: str
    files: tuple[Path, ...]
    label: int
    count: int

    def frames(self, numbers: Sequence[int]) -> NDArray[np.uint8]:
        """Read frames by their numbers, ``[n, H, W, 3]`` RGB. Raises MediaError, also for unequal sizes."""
        pictures = self._film(numbers) if self._is_film else {k: read_image(self.files[k]) for k in set(numbers)}
        sizes = sorted({one.shape for one in pictures.values()})
        if len(sizes) > 1:
            text = " and ".join(f"{width}x{height}" for height, width, _ in sizes[:2])
            raise MediaError(f"{self.files[0].parent}: frames of unequal size ({text})")
        return np.stack([pictures[k] for k in numbers])

    @property
    def _is_film(self) -> bool:
        return self.files[0].suffix.lower() in FILMS

    def _film(self, numbers: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        needed, frames = set(numbers), {}
        with VideoReader(self.files[0]) as reader:
            for frame in reader:
                if frame.index in needed:
                    frames[frame.index] = frame.image
                if frame.index >= max(needed):
                    break
        missing = needed - frames.keys()
        if missing:
            raise MediaError(f"{self.files[0]}: ends before frame {min(missing)}")
        return frames


def read_classes(path: str | Path | None) -> list[str] | None:
    """Read class names in order; None without a list. Raises UsageError for empty and repeated names."""
    if path is None:
        return None
    try:
        names = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"data.classes: {path}: cannot be read ({error})") from None
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise UsageError(f"data.classes: {path}: " + (f"names {twice[0]!r} twice" if twice else "names no class"))
    return names


def read_videos(source: ActionSet, classes: Sequence[str] | None, key: str) -> tuple[list[ActionVideo], list[str]]:
    """Read the videos of a set and all class names.

    Raises UsageError that names the line or folder: a malformed row, a class that is not in the list, a video that is
    missing or has fewer frames than its row says.
    """
    root = Path(source.root)
    if not root.is_dir():
        raise UsageError(f"{key}.root: {root}: no such folder")
    if source.labels is None:
        return _from_folders(root, classes, key)
    rows = _rows(Path(source.labels), key)
    highest = max(label for _, _, label, _ in rows)
    names = list(classes) if classes is not None else [str(k) for k in range(highest + 1)]
    videos = []
    for name, declared, label, line in rows:
        where = f"{source.labels}, line {line}"
        if label >= len(names):
            raise UsageError(f"{where}: class {label}, but data.classes names {len(names)} (0 to {len(names) - 1})")
        video = _video(root / name, name, label, where)
        if declared is not None and video.count < declared:
            raise UsageError(f"{where}: {declared} frames, but {root / name} holds {video.count}")
        videos.append(video)
    return videos, names


def _rows(path: Path, key: str) -> list[tuple[str, int | None, int, int]]:
    """Yield (id, number of frames, class, line) of every row."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{key}.labels: {path}: cannot be read ({error})") from None
    rows = []
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) not in (2, 3) or not all(part.isdigit() for part in parts[1:]) or ".." in Path(parts[0]).parts:
            raise UsageError(f"{path}, line {number}: {line!r} is not '<video id> <number of frames> <class>'")
        rows.append((parts[0], int(parts[1]) if len(parts) == 3 else None, int(parts[-1]), number))
    if not rows:
        raise UsageError(f"{key}.labels: {path}: names no video")
    return rows


def _from_folders(root: Path, classes: Sequence[str] | None, key: str) -> tuple[list[ActionVideo], list[str]]:
    # Plain order of text: it numbers the classes of weights that exist.
    folders = sorted(one.name for one in root.iterdir() if one.is_dir())
    names = list(classes) if classes is not None else folders
    stray = [name for name in folders if name not in names]
    missing = [name for name in names if name not in folders]
    if stray or missing:
        problem = f"the folder {stray[0]!r} is no class" if stray else f"the class {missing[0]!r} has no folder"
        raise UsageError(f"{key}.root: {root}: data.classes and folders disagree: {problem}")
    videos = []
    for label, name in enumerate(names):
        entries = (one for one in (root / name).iterdir() if one.is_dir() or one.suffix.lower() in FILMS)
        ordered = sorted(entries, key=natural_order)
        videos += [_video(one, f"{name}/{one.stem}", label, str(one)) for one in ordered]
    if not videos:
        raise UsageError(f"{key}.root: {root}: holds no videos")
    return videos, names


def _video(place: Path, name: str, label: int, where: str) -> ActionVideo:
    if place.is_dir():
        files = tuple(pictures_in(place))
        if not files:
            raise UsageError(f"{where}: {place} holds no pictures")
        return ActionVideo(name, files, label, len(files))
    films = [place] if place.suffix.lower() in FILMS else [place.with_name(place.name + suffix) for suffix in FILMS]
    for film in films:
        if film.is_file():
            return ActionVideo(name, (film,), label, _length(film))
    raise UsageError(f"{where}: there is neither a folder nor a film {place}")


def _length(film: Path) -> int:
    """Return the number of frames of a film, counted if the container does not say."""
    declared = probe(film).declared_frames
    if declared:
        return declared
    with VideoReader(film) as reader:
        return sum(1 for _ in reader)
