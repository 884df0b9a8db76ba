"""Processes that make samples: how many the shared memory holds, and that they can be started in any way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import types

import pytest
import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils import signal_handling

from gazenet.data import data_module
from gazenet.data.data_module import EpochShare, training_loader
from gazenet.ending_signals import ENDING


class Numbers:
    """Sixteen samples of 1 KiB."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, draw: int) -> dict[str, torch.Tensor]:
        return {"x": torch.full((256,), float(draw))}


@pytest.mark.parametrize(("free", "kept"), [(2 * 3 * 4 * 1024, 2), (2 * 3 * 4 * 1024 - 1, 0)])
def test_where_the_shared_memory_is_too_small_samples_are_made_here(
    free: int, kept: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: types.SimpleNamespace(f_bavail=free, f_frsize=1))
    assert data_module.fitting_workers(2, Numbers()[0], 4) == kept
    said = capsys.readouterr().err
    assert ("/dev/shm: 0 MiB are free, 2 processes" in said) == (kept == 0) and said.count("\n") <= 1


def test_no_shared_memory_at_all_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "SHARED", "/no/such/place")
    assert data_module.fitting_workers(2, Numbers()[0], 4) == 2


def test_an_epoch_that_is_begun_goes_on_with_its_next_batch() -> None:
    whole = [batch["x"][:, 0].tolist() for batch in training_loader(Numbers(), 4)]
    rest = training_loader(Numbers(), 4, share=EpochShare(begun=(0, 3)))
    assert [batch["x"][:, 0].tolist() for batch in rest] == whole[3:] and len(rest) == 4
    rest.sampler.set_epoch(1)  # type: ignore[attr-defined]
    assert len(list(rest)) == 4


def test_spawned_processes_make_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [batch["x"] for batch in training_loader(Numbers(), 4)]
    before = DataLoader.__init__

    def spawned(self: DataLoader, *args: object, **keys: object) -> None:
        before(self, *args, **keys, multiprocessing_context=multiprocessing.get_context("spawn"))

    monkeypatch.setattr(DataLoader, "__init__", spawned)
    made = [batch["x"] for batch in training_loader(Numbers(), 4, workers=1)]
    assert all(torch.equal(one, other) for one, other in zip(whole, made, strict=True))


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_before_a_worker_is_ready_for_it_waits(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = signal_handling._set_worker_signal_handlers

    def struck() -> None:
        os.kill(os.getpid(), number)
        prepare()

    monkeypatch.setattr(signal_handling, "_set_worker_signal_handlers", struck)
    assert len(list(training_loader(Numbers(), 4, workers=1))) == 4
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), "signals of this process are as before"


def test_the_first_signals_to_a_group_leave_a_worker_alive() -> None:
    code = "import time; from gazenet.data.data_module import outlive_the_group as o; o(0); print(1, flush=True)\n"
    child = subprocess.Popen([sys.executable, "-c", code + "time.sleep(60)"], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"1\n"
    for number in ENDING:
        child.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(1)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == -signal.SIGTERM
