"""What the processes of a distributed run do: one stage of one video at a time, its result in the shared cache.

A unit leaves nothing behind but cache entries (and, the last one of a video, the results), so it can be done again by
anybody: what was made durable before it was lost is found there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.errors import GazenetError
from gazenet.inference.engine.engine_protocol import Job
from gazenet.inference.engine.pipeline import prepare_threads, work_on
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.engine.video_pass import VideoPass, default_store
from gazenet.inference.inputs.sources import identity, open_frames
from gazenet.inference.results import VideoSummary

FACES, RESULTS = "faces", "results"
"""The first and the last unit of every video; an extractor cannot be called like them, see :func:`unit_needs`."""


def unit_needs(specs: Iterable[ExtractorSpec]) -> dict[str, tuple[str, ...]]:
    """The units of a video in an order in which they can be done, each with the units that come before it."""
    extractors = {spec.name: spec.needs.maps for spec in specs}
    units: dict[str, tuple[str, ...]] = {FACES: ()}
    units |= {f"cue {name}": (FACES, *(f"cue {other}" for other in maps)) for name, maps in extractors.items()}
    return units | {RESULTS: tuple(units)}


class UnitWorker:
    """Does one kind of unit, for any video; its networks are loaded once, with the first.

    Args:
        config: an InferConfig as data.
        unit: a key of :func:`unit_needs`.
        folder: the working directory of the run; relative paths begin there on every machine.
    """

    def __init__(self, config: dict[str, Any], unit: str, folder: str) -> None:
        self._config, self._unit, self._folder = config, unit, folder
        self._graph: StageGraph | None = None

    def work(self, job: Job, resume: bool) -> VideoSummary | None:
        """Does the unit for a video; the last one gives its summary. Raises GazenetError."""
        graph = self._graph = self._graph or self._loaded()
        if self._unit == RESULTS:
            return work_on(graph, job, resume)
        source = open_frames(job.path, graph.config.max_side)
        store = default_store(graph.config.resolved_cache_dir)
        try:
            with ThreadPoolExecutor(graph.config.workers) as pool:
                VideoPass(graph, source, identity(job.path), store, pool, lambda chunk: None, Timings()).run()
        finally:
            source.close()
        return None

    def _loaded(self) -> StageGraph:
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise GazenetError(
                f"{self._folder}: not on machine {socket.gethostname()} ({error.strerror}); inputs, cache and results "
                f"must lie on storage that all machines share"
            ) from None
        settings = InferConfig.model_validate(self._config)
        prepare_threads(settings)
        return build_graph(settings, idle=True) if self._unit == RESULTS else part_of_graph(settings, self._unit)


def part_of_graph(config: InferConfig, unit: str) -> StageGraph:
    """The graph with the extractor of a unit and those whose maps it is given; of these nothing is loaded."""
    whole = build_graph(config.model_copy(update={"integrator": None}), idle=True)
    name = unit.removeprefix("cue ")
    wanted = {name, *(other for cue in whole.cues if cue.name == name for other in cue.spec.needs.maps)}
    return replace(whole, cues=tuple(cue for cue in whole.cues if unit != FACES and cue.name in wanted))
