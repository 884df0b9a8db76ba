"""The published layout of maps: one JPEG per frame and picture, as in downloaded caches.

``<root>/<dataset>/<video>/<frame, from 1>/<picture>_1.jpg``: three channels, quality 95. A picture (``captured``,
``det_transformed_dave``, ...) is the layout's name of a kind of image. Numbers other than ``_1`` come from repeated
runs and are ignored. The layout is lossy: the platform itself works on the packed cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet import files
from gazenet.errors import CacheError
from gazenet.files import natural_order
from gazenet.maps.entry_files import disk_errors

QUALITY = 95
SIZE = (500, 500)
"""Height and width of published pictures, whatever the aspect ratio of the video."""

Picture = NDArray[np.uint8]

_FRAME = re.compile(r"[1-9][0-9]*")
_FILE = re.compile(r"(?P<picture>.+)_[1-9][0-9]*\.jpg")
_LISTED = 8


def frame_file(root: Path, dataset: str, video: str, index: int, picture: str) -> Path:
    """Return the file of one picture of the frame ``index`` (from 0)."""
    return root / dataset / video / str(index + 1) / f"{picture}_1.jpg"


class FrameFolderWriter:
    """Writes the pictures of one video; a picture that exists is replaced.

    Args:
        size: height and width to which pictures are stretched, bilinearly; None: keep theirs.
        skip_black: follow the published rule not to write pictures that are entirely black. Readers repeat the picture
            before, so this changes what is read.
        durable: False: the caller brings the files to disk, for example all of them at once.
    """

    def __init__(
        self,
        root: str | Path,
        dataset: str,
        video: str,
        size: tuple[int, int] | None = SIZE,
        skip_black: bool = False,
        durable: bool = True,
    ) -> None:
        self.root, self.dataset, self.video = Path(root), dataset, video
        self._size, self._skip_black, self._durable = size, skip_black, durable

    def write(self, index: int, picture: str, image: Picture) -> bool:
        """Write a picture uint8 ``[h, w]`` (grey) or ``[h, w, 3]`` (RGB) of frame ``index`` (from 0) atomically.

        Returns whether the file was written. Raises CacheError (disk full, no permission) and ValueError (another type
        or shape).
        """
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or not image.size:
            raise ValueError(f"{picture}: {image.dtype} {image.shape} is not a picture")
        path = frame_file(self.root, self.dataset, self.video, index, picture)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)  # without its folder the frame would be a gap
            if self._skip_black and not image.any():
                path.unlink(missing_ok=True)  # the file of an earlier run would be read instead
                return False
            if self._durable:
                files.write_bytes(path, self._encode(image))
            else:
                path.write_bytes(self._encode(image))
        return True

    def _encode(self, image: Picture) -> bytes:
        bgr = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)
        if self._size is not None and bgr.shape[:2] != self._size:
            bgr = cv2.resize(bgr, self._size[::-1], interpolation=cv2.INTER_LINEAR)
        good, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not good:
            raise ValueError(f"{image.shape} cannot be written as JPEG")
        return data.tobytes()


class FrameFolderReader:
    """The pictures of one video; opening lists every folder and file name.

    Frames must be numbered 1 to N without gaps, each a folder of ``<picture>_<n>.jpg``.

    Args:
        strict: False: note faults of the folder in ``notes`` instead. Stray files are ignored, and missing frames, up
            to half of all, have the pictures of the frame before.

    Raises:
        CacheError: no such video, or (strict) gaps and stray files, listed.
    """

    def __init__(self, root: str | Path, dataset: str, video: str, strict: bool = True) -> None:
        self.folder = Path(root) / dataset / video
        self.notes: list[str] = []
        self._root, self._dataset, self._video = Path(root), dataset, video
        self._frames_of: dict[str, set[int]] = {}
        with disk_errors(self.folder):
            stray = self._scan()
        self._complain("does not belong there", stray, len(stray), strict)
        if not self.frames:
            raise CacheError(f"{self.folder}: has no frame folders")
        # A single folder with an absurd number must not make billions of frames.
        gaps = (str(number) for number in range(1, self.frames + 1) if number not in self._numbers)
        count = self.frames - len(self._numbers)
        hopeless = count > len(self._numbers)
        self._complain("frame folders are missing", list(islice(gaps, _LISTED)), count, strict or hopeless)

    def __len__(self) -> int:
        return self.frames

    @property
    def frames(self) -> int:
        """The number of frames."""
        return max(self._numbers, default=0)

    @property
    def pictures(self) -> list[str]:
        """The names of the pictures that occur in any frame."""
        return sorted(self._frames_of)

    def read(self, picture: str, start: int = 0, stop: int | None = None) -> Picture:
        """Read a picture of the frames ``start <= index < stop`` (from 0): RGB uint8 ``[T, h, w, 3]``.

        A frame without the picture repeats the frame before; frames before the first one are black. Grey files have
        three equal channels.

        Raises:
            CacheError: no frame has the picture, a file is not readable, or files differ in size; names the file.
        """
        if not self._frames_of.get(picture):
            raise CacheError(f"{self.folder}: no frame has {picture}; there are {', '.join(self.pictures) or 'none'}")
        here = range(self.frames)[start:stop]
        sources = [self._source(picture, index) for index in here]
        first = self._load(picture, next((s for s in sources if s is not None), min(self._frames_of[picture])))
        images = np.zeros((len(here), *first.shape), np.uint8)
        for k, source in enumerate(sources):
            if source is None:
                continue
            if k and source == sources[k - 1]:
                images[k] = images[k - 1]
                continue
            image = self._load(picture, source)
            if image.shape != first.shape:
                path = frame_file(self._root, self._dataset, self._video, source, picture)
                raise CacheError(f"{path}: is {_size(image)}, other frames are {_size(first)}")
            images[k] = image
        return images

    def missing(self, picture: str) -> list[int]:
        """Return the frames (from 0) without a picture of their own."""
        return sorted(set(range(self.frames)) - self._frames_of.get(picture, set()))

    def _source(self, picture: str, index: int) -> int | None:
        frames = self._frames_of[picture]
        return next((earlier for earlier in range(index, -1, -1) if earlier in frames), None)

    def _load(self, picture: str, index: int) -> Picture:
        path = frame_file(self._root, self._dataset, self._video, index, picture)
        with disk_errors(path):
            data = path.read_bytes()
        # OpenCV fills the rest of a torn file with grey without an error.
        if data.rstrip(b"\0")[-2:] != b"\xff\xd9":
            raise CacheError(f"{path}: the JPEG is cut off or damaged; remove it or download it again")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise CacheError(f"{path}: is not a readable JPEG; remove it or download it again")
        return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)

    def _scan(self) -> list[str]:
        stray = []
        self._numbers: set[int] = set()
        if not self.folder.is_dir():
            raise CacheError(f"{self.folder}: no such folder of frames")
        for folder in sorted(self.folder.iterdir(), key=natural_order):
            if not folder.is_dir() or not _FRAME.fullmatch(folder.name):
                stray.append(folder.name)
                continue
            self._numbers.add(int(folder.name))
            stray += self._scan_frame(folder)
        return stray

    def _scan_frame(self, folder: Path) -> Iterable[str]:
        for file in sorted(folder.iterdir()):
            match = _FILE.fullmatch(file.name)
            if match is None or not file.is_file():
                yield f"{folder.name}/{file.name}"
            elif file.name == f"{match['picture']}_1.jpg":
                self._frames_of.setdefault(match["picture"], set()).add(int(folder.name) - 1)

    def _complain(self, what: str, names: list[str], count: int, strict: bool) -> None:
        if not count:
            return
        rest = f" and {count - _LISTED} more" if count > _LISTED else ""
        text = f"{self.folder}: {what}: {', '.join(names[:_LISTED])}{rest}"
        if strict:
            raise CacheError(text)
        self.notes.append(text)


def _size(image: Picture) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
