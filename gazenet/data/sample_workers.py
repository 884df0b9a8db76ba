"""Worker processes that make training samples: how they end, and how many the machine can hold."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from torch import Tensor

SHARED = "/dev/shm"
AHEAD = 3
"""Finished batches of a process that wait to be taken, and the one in progress."""


def outlive_the_group(worker: int) -> None:
    """Prepare a worker process, which only the training ends.

    Ctrl-C and many a SIGTERM go to a whole group of processes, and the training has yet to finish its step. The
    second SIGTERM is meant for this process. Its generators are seeded as Lightning would do it.
    """
    from lightning.fabric.utilities.seed import pl_worker_init_function

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, once)
    pl_worker_init_function(worker)


def fitting_workers(workers: int, sample: Mapping[str, Any], batch_size: int) -> int:
    """Return ``workers``, or 0 with a note where the shared memory is too small for their batches.

    A process that finds it full is killed by the system in mid-batch. ``sample``: any one of the samples.
    """
    needed = workers * AHEAD * batch_size * sum(v.nbytes for v in sample.values() if isinstance(v, Tensor))
    try:
        room = os.statvfs(SHARED)
    except OSError:  # no shared memory: batches go elsewhere
        return workers
    free = room.f_bavail * room.f_frsize
    if needed <= free:
        return workers
    print(
        f"{SHARED}: {free / 2**20:.0f} MiB are free, {workers} processes that make samples need {needed / 2**20:.0f}: "
        "samples are made in this process (trainer.workers 0)",
        file=sys.stderr,
    )
    return 0
