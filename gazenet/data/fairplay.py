"""FAIR-Play (Gao, Grauman, 2.5D Visual Sound, CVPR 2019): music played in a room, with binaural sound.

No gaze was recorded: the ground truth is one map per video of where the sound comes from. Expected below
``root``: ``videos/ID.mp4``, ``maps/ID_*.png`` and, for models that listen, ``binaural_audios/ID.wav``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.drawn_truth import PictureFixations
from gazenet.data.fixations import FrameFixations, no_fixations
from gazenet.data.framewise import leave_out
from gazenet.data.reader_options import DatasetReader, frame_size, videos_in
from gazenet.errors import MediaError, UsageError
from gazenet.files import natural_order


@dataclass(frozen=True)
class FairPlayVideo:
    """One video with its map of where the sound comes from, and the file of its binaural sound."""

    name: str
    path: Path
    map_path: Path
    sound_path: Path
    still: bool = False

    @cached_property
    def size(self) -> Size:
        """Height and width in pixels, read from the video once. Raises MediaError."""
        return frame_size(self.path)

    @cached_property
    def sound_map(self) -> NDArray[np.uint8]:
        """uint8 ``[h, w]`` in the size of its file, covering the whole frame. Raises UsageError naming the file."""
        from gazenet.media.picture_file import read_image

        try:
            return read_image(self.map_path).max(axis=2)
        except MediaError as error:
            raise UsageError(f"{error}; download the maps again") from None

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return no points and no observers; ``density`` is the map of the sound for every one of ``times``."""
        none = no_fixations(len(times), self.size)
        sound = self.sound_map
        return PictureFixations(none.size, none.points, none.observers, picture=lambda frame: sound)


class FairPlay(DatasetReader[FairPlayVideo]):
    """Both behaviours are the same; ``subjects`` and ``spread`` have no effect."""

    name = "fairplay"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(40.0, reference_width=1280),
        "published": GaussianWidth(40.0, reference_width=1280),
    }

    @cached_property
    def _items(self) -> list[FairPlayVideo]:
        """The videos by name (``000001``); one without a map is left out. Raises UsageError."""
        videos = videos_in(self.root / "videos", ".mp4")
        folder = require(self.root / "maps", "the folder of sound maps")
        # The id is the text before the first underscore; of several maps the first by name is used.
        pictures = sorted(folder.glob("*_*.png"), key=natural_order, reverse=True)
        maps = {path.name.split("_")[0]: path for path in pictures}
        leave_out([video.stem for video in videos if video.stem not in maps], f"no ID_*.png in {folder}")
        sounds = self.root / "binaural_audios"
        return [
            FairPlayVideo(video.stem, video, maps[video.stem], sounds / f"{video.stem}.wav")
            for video in videos
            if video.stem in maps
        ]
