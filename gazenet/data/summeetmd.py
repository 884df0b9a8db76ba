"""SumMe and ETMD with eye tracking (Tsiami, Koutras, Katsamanis, Vatakis, Maragos, 2019): user videos and film clips.

Expected below ``root`` (the folder ``SumMe_ETMD``): ``video/NAME.mp4`` and ``eyetracking/all_videos.mat``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gazenet.data.dataset import Behaviour
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.framewise import FrameTable, FrameVideo, frames_first, from_grid, leave_out
from gazenet.data.matlab_files import fields, load_mat, numbers
from gazenet.data.reader_options import DatasetReader, first_of, videos_in

VARIABLE = "eye_data_all"


class SumMeEtmd(DatasetReader[FrameVideo]):
    """Per video ``eye_data_all.NAME`` ``[3, frames, 10]``: x, y as fractions of the frame; NaN or negative: none."""

    name = "summeetmd"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(40.0, reference_width=1280),
        "published": GaussianWidth(20.0),
    }

    @cached_property
    def _items(self) -> list[FrameVideo]:
        """The videos by name; one without annotation is left out. Raises UsageError."""
        videos = videos_in(self.root / "video", ".mp4", ".avi")
        places = ("eyetracking/all_videos.mat", "all_videos.mat")
        source = first_of(self.root, places, "the published annotation file")
        tree = load_mat(source)
        names = fields(tree, VARIABLE, source)
        field_of = {video: _field(video.stem, names) for video in videos}
        leave_out([video.stem for video in videos if field_of[video] is None], f"no fixations in {source}")
        return [
            FrameVideo(
                name=video.stem,
                path=video,
                source=source,
                read=partial(_looks, tree, f"{VARIABLE}.{field}", source, self.behaviour),
                clock=self.clock,
                behaviour=self.behaviour,
                subjects=self.subjects,
            )
            for video, field in field_of.items()
            if field is not None
        ]


def _field(stem: str, names: Mapping[str, Any]) -> str | None:
    """The field of a video: its name, or what MATLAB makes of a name that cannot be a field."""
    valid = re.sub(r"\W", "_", stem)
    return next((name for name in (stem, valid, f"x{valid}") if name in names), None)


def _looks(tree: Mapping[str, Any], name: str, source: Path, behaviour: Behaviour, size: Size) -> FrameTable:
    grid = frames_first(numbers(tree, name, source), f"{source}: {name}")[:, :2].copy()
    # Lost eyes are NaN or negative. The released system casts them to huge unsigned numbers, far outside the frame.
    grid[(grid < 0).any(axis=1, keepdims=True).repeat(2, axis=1)] = np.nan
    table = from_grid(grid * np.array([size[1], size[0]])[None, :, None])
    if behaviour == "published":
        return FrameTable(table.frame, table.subject, np.floor(table.points), table.weight)
    return table
