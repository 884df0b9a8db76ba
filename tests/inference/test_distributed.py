"""A run cut into units: the bookkeeping, equal bytes, lost machines."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazenet.cli.infer import device_names, main
from gazenet.cues.extractor_spec import ExtractorSpec, Needs
from gazenet.errors import GazenetError, UsageError
from gazenet.inference.distributed import cluster
from gazenet.inference.distributed.schedule import Schedule, UnitTask
from gazenet.inference.distributed.units import FACES, RESULTS, UnitWorker, unit_needs
from gazenet.inference.engine.device_pool import DevicesEngine
from gazenet.inference.engine.engine_protocol import EngineResult, RunInput
from gazenet.inference.engine.pipeline import run
from gazenet.inference.engine.video_pass import VideoPass
from tests.clips import make_clip
from tests.inference.calls import CHUNK, cached, settings


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of a cluster that is there already learn where to note their calls."""
    monkeypatch.setattr(cluster, "ENVIRONMENT", (*cluster.ENVIRONMENT, "ODD_LOG", "ODD_PAUSE"))


def spec(name: str, *maps: str) -> ExtractorSpec:
    return ExtractorSpec(name=name, summary=name, cue="other", implementation="a:B", needs=Needs(maps=maps))


NEEDS = unit_needs([spec("a"), spec("b"), spec("c", "a", "b")])


def test_units_and_what_comes_before_them() -> None:
    assert next(iter(NEEDS)) == FACES and list(NEEDS)[-1] == RESULTS
    assert NEEDS["cue a"] == (FACES,)
    assert NEEDS["cue c"] == (FACES, "cue a", "cue b")
    assert set(NEEDS[RESULTS]) == {FACES, "cue a", "cue b", "cue c"}


@given(st.integers(0, 6), st.integers(1, 4), st.randoms())
def test_every_unit_is_done_once_and_in_order(videos: int, under_way: int, chance: Any) -> None:
    schedule = Schedule(NEEDS, videos, under_way)
    running: list[Any] = []
    done: list[Any] = []
    while not schedule.finished:
        for task in schedule.ready():
            if chance.random() < 0.7 or not running:
                assert all((task.video, other) in done for other in NEEDS[task.unit])
                schedule.started(task)
                running.append(task)
        assert len({task.video for task in running}) <= under_way
        task = running.pop(chance.randrange(len(running)))
        done.append((task.video, task.unit))
        assert schedule.done(task) == (task.unit == RESULTS)
    assert sorted(done) == sorted((video, unit) for video in range(videos) for unit in NEEDS)


def test_after_a_failure_only_the_last_unit_is_left() -> None:
    schedule = Schedule(NEEDS, 1, 1)
    (faces,) = schedule.ready()
    schedule.started(faces)
    schedule.done(faces)
    first, second = schedule.ready()
    for task in (first, second):
        schedule.started(task)
    schedule.skip_to_end(first)
    assert not schedule.ready(), "what was started is waited for"
    schedule.done(second)
    (last,) = schedule.ready()
    assert last.unit == RESULTS


@given(st.integers(1, 64), st.integers(1, 500))
def test_all_processes_fit_on_the_gpus(graphics: int, processes: int) -> None:
    part = cluster.share(float(graphics), processes)
    assert 0 < part <= 1
    assert graphics * int(1 / part + 1e-9) >= processes, "nobody waits for ever"
    assert part == 1 or processes > graphics


def test_a_cluster_without_gpus_is_said() -> None:
    with pytest.raises(UsageError, match="no machine of the cluster has a GPU"):
        cluster.share(0.0, 3)


class InThisProcess:
    """The units one after the other, without Ray."""

    def __call__(self, graph: Any, jobs: Any, resume: bool) -> Iterator[EngineResult]:
        needs = unit_needs(cue.spec for cue in graph.cues)
        workers = {unit: UnitWorker(graph.config.model_dump(mode="json"), unit, os.getcwd()) for unit in needs}
        for job in jobs:
            for unit in needs:
                summary = workers[unit].work(job, resume)
            assert summary is not None
            yield job, summary


