"""Pictures of every frame in the published layout, which the generators of the release leave for training."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from gazenet import files
from gazenet.config.inference_data import PublishedConfig
from gazenet.cues.colour_pictures import as_pictures
from gazenet.data.drawn_truth import PublishedFixations, published_fixations
from gazenet.data.fixations import FrameFixations
from gazenet.data.grouped_frames import CAPTURED, FIXMAP, SALMAP
from gazenet.errors import GazenetError
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
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


def place_of(dataset_video: DatasetVideo | None, folder: Path) -> tuple[str, str]:
    """Return the place of a video's pictures in the layout: data set and video."""
    return dataset_video.place if dataset_video is not None else (OWN, folder.name)


def collected_in(root: Path) -> Path:
    """Return the folder in which pictures are collected before they go to ``root``."""
    return root.with_name(root.name + ".part")


def pictures_digest(place: Path, listing: Mapping[str, Any]) -> tuple[int, str]:
    """Return bytes and SHA-256 of the ``pictures`` of a video's ``frames``, as ``published.json`` lists them.

    The pictures are not hashed, and the hash is empty, where the listing has another number of ``bytes``.

    Raises OSError.
    """
    frames, pictures = range(1, listing["frames"] + 1), sorted(listing["pictures"])
    names = [f"{index}/{picture}_1.jpg" for index in frames for picture in pictures]
    # A picture that is black all over has no file.
    sizes = {name: (place / name).stat().st_size for name in names if (place / name).exists()}
    total, digest = sum(sizes.values()), hashlib.sha256()
    if listing.get("bytes", total) != total:
        return total, ""
    for name, size in sizes.items():
        digest.update(f"{name} {size} ".encode())
        digest.update((place / name).read_bytes())
    return total, digest.hexdigest()


def truth_pictures(truth: FrameFixations, sigma: float, config: PublishedConfig) -> Iterator[dict[str, Picture]]:
    """Density (coloured) and fixated spots (white on black) of every frame, black where nobody looked.

    Both are drawn at the size of the frame, as published. Fixations of corrected readers are drawn at the size of the
    picture: stretched from a large frame, spots could be lost. ``sigma`` in pixels of the frame.
    """
    height, width = truth.size
    for frame in range(len(truth)):
        grey = np.round(truth.density(frame, height, width, sigma) * 255).astype(np.uint8)
        density = colourise(grey, config.truth_colour) if grey.any() else np.zeros((*grey.shape, 3), np.uint8)
        yield {SALMAP: density, FIXMAP: _spots(truth, frame, config.size)}


def _spots(truth: FrameFixations, frame: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    if isinstance(truth, PublishedFixations):
        return published_fixations(truth[frame], truth.size)
    scale = np.array([size[1] / truth.size[1], size[0] / truth.size[0]])
    return published_fixations(truth[frame] * scale, size)


class PublishedSink(Sink):
    """``<root>/<dataset>/<video>/<frame, from 1>/<picture>_1.jpg``, and ``published.json`` with their place.

    Pictures: ``captured``, ``det_transformed_<cue>`` of every extractor (the coloured one that it draws, else its map
    in the config's colours), ``det_transformed_gasp`` of an integrator, and the ground truth of a data set
    (``transformed_salmap``, ``transformed_fixmap``). As published, one that is black all over is not written. They are
    collected in ``<root>.part`` and moved when all are written: a new video appears as a whole, an existing one gets
    its pictures replaced or added one by one.
    """

    spec = PUBLISHED

    def __init__(self, settings: PublishedConfig) -> None:
        self._config = settings
        self._lock: FileLock | None = None
        self._part: Path | None = None

    def open(self, context: SinkContext) -> None:
        """Begin a video. Raises GazenetError where another run writes the same one, or nothing can be written."""
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
        """Write the pictures of the next frames to the collecting folder."""
        self._times += chunk.times.tolist()
        for k in range(len(chunk)):
            for picture, image in self._pictures_of(chunk, k).items():
                self._put(chunk.start + k, picture, image)

    def _pictures_of(self, chunk: ChunkResult, k: int) -> dict[str, Picture]:
        """Return the pictures of the chunk's k-th frame by name, without those that were read from this very place."""
        pictures: dict[str, Picture] = {} if self._same_layout else {CAPTURED: chunk.images[k]}
        for cue, maps in chunk.cues.items() if not self._read_here else ():
            picture = picture_of(cue)
            if picture not in (*pictures, CAPTURED):
                planes = chunk.pictures.get(cue)
                coloured = colourise(maps[k], self._config.colour) if planes is None else as_pictures(planes[k])
                pictures[picture] = np.ascontiguousarray(coloured)
        if len(chunk.saliency):
            saliency = chunk.saliency[k]
            grey = np.round(saliency / max(float(saliency.max()), 1e-12) * 255).astype(np.uint8)
            pictures[PREDICTED] = colourise(grey, "bone")
        return pictures

    def _put(self, index: int, picture: str, image: Picture) -> None:
        self._pictures.add(picture)
        self._writer.write(index, picture, image)

    def close(self, summary: dict[str, Any]) -> None:
        """Add the ground truth, move the pictures to their place and write the listing."""
        dataset_video = self._context.dataset_video
        if self._same_layout:
            self._take_over()
        elif dataset_video is not None:
            truth = dataset_video.item.fixations(np.array(self._times))
            for index, images in enumerate(truth_pictures(truth, dataset_video.sigma, self._config)):
                for picture, image in images.items():
                    self._put(index, picture, image)
        with writing(self._final):
            self._publish()
            listing = {"folder": redact(self._final.absolute()), "frames": len(self._times)}
            listing |= {"pictures": sorted(self._pictures)}
            listing |= dict(zip(("bytes", "sha256"), pictures_digest(self._final, listing), strict=True))
            files.write_json(self._context.folder / self.files[0], listing)
        self.abort()

    def _take_over(self) -> None:
        """Copy frames and ground truth of a source in this layout, unless source and target are the same folder."""
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
        there = sum(path.is_dir() for path in self._final.iterdir())
        if there != len(self._times):
            raise GazenetError(
                f"{self._final}: holds {there} frames, the video has {len(self._times)}: it is of another one; remove "
                "it or choose another outputs.published.root"
            )
        self._merge()

    def _merge(self) -> None:
        """Replace or add pictures one by one; remove those that are black now."""
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
        """Return whether the pictures that ``published.json`` in a result folder lists still exist, as written."""
        try:
            listing = json.loads((folder / self.files[0]).read_text(encoding="utf-8"))
            place = Path(unescape_name(listing["folder"]))
            if "sha256" not in listing:  # as older versions wrote it
                return (place / str(listing["frames"])).is_dir()
            return pictures_digest(place, listing) == (listing["bytes"], listing["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def abort(self) -> None:
        """Remove the collecting folder and release the lock."""
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
