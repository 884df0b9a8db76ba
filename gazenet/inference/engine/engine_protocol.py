"""What a run hands to whoever does the work, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.results import VideoSummary


@dataclass(frozen=True)
class Job:
    """One input of a run: its place in the order given, its file, the folder of its results."""

    index: int
    path: Path
    folder: Path
    known: DatasetVideo | None = None


Ended = tuple[Job, VideoSummary | Exception]


class Engine(Protocol):
    """Works through jobs in any order; gives each with its summary, or with what made it fail.

    UsageError and PluginError while the work is prepared are raised.
    """

    def __call__(self, graph: StageGraph, jobs: Sequence[Job], resume: bool) -> Iterator[Ended]: ...
