"""The engine ``ray``: a pool of processes per stage, placed by the cluster."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from gazenet.config.inference import InferConfig
from gazenet.errors import GazenetError, UsageError
from gazenet.guard import journal
from gazenet.inference.distributed.schedule import Schedule, UnitTask
from gazenet.inference.distributed.units import FACES, RESULTS, UnitWorker, unit_needs
from gazenet.inference.engine.engine_protocol import EngineResult, RunInput
from gazenet.inference.engine.failures import describe_calls
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.results import VideoSummary
from gazenet.redaction import printable_name

INSTALL = "install it with: pip install 'gazenet[ray]'"
RESTARTS = 8
"""How often a lost process is started again, with the work that it had."""
AHEAD = 2
"""Videos in progress per worker: one at the networks, one at the first or last stage."""
ANSWER_S = 5.0
"""Seconds to wait for an answer of the cluster's machine."""
LOOPBACK = "127.0.0.1"
SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Switch of Ray for clusters of several machines; off by default on these systems, and off here for ``local``."""
ENVIRONMENT = ("PYTHONPATH", "GAZENET_ASSETS", "GASP_CWD")
"""Variables of the driver that its processes need as well."""


def import_ray() -> Any:
    """Import the library. Raises UsageError where it is not installed."""
    try:
        import ray
    except ImportError:
        raise UsageError(f"--engine ray: Ray is not installed; {INSTALL}") from None
    return ray


@dataclass
class UnitPool:
    """The processes of one unit, at most ``limit``, started when there is work."""

    unit: str
    limit: int
    idle: list[Any] = field(default_factory=list)
    started: int = 0


class RayEngine:
    """Runs videos on a Ray cluster (an ``Engine``). Use it as a context manager.

    Args:
        address: ``local`` starts a cluster on this machine; ``auto`` finds the one that runs here; or ``host:port``.
        workers: the most processes per stage.

    Raises UsageError where Ray is missing, has another version than the cluster, or does not answer.
    """

    def __init__(self, address: str = "local", workers: int = 1) -> None:
        if workers < 1:
            raise UsageError(f"--workers {workers}: must be at least 1")
        self._ray, self._workers = import_ray(), workers
        self._own = False
        self._connect(address)

    def _connect(self, address: str) -> None:
        if self._ray.is_initialized():
            return
        _reach(address)
        options: dict[str, Any] = {"address": address}
        if address == "local":
            options |= {"include_dashboard": False, "num_cpus": max(os.cpu_count() or 1, 2)}
            options |= {"_node_ip_address": LOOPBACK}
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with this_machine_alone() if address == "local" else contextlib.nullcontext():
                self._ray.init(**options, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except (ConnectionError, TimeoutError, RuntimeError, ValueError, OSError) as error:
            text = " ".join(str(error).split())[:300]
            raise UsageError(f"--ray_address {address}: {text or type(error).__name__}") from None
        self._own = True
        if signal.getsignal(signal.SIGTERM) is not handler:
            # Ray's handler would exit with a meaningless code; leaving this engine ends the cluster anyway.
            signal.signal(signal.SIGTERM, handler)

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *ended: object) -> None:
        if self._own:
            self._ray.shutdown()

    def __call__(self, graph: StageGraph, inputs: Sequence[RunInput], resume: bool) -> Iterator[EngineResult]:
        """Yield each input with its summary or its error, as they end."""
        return _Run(self._ray, graph, inputs, resume, self._workers).results()


@contextmanager
def this_machine_alone() -> Iterator[None]:
    """Within the block a new cluster of Ray listens on loopback alone, for its ports let any peer run code.

    Ray puts the address of the machine in the place of 127.0.0.1 where clusters of several machines are possible; its
    switch for that is read from the environment by its processes, and once by this one.
    """
    from ray._private import ray_constants

    with (
        mock.patch.dict(os.environ, {SWITCH: "0"}),
        mock.patch.object(ray_constants, "ENABLE_RAY_CLUSTER", False, create=True),
    ):
        yield


def _reach(address: str) -> None:
    """Raise UsageError where nothing listens at ``host:port``: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in address or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise UsageError(
            f"--ray_address {address}: no answer ({reason}); start a cluster with: ray start --head"
        ) from None


