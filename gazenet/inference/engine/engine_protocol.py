"""The contract between a run and the engine that works through its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.results import VideoSummary


@dataclass(frozen=True)
class RunInput:
    """One input of a run.

    Attributes:
        index: its place among the inputs, from 0.
        path: the file or folder.
        folder: where its results go.
        dataset_video: what its data set says of it, if it is from one.
    """

    index: int
    path: Path
    folder: Path
    dataset_video: DatasetVideo | None = None


EngineResult = tuple[RunInput, VideoSummary | Exception]


class Engine(Protocol):
    """Works through the inputs of a run: in this process, on several devices, on a cluster."""

    def __call__(self, graph: StageGraph, inputs: Sequence[RunInput], resume: bool) -> Iterator[EngineResult]:
        """Yield each input, in any order, with its summary or the error that made it fail.

        Raises UsageError and PluginError of the preparation, before the first input.
        """
