"""The two audiovisual databases of Coutrot and Guyader: free viewing of short clips with sound.

Database 1: Journal of Vision 14(8):5, 2014; database 2 (conversations): EUSIPCO 2015. Expected below ``root``:
``ERB3_Stimuli/clip_N.avi`` and ``coutrot_database1.mat`` (``ERB4_Stimuli``, ``coutrot_database2.mat``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.framewise import FrameTable, FrameVideo, frames_first, from_grid, leave_out, shifted
from gazenet.data.matlab_files import fields, load_mat, numbers
from gazenet.data.reader_options import DatasetReader, videos_in

UP = -20.0
"""The published correction of y, pixels."""
RATE = 25.0


class _Coutrot(DatasetReader[FrameVideo]):
    """Clips and one MATLAB file: per clip ``data`` ``[3, frames, observers]`` (x, y, participant; NaN: none)."""

    usual_width = 720
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(20.0, reference_width=720),
        "published": GaussianWidth(20.0),
    }
    folder: ClassVar[str]
    annotation: ClassVar[str]
    variable: ClassVar[str]

    @cached_property
    def _items(self) -> list[FrameVideo]:
        """The clips by name (``clip_1``); a clip without annotation is left out. Raises UsageError."""
        videos = videos_in(self.root / self.folder, ".avi", ".mp4")
        source = require(self.root / self.annotation, "the published annotation file")
        tree = load_mat(source)
        clips = fields(tree, self.variable, source)
        leave_out([video.stem for video in videos if video.stem not in clips], f"no fixations in {source}")
        return [
            FrameVideo(
                name=video.stem,
                path=video,
                source=source,
                read=partial(_looks, tree, f"{self.variable}.{video.stem}", source),
                rate=_rate(clips[video.stem]),
                clock=self.clock,
                behaviour=self.behaviour,
                subjects=self.subjects,
            )
            for video in videos
            if video.stem in clips
        ]


def _looks(tree: Mapping[str, Any], clip: str, source: Path, size: Size) -> FrameTable:
    return shifted(from_grid(frames_first(numbers(tree, f"{clip}.data", source), f"{source}: {clip}.data")), 0, UP)


def _rate(clip: Any) -> float:
    """Return the frame rate of the annotation; all published clips have 25 frames per second."""
    info = clip.get("info") if isinstance(clip, Mapping) else None
    fps = info.get("fps") if isinstance(info, Mapping) else None
    value = float(fps.ravel()[0]) if isinstance(fps, np.ndarray) and fps.size and fps.dtype.kind in "iuf" else 0.0
    return value if value > 0 else RATE


class Coutrot1(_Coutrot):
    """Database 1: 60 clips of moving objects, landscapes and faces; their original sound tracks."""

    name = "coutrot1"
    folder = "ERB3_Stimuli"
    annotation = "coutrot_database1.mat"
    variable = "Coutrot_Database1.OriginalSounds"


class Coutrot2(_Coutrot):
    """Database 2: 15 clips of conversations, seen with their sound."""

    name = "coutrot2"
    folder = "ERB4_Stimuli"
    annotation = "coutrot_database2.mat"
    variable = "Coutrot_Database2.AudioVisual"