class _Run:
    """The state of one run: the schedule, the processes, the tasks in progress."""

    def __init__(self, ray: Any, graph: StageGraph, inputs: Sequence[RunInput], resume: bool, workers: int) -> None:
        self._ray, self._inputs, self._resume = ray, inputs, resume
        needs = unit_needs(cue.spec for cue in graph.cues)
        self._schedule = Schedule(needs, len(inputs), AHEAD * workers)
        self._pools = {unit: UnitPool(unit, workers) for unit in needs}
        self._config = _worker_config(graph.config)
        self._running: dict[Any, tuple[UnitTask, Any]] = {}
        self._networks = {FACES, *(f"cue {cue.name}" for cue in graph.cues if cue.assets), RESULTS}
        self._graphics = 0.0
        if graph.config.device != "cpu":
            graphics = ray.cluster_resources().get("GPU", 0.0)
            self._graphics = share(graphics, len(self._networks) * min(workers, max(len(inputs), 1)))

    def results(self) -> Iterator[EngineResult]:
        """Each input with its summary or its error, as they end."""
        try:
            # Processes take seconds to start: one of every unit does so while the first video is prepared.
            for pool in self._pools.values() if self._inputs else ():
                self._grow(pool)
            while not self._schedule.finished:
                self._start()
                (reference,), _ = self._ray.wait(list(self._running), num_returns=1)
                task, actor = self._running.pop(reference)
                yield from self._collect(task, actor, reference)
        finally:
            for pool in self._pools.values():
                for actor in pool.idle:
                    self._ray.kill(actor)
            for _, actor in self._running.values():
                self._ray.kill(actor)

    def _start(self) -> None:
        for task in self._schedule.ready():
            pool = self._pools[task.unit]
            if not pool.idle and pool.started < pool.limit:
                self._grow(pool)
            if pool.idle:
                actor = pool.idle.pop()
                self._schedule.started(task)
                reference = actor.work.remote(self._inputs[task.video], self._resume)
                self._running[reference] = task, actor

    def _grow(self, pool: UnitPool) -> None:
        pool.started += 1
        pool.idle.append(self._actor(pool.unit))

    def _actor(self, unit: str) -> Any:
        """A process for a unit; Ray starts it again where it is lost, with the work that it had."""
        graphics = self._graphics if unit in self._networks else 0
        # Stages wait for each other, so their processes share the machines' cores rather than own one each.
        options: dict[str, Any] = {"num_cpus": 0, "num_gpus": graphics, "scheduling_strategy": "SPREAD"}
        options |= {"max_restarts": RESTARTS, "max_task_retries": RESTARTS}
        options["runtime_env"] = {"env_vars": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}}
        return self._ray.remote(UnitWorker).options(**options).remote(self._config, unit, os.getcwd())

    def _collect(self, task: UnitTask, actor: Any, reference: Any) -> Iterator[EngineResult]:
        item = self._inputs[task.video]
        try:
            summary: VideoSummary | None = self._ray.get(reference)
        except Exception as error:
            yield from self._failure(task, actor, _cause(self._ray, error, task, item))
            return
        self._pools[task.unit].idle.append(actor)
        if self._schedule.done(task) and summary is not None:
            line = f"{printable_name(item.path)}: {summary.frames} frames; results in {printable_name(item.folder)}"
            print(line, file=sys.stderr, flush=True)
            yield item, summary

    def _failure(self, task: UnitTask, actor: Any, error: Exception) -> Iterator[EngineResult]:
        pool = self._pools[task.unit]
        if isinstance(error, _Lost):
            pool.started -= 1
        else:
            pool.idle.append(actor)
        if isinstance(error, UsageError):
            raise error
        if task.unit == RESULTS:
            self._schedule.done(task)
            yield self._inputs[task.video], error
            return
        # The last unit meets the same fault and handles it by the config's on_error, as in one process.
        self._schedule.skip_to_end(task)


def share(graphics: float, processes: int) -> float:
    """The part of a GPU for each of so many processes in a cluster with ``graphics`` GPUs.

    At most 1; less where there are not enough, for a process that waits for a GPU would wait for ever. Raises
    UsageError where there are none.
    """
    if graphics < 1:
        raise UsageError("--engine ray: no machine of the cluster has a GPU; leave --gpu and the config's device out")
    if processes <= graphics:
        return 1.0
    return 1.0 / math.ceil(processes / math.floor(graphics))


def _worker_config(config: InferConfig) -> dict[str, Any]:
    """The config as data, with the values that each process would otherwise take from its own machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = config.threads or max(1, cores // config.workers)
    # Ray shows every process its own GPU as the first one.
    device = "cpu" if config.device == "cpu" else "cuda:0"
    values = {"threads": threads, "device": device, "cache_dir": os.path.abspath(config.resolved_cache_dir)}
    return config.model_copy(update=values).model_dump(mode="json")


class _Lost(GazenetError):
    """A process was lost every time it was started."""


def _cause(ray: Any, error: Exception, task: UnitTask, item: RunInput) -> Exception:
    """The error that the process raised, or that it was lost, with the plugins at work then."""
    if isinstance(error, ray.exceptions.RayTaskError):
        cause = error.cause
        name = f"{printable_name(item.path)}: {task.unit}"
        return cause if isinstance(cause, Exception) else GazenetError(f"{name}: {cause}")
    if isinstance(error, ray.exceptions.RayError):
        text = f"{printable_name(item.path)}: {task.unit}: its process was lost {RESTARTS + 1} times"
        calls = describe_calls(journal.read_unfinished_calls(item.folder.parent))
        return _Lost(f"{text}; at work then: {calls}" if calls else text)
    return error
