"""Pictures of every frame in the published layout: what the generators of the release leave for training."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from gazenet import files
from gazenet.config.inference_data import PublishedConfig
from gazenet.cues.colour_pictures import as_pictures
from gazenet.data.grouped_frames import CAPTURED, FIXMAP, SALMAP
from gazenet.errors import GazenetError
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.inputs.ground_truth_pictures import truth_pictures
from gazenet.inference.inputs.sources import is_frame_folder
from gazenet.inference.inputs.stored_maps import picture_of
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing
from gazenet.inference.sinks.sink_specs import PUBLISHED
from gazenet.maps.colours import colourise
from gazenet.maps.frame_folders import FrameFolderWriter, Picture, frame_file
from gazenet.redaction import redact, unescape_name

OWN = "videos"
"""Folder of videos that are from no data set."""
PREDICTED = "det_transformed_gasp"
TAKEN_OVER = (CAPTURED, SALMAP, FIXMAP)
"""Pictures that a source in the same layout has already."""


def place_of(known: DatasetVideo | None, folder: Path) -> tuple[str, str]:
    """Where the pictures of a video stand in the layout: data set and video."""
    return known.place if known is not None else (OWN, folder.name)


def collected_in(root: Path) -> Path:
    """The folder in which pictures are collected before they go to ``root``."""
    return root.with_name(root.name + ".part")


def pictures_digest(place: Path, told: Mapping[str, Any]) -> tuple[int, str]:
    """Bytes and SHA-256 of the ``pictures`` of a video's ``frames``; hashed only where ``told`` agrees on the bytes.

    Raises OSError.
    """
    names = [
        f"{index}/{picture}_1.jpg" for index in range(1, told["frames"] + 1) for picture in sorted(told["pictures"])
    ]
    # One that is black all over has no file.
    sizes = {name: (place / name).stat().st_size for name in names if (place / name).exists()}
    total, digest = sum(sizes.values()), hashlib.sha256()
    if told.get("bytes", total) != total:
        return total, ""
    for name, size in sizes.items():
        digest.update(f"{name} {size} ".encode())
        digest.update((place / name).read_bytes())
    return total, digest.hexdigest()


class PublishedSink(Sink):
    """``<root>/<dataset>/<video>/<frame, from 1>/<picture>_1.jpg``, and ``published.json`` that says where they are.

    Pictures: ``captured``, ``det_transformed_<cue>`` of every extractor (the coloured one that it draws, else its map
    in the config's colours), ``det_transformed_gasp`` of an integrator, and the ground truth of a data set
    (``transformed_salmap``, ``transformed_fixmap``). As published, one that is black all over is not written. They are
    collected in ``<root>.part`` and moved when all are there: a new video appears as a whole, a video that is there
    gets its pictures replaced or added one by one.
    """

    spec = PUBLISHED

    def __init__(self, settings: PublishedConfig) -> None:
        self._config = settings
        self._lock: FileLock | None = None
        self._part: Path | None = None

    def open(self, context: SinkContext) -> None:
        """Raises GazenetError where another run writes the same video, or nothing can be written."""
        self._context = context
        self._place = place_of(context.dataset_video, context.folder)
        root = Path(self._config.root)
        self._final, parts = root.joinpath(*self._place), collected_in(root)
        self._same_layout = is_frame_folder(context.source)
        stored = (context.config.get("data") or {}).get("maps") == "stored"
        self._read_here = stored and context.source.resolve() == self._final.resolve()
        self._times: list[float] = []
        self._pictures: set[str] = set()
        with writing(self._final):
            parts.joinpath(self._place[0]).mkdir(parents=True, exist_ok=True)
            self._acquire(parts.joinpath(self._place[0], f"{self._place[1]}.lock"))
            self._part = parts.joinpath(*self._place)
            shutil.rmtree(self._part, ignore_errors=True)
        self._writer = FrameFolderWriter(parts, *self._place, size=self._config.size, skip_black=True, durable=False)

    def _acquire(self, path: Path) -> None:
        # Pictures are written from several threads, and the lock belongs to all of them.
        lock = FileLock(str(path), timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise GazenetError(f"{self._final}: another run is writing its pictures; wait for it") from None
        self._lock = lock

    def write(self, chunk: ChunkResult) -> None:
        self._times += chunk.times.tolist()
        for k in range(len(chunk)):
            for picture, image in self._drawn(chunk, k).items():
                self._put(chunk.start + k, picture, image)

    def _drawn(self, chunk: ChunkResult, k: int) -> dict[str, Picture]:
        """The pictures of the chunk's k-th frame by name; none of those that were read from this very place."""
        found: dict[str, Picture] = {} if self._same_layout else {CAPTURED: chunk.images[k]}
        for cue, maps in chunk.cues.items() if not self._read_here else ():
            picture = picture_of(cue)
            if picture not in (*found, CAPTURED):
                planes = chunk.pictures.get(cue)
                coloured = colourise(maps[k], self._config.colour) if planes is None else as_pictures(planes[k])
                found[picture] = np.ascontiguousarray(coloured)
        if len(chunk.saliency):
            one = chunk.saliency[k]
            grey = np.round(one / max(float(one.max()), 1e-12) * 255).astype(np.uint8)
            found[PREDICTED] = colourise(grey, "bone")
        return found

    def _put(self, index: int, picture: str, image: Picture) -> None:
        self._pictures.add(picture)
        self._writer.write(index, picture, image)

    def close(self, summary: dict[str, Any]) -> None:
        known = self._context.dataset_video
        if self._same_layout:
            self._take_over()
        elif known is not None:
            truth = known.item.fixations(np.array(self._times))
            for index, drawn in enumerate(truth_pictures(truth, known.sigma, self._config)):
                for picture, image in drawn.items():
                    self._put(index, picture, image)
        with writing(self._final):
            self._publish()
            told = {"folder": redact(self._final.absolute()), "frames": len(self._times)}
            told |= {"pictures": sorted(self._pictures)}
            told |= dict(zip(("bytes", "sha256"), pictures_digest(self._final, told), strict=True))
            files.write_json(self._context.folder / self.files[0], told)
        self.abort()

    def _take_over(self) -> None:
        """Frames and ground truth of a source in this layout are copied as they are, unless they are there."""
        source = self._context.source
        if self._part is None or source.resolve() == self._final.resolve():
            return
        for index in range(len(self._times)):
            for picture in TAKEN_OVER:
                file = frame_file(source.parent.parent, source.parent.name, source.name, index, picture)
                if file.is_file():
                    self._pictures.add(picture)
                    target = self._part / str(index + 1) / file.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, target)

    def _publish(self) -> None:
        assert self._part is not None
        for file in self._part.glob("*/*.jpg"):
            files.sync_file(file)
        self._final.parent.mkdir(parents=True, exist_ok=True)
        if not self._final.exists():
            files.publish(self._part, self._final)
            return
        there = sum(one.is_dir() for one in self._final.iterdir())
        if there != len(self._times):
            raise GazenetError(
                f"{self._final}: holds {there} frames, the video has {len(self._times)}: it is of another one; remove "
                "it or choose another outputs.published.root"
            )
        self._merge()

    def _merge(self) -> None:
        """Replaces or adds pictures one by one; a picture that is black now is taken away."""
        assert self._part is not None
        for index in range(len(self._times)):
            for picture in self._pictures:
                new = self._part / str(index + 1) / f"{picture}_1.jpg"
                target = self._final / str(index + 1) / new.name
                if new.exists():
                    os.replace(new, target)
                else:
                    target.unlink(missing_ok=True)
        files.sync_folder(self._final)

    def kept(self, folder: Path) -> bool:
        """Whether the pictures that ``published.json`` in a result folder tells of are still there, as written."""
        try:
            told = json.loads((folder / self.files[0]).read_text(encoding="utf-8"))
            place = Path(unescape_name(told["folder"]))
            if "sha256" not in told:  # as older versions wrote it
                return (place / str(told["frames"])).is_dir()
            return pictures_digest(place, told) == (told["bytes"], told["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def abort(self) -> None:
        if self._part is not None:
            shutil.rmtree(self._part, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock = None
        if self._part is not None:
            for folder in (self._part.parent, self._part.parent.parent):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            self._part = None
