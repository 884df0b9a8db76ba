"""The simulated-avatar gaze study (Kerzel, Wermter 2020; Fu et al., Int. J. of Social Robotics 15, 2023).

An avatar looks to one side while a sound comes from one side. No gaze was recorded. Expected below ``root``:
``videos/*.mp4`` and, if there is one, ``video_conditions.csv``; without it the installed table of conditions is used.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Behaviour
from gazenet.data.density import GaussianWidth, Size
from gazenet.data.fixations import FrameFixations, no_fixations
from gazenet.data.reader_options import DatasetReader, frame_size, videos_in
from gazenet.errors import UsageError

COLUMNS = ("video_id", "auditory_localization", "visualcue_localization", "conditions_congruency")
_CLIP = re.compile(r"(?:con|inc|neutral)_gaze_(left|right|center)_sound_(left|right)")


@dataclass(frozen=True)
class StudyConditions:
    """The side of the sound, the side that the avatar looks to (``normal``: ahead), and whether the two agree."""

    auditory: str
    visual: str
    congruency: str


@dataclass(frozen=True)
class GazeStudyVideo:
    """One clip; ``conditions`` is None where neither a table nor its name has them."""

    name: str
    path: Path
    conditions: StudyConditions | None
    still: bool = False

    @cached_property
    def size(self) -> Size:
        """Height and width in pixels; asks the video once. Raises MediaError."""
        return frame_size(self.path)

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return no points and no observers."""
        return no_fixations(len(times), self.size)


class WtmSimGaze(DatasetReader[GazeStudyVideo]):
    """Corrected: conditions are looked up, else read from the name of a clip. Published: only looked up."""

    name = "wtmsimgaze"
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(40.0, reference_width=1280),
        "published": GaussianWidth(40.0, reference_width=1280),
    }

    @cached_property
    def _items(self) -> list[GazeStudyVideo]:
        """The clips by file stem. Raises UsageError."""
        videos = videos_in(self.root / "videos", ".mp4")
        table = self._table()
        return [GazeStudyVideo(path.stem, path, table.get(path.stem) or self._named(path.stem)) for path in videos]

    def _named(self, stem: str) -> StudyConditions | None:
        match = _CLIP.fullmatch(stem)
        if match is None or self.behaviour == "published":
            return None
        visual, auditory = match[1], match[2]
        if visual == "center":
            return StudyConditions(auditory, "normal", "neutral")
        return StudyConditions(auditory, visual, "congruent" if visual == auditory else "incongruent")

    def _table(self) -> dict[str, StudyConditions]:
        own = self.root / "video_conditions.csv"
        if own.exists():
            return read_conditions(own.read_text(encoding="utf-8-sig"), str(own))
        name = "wtmsimgaze2020_video_conditions.csv"
        installed = resources.files("gazenet_datasets") / "splits" / name
        return read_conditions(installed.read_text(encoding="utf-8"), name)


def read_conditions(text: str, where: str) -> dict[str, StudyConditions]:
    """Read the conditions by video from a table; ``where`` names it in errors. Raises UsageError."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(f"{where}: column {', '.join(missing)} is missing; the table has {', '.join(COLUMNS)}")
    return {str(row["video_id"]): StudyConditions(*(str(row[column]) for column in COLUMNS[1:])) for row in reader}
