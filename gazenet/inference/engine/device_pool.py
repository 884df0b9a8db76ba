"""The engine of one machine with several GPUs: every device has all networks, videos go to whichever is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue

from gazenet.errors import UsageError
from gazenet.inference.engine.engine_protocol import Ended, Job
from gazenet.inference.engine.pipeline import work_on
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.results import VideoSummary


class DevicesEngine:
    """Works on as many videos at once as there are devices (an ``Engine``).

    Args:
        devices: ``cuda:0``, ``cuda:1``, ...; the same one may be named more than once.

    Raises UsageError for none.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        if not devices:
            raise UsageError("--devices: name at least one, for example 0,1")
        self._devices = tuple(devices)

    def __call__(self, graph: StageGraph, jobs: Sequence[Job], resume: bool) -> Iterator[Ended]:
        """Each job with its summary or its error, as they end."""
        first = graph.config.device == self._devices[0]
        free: SimpleQueue[StageGraph] = SimpleQueue()
        for place, device in enumerate(self._devices[: max(len(jobs), 1)]):
            own = place == 0 and first
            free.put(graph if own else build_graph(graph.config.model_copy(update={"device": device})))

        def work(job: Job) -> VideoSummary:
            taken = free.get()
            try:
                return work_on(taken, job, resume)
            finally:
                free.put(taken)

        with ThreadPoolExecutor(len(self._devices), thread_name_prefix="gazenet-device") as pool:
            futures = {pool.submit(work, job): job for job in jobs}
            try:
                for future in as_completed(futures):
                    error = future.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield futures[future], error if isinstance(error, Exception) else future.result()
            finally:
                pool.shutdown(cancel_futures=True)
