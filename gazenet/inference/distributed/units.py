"""The processes of a distributed run: each does one stage of one video at a time, into the shared cache.

A unit leaves nothing but cache entries (the last unit of a video: its results), so any process can do it again and
continue from what was durable before the first one was lost.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.errors import GazenetError
from gazenet.guard import journal
from gazenet.inference.engine.engine_protocol import RunInput
from gazenet.inference.engine.pipeline import prepare_threads, work_on
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.engine.video_pass import VideoPass, default_store
from gazenet.inference.inputs.sources import identity, open_frames
from gazenet.inference.results import VideoSummary
from gazenet.media.media_files import display_name

FACES, RESULTS = "faces", "results"
"""The first and the last unit of every video; see :func:`unit_needs`, in which no extractor can have these names."""


def unit_needs(specs: Iterable[ExtractorSpec]) -> dict[str, tuple[str, ...]]:
    """The units of a video in an order in which they can be done, each with the units that come before it."""
    extractors = {spec.name: spec.needs.maps for spec in specs}
    units: dict[str, tuple[str, ...]] = {FACES: ()}
    units |= {f"cue {name}": (FACES, *(f"cue {other}" for other in maps)) for name, maps in extractors.items()}
    return units | {RESULTS: tuple(units)}


class UnitWorker:
    """A process for one kind of unit, for any video; its networks are loaded once, with the first video.

    Args:
        config: an InferConfig as data.
        unit: a key of :func:`unit_needs`.
        folder: the working directory of the run, which relative paths refer to on every machine.
    """

    def __init__(self, config: dict[str, Any], unit: str, folder: str) -> None:
        self._config, self._unit, self._folder = config, unit, folder
        self._graph: StageGraph | None = None

    def work(self, item: RunInput, resume: bool) -> VideoSummary | None:
        """Do the unit for a video; the last unit returns its summary. Raises GazenetError.

        Calls of plugins are noted in the folder of all results, so that a process that dies leaves their names.
        """
        self._enter_folder()
        journal.set_input(display_name(item.path))
        with journal.note_calls(item.folder.parent):
            graph = self._graph = self._graph or self._loaded()
            if self._unit == RESULTS:
                return work_on(graph, item, resume)
            source = open_frames(item.path, graph.config.max_side)
            store = default_store(graph.config.resolved_cache_dir)
            try:
                VideoPass(graph, source, identity(item.path), store, Timings()).run(lambda chunk: None)
            finally:
                source.close()
        return None

    def _enter_folder(self) -> None:
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise GazenetError(
                f"{self._folder}: not on machine {socket.gethostname()} ({error.strerror}); inputs, cache and results "
                f"must lie on storage that all machines share"
            ) from None

    def _loaded(self) -> StageGraph:
        settings = InferConfig.model_validate(self._config)
        prepare_threads(settings)
        return build_graph(settings, idle=True) if self._unit == RESULTS else part_of_graph(settings, self._unit)


def part_of_graph(config: InferConfig, unit: str) -> StageGraph:
    """The graph with the extractor of a unit, and, without their networks, those whose maps it takes."""
    whole = build_graph(config.model_copy(update={"integrator": None}), idle=True)
    name = unit.removeprefix("cue ")
    wanted = {name, *(other for cue in whole.cues if cue.name == name for other in cue.spec.needs.maps)}
    return replace(whole, cues=tuple(cue for cue in whole.cues if unit != FACES and cue.name in wanted))