@pytest.mark.usefixtures("embedded_weights")
def test_units_leave_the_bytes_of_a_whole_run(clips: list[Path], odd, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(settings(whole), clips, whole).exit_code == 0
    assert run(settings(parts), clips, parts, engine=InThisProcess()).exit_code == 0
    assert cached(whole) == cached(parts)
    assert set(odd().values()) == {2}, "each frame once in either run"


@pytest.mark.usefixtures("embedded_weights")
def test_several_devices_side_by_side(clips: list[Path], odd, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film" * 100)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(settings(whole), clips, whole)
    result = run(settings(parts), [clips[0], broken, *clips[1:]], parts, engine=DevicesEngine(["cpu", "cpu"]))
    assert [one.path for one in result.finished] == clips, "in the order given"
    assert [one.path for one in result.failures] == [broken]
    assert cached(whole) == cached(parts)


@pytest.mark.parametrize("text", ["", "a", "0,,1", "-1"])
def test_devices_are_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="--devices"):
        device_names(text)
    assert device_names("0, 1") == ["cuda:0", "cuda:1"]


@pytest.mark.usefixtures("embedded_weights")
def test_storage_that_is_not_shared_is_said(clips: list[Path], odd, tmp_path: Path) -> None:
    worker = UnitWorker(settings(tmp_path).model_dump(mode="json"), FACES, str(tmp_path / "not here"))
    with pytest.raises(GazenetError, match=r"not on machine .* storage that all machines share"):
        worker.work(RunInput(0, clips[0], tmp_path / "a"), True)


@pytest.mark.usefixtures("embedded_weights")
def test_units_note_the_plugins_at_work(
    clips: list[Path], odd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[Path] = []
    monkeypatch.setattr(VideoPass, "run", lambda self, emit: marks.extend(tmp_path.glob(".at-work-*")))
    monkeypatch.chdir(tmp_path)
    worker = UnitWorker(settings(tmp_path).model_dump(mode="json"), FACES, str(tmp_path))
    worker.work(RunInput(0, clips[0], tmp_path / "a"), True)
    assert len(marks) == 1 and not list(tmp_path.glob(".at-work-*"))


def test_a_lost_process_is_told_with_the_plugin_that_was_at_work(tmp_path: Path) -> None:
    class RayError(Exception):
        """Of every error of Ray."""

    class RayTaskError(RayError):
        """Raised within a task."""

    ray = SimpleNamespace(exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError))
    (tmp_path / ".at-work-1").write_text("clip.mp4\tsaliency\tframes 8 to 15".ljust(511) + "\n")
    task, item = UnitTask(0, "cue saliency"), RunInput(0, Path("clip.mp4"), tmp_path / "clip")
    error = cluster._cause(ray, RayError(), task, item)
    assert str(error) == (
        "clip.mp4: cue saliency: its process was lost 9 times; at work then: clip.mp4: saliency: frames 8 to 15"
    )
    assert str(cluster._cause(ray, RayError(), task, item)).endswith("lost 9 times")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A real cluster of two machines, both on this one."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


def work_beside(
    disturb: Callable[[], None], nodes: Any, clips: list[Path], odd: Any, folder: Path
) -> tuple[Counter[str], Counter[str]]:
    """Calls by frame, of an undisturbed run here and of one on the cluster beside ``disturb``, which left the same."""
    whole, spread = folder / "whole", folder / "spread"
    assert run(settings(whole), clips, whole).exit_code == 0
    before = odd()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ODD_PAUSE", "0.1")
        beside = threading.Thread(target=disturb)
        beside.start()
        with cluster.RayEngine(nodes.address, workers=2) as engine:
            result = run(settings(spread), clips, spread, engine=engine)
        beside.join()
    assert result.exit_code == 0
    assert [one.path for one in result.finished] == clips, "in the order given"
    assert cached(whole) == cached(spread)
    return before, odd() - before


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("embedded_weights")
def test_a_lost_machine_costs_no_finished_work(nodes: Any, clips: list[Path], odd, tmp_path: Path) -> None:
    def lose_a_machine() -> None:
        odd.wait_for(8)
        nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

    _, again = work_beside(lose_a_machine, nodes, clips, odd, tmp_path)
    repeated = Counter(frame.split()[0] for frame, count in again.items() if count > 1)
    assert all(count <= 4 for count in repeated.values()), "no more than the chunk that was lost with the machine"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("embedded_weights")
def test_a_lost_process_costs_the_chunk_that_it_was_at(nodes: Any, clips: list[Path], odd, tmp_path: Path) -> None:
    lost: list[int] = []

    def kill() -> None:
        odd.wait_for(8)
        lost.append(odd.processes()[-1])
        os.kill(lost[0], signal.SIGKILL)

    before, again = work_beside(kill, nodes, clips, odd, tmp_path)
    assert lost[0] != os.getpid()
    assert set(again) == set(before)
    assert sum(count - 1 for count in again.values()) <= CHUNK, "only the chunk that was at hand is repeated"
    assert odd.processes()[-1] != lost[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("embedded_weights")
def test_a_broken_video_does_not_stop_the_others(nodes: Any, clips: list[Path], odd, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film" * 100)
    with cluster.RayEngine(nodes.address) as engine:
        result = run(settings(tmp_path / "out"), [clips[0], broken, clips[1]], tmp_path / "out", engine=engine)
    assert result.exit_code == 1
    assert [one.path for one in result.finished] == clips[:2]
    assert "broken.mp4" in result.failures[0].reason and "\n" not in result.failures[0].reason


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_another_version_is_said(nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ray.__version__", "1.2.3")
        with pytest.raises(UsageError, match=r"Version mismatch: .* Ray: 2\..* Ray: 1\.2\.3") as caught:
            cluster.RayEngine(nodes.address)
    assert "\n" not in str(caught.value)
    with cluster.RayEngine(nodes.address):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-such-host.invalid:6379", "127.0.0.1", "nonsense"])
def test_an_address_without_a_cluster(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    begun = time.monotonic()
    arguments = ["--engine", "ray", "--ray_address", address, "--output_dir", str(tmp_path)]
    assert main(["--input", str(make_clip(tmp_path / "a.mp4", 2)), *arguments]) == 2
    told = capsys.readouterr().err
    assert f"--ray_address {address}: " in told and len(told.strip().splitlines()) == 1
    assert time.monotonic() - begun < 60, "Ray itself would try for minutes"


def test_no_workers_and_no_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(UsageError, match="--workers 0"):
        cluster.RayEngine("local", workers=0)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["--input", str(make_clip(tmp_path / "a.mp4", 2)), "--engine", "ray"]) == 2
    assert capsys.readouterr().err.strip().endswith("install it with: pip install 'gazenet[ray]'")
