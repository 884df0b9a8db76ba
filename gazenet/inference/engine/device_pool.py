"""The engine of one machine with several GPUs: every device has all networks, each video goes to a free device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue

from gazenet.errors import UsageError
from gazenet.inference.engine.engine_protocol import EngineResult, RunInput
from gazenet.inference.engine.pipeline import work_on
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.results import VideoSummary


class DevicesEngine:
    """Works on as many videos at once as there are devices (an ``Engine``).

    Args:
        devices: ``cuda:0``, ``cuda:1``, ...; the same device may be named more than once.

    Raises UsageError where there are none.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        if not devices:
            raise UsageError("--devices: name at least one, for example 0,1")
        self._devices = tuple(devices)

    def __call__(self, graph: StageGraph, inputs: Sequence[RunInput], resume: bool) -> Iterator[EngineResult]:
        """Yield each input with its summary or its error, as they end."""
        free: SimpleQueue[StageGraph] = SimpleQueue()
        for number, device in enumerate(self._devices[: max(len(inputs), 1)]):
            loaded = number == 0 and device == graph.config.device
            free.put(graph if loaded else build_graph(graph.config.model_copy(update={"device": device})))

        def work(item: RunInput) -> VideoSummary:
            device_graph = free.get()
            try:
                return work_on(device_graph, item, resume)
            finally:
                free.put(device_graph)

        with ThreadPoolExecutor(len(self._devices), thread_name_prefix="gazenet-device") as pool:
            futures = {pool.submit(work, item): item for item in inputs}
            try:
                for future in as_completed(futures):
                    error = future.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield futures[future], error if isinstance(error, Exception) else future.result()
            finally:
                pool.shutdown(cancel_futures=True)
