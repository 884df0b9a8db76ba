"""MVVA, multiple-face videos with visual and audio cues (Liu, Qiao, Xu, Li, Hu, Borji, ECCV 2020).

Expected below ``root``: ``our_database_video/raw_videos/NNN.mp4`` (or ``.avi``, as in the archive) and
``all_videos_all_frames_fixation/NNN.npy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.framewise import FrameTable, FrameVideo, from_grid, leave_out
from gazenet.data.reader_options import DatasetReader, videos_in
from gazenet.errors import UsageError
from gazenet.npy import read_npy


class Mvva(DatasetReader[FrameVideo]):
    """Per video an array ``[frames, 2, observers]`` of x and y in pixels; its frames are those of the video."""

    name = "mvva"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(40.0, reference_width=1280),
        "published": GaussianWidth(66.0),
    }

    @cached_property
    def _items(self) -> list[FrameVideo]:
        """The videos by name (``001``); one without fixations is left out. Raises UsageError."""
        files = videos_in(self.root / "our_database_video" / "raw_videos", ".avi", ".mp4")
        # Of a video in both forms the MP4 is used, which comes later by name.
        videos = list({video.stem: video for video in files}.values())
        folder = require(self.root / "all_videos_all_frames_fixation", "the folder of fixations")
        sources = {video: folder / f"{video.stem}.npy" for video in videos}
        leave_out([video.stem for video in videos if not sources[video].is_file()], f"no NNN.npy in {folder}")
        return [
            FrameVideo(
                name=video.stem,
                path=video,
                source=source,
                read=partial(_looks, source),
                clock=self.clock,
                behaviour=self.behaviour,
                subjects=self.subjects,
            )
            for video, source in sources.items()
            if source.is_file()
        ]


def _looks(source: Path, size: Size) -> FrameTable:
    try:
        grid = read_npy(source)
    except (OSError, ValueError, EOFError) as error:
        cause = " ".join(str(error).split())
        raise UsageError(f"{source}: cannot be read ({cause}); it may be incomplete: download it again") from None
    if grid.ndim != 3 or grid.shape[1] != 2 or grid.dtype.kind not in "fiu":
        raise UsageError(f"{source}: must hold [frames, 2, observers], not {grid.dtype} {list(grid.shape)}")
    return from_grid(grid.astype(np.float64))
