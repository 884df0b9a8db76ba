"""A run cut into units: the bookkeeping, equal bytes, lost machines."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazenet.cli.infer import device_names
from gazenet.config.infer import InferConfig
from gazenet.cues.spec import ExtractorSpec, Needs
from gazenet.errors import GazenetError, UsageError
from gazenet.inference.devices import DevicesEngine
from gazenet.inference.distributed import cluster
from gazenet.inference.distributed.schedule import Schedule
from gazenet.inference.distributed.units import FACES, RESULTS, UnitWorker, unit_needs
from gazenet.inference.jobs import Ended, Job
from gazenet.inference.pipeline import run
from tests.clips import make_clip

LOGGED = """
        import os, time
        light = windows.frames.float().mean((1, 2, 3, 4)) / 255
        time.sleep(float(os.environ.get('ODD_PAUSE', '0')) * n)
        with open(os.environ['ODD_LOG'], 'a') as log:
            log.writelines(f'{self.source} {k}\\n' for k in windows.index)
        return CueMaps(light[:, None, None].expand(n, *size))
"""


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
    schedule.forget(first)
    schedule.skip_to_end(0)
    assert not schedule.ready(), "what was started is waited for"
    schedule.done(second)
    (last,) = schedule.ready()
    assert last.unit == RESULTS


@pytest.fixture
def odd(plugin: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """Installs an extractor that logs what it computes; tells how often each frame of each video was computed."""
    plugin(LOGGED)
    site, log = tmp_path / "site", tmp_path / "log"
    module = site / "odd_cue.py"
    module.write_text(
        module.read_text().replace(
            "def begin(self, video): pass", "def begin(self, video): self.source = video.source_id"
        )
    )
    log.touch()
    monkeypatch.setenv("ODD_LOG", str(log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(Path.cwd())]))
    monkeypatch.setattr(cluster, "ENVIRONMENT", (*cluster.ENVIRONMENT, "ODD_LOG", "ODD_PAUSE"))
    return lambda: Counter(log.read_text().splitlines())


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return [make_clip(tmp_path / f"clip{k}.mp4", 20 + k, (48, 64)) for k in range(3)]


def config(folder: Path, **more: Any) -> InferConfig:
    outputs = {"maps": False, "overlay": False, "attention": False, "report": True}
    data = {"extractors": [{"name": "odd"}, {"name": "facial_expression"}], "integrator": None, "chunk": 4}
    data |= {"output_dir": str(folder), "faces": {"mesh": False}, "outputs": outputs, "map_size": 32, "threads": 1}
    return InferConfig.model_validate(data | more)


def cached(folder: Path) -> dict[str, bytes]:
    """What a run left in its cache."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(".cache/**/maps.npy")}
    assert found
    return found


class InThisProcess:
    """The units one after the other, without Ray."""

    def __call__(self, graph: Any, jobs: Any, resume: bool) -> Iterator[Ended]:
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
    assert run(config(whole), clips, whole).exit_code == 0
    assert run(config(parts), clips, parts, engine=InThisProcess()).exit_code == 0
    assert cached(whole) == cached(parts)
    assert set(odd().values()) == {2}, "each frame once in either run"


@pytest.mark.usefixtures("embedded_weights")
def test_several_devices_side_by_side(clips: list[Path], odd, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film" * 100)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(config(whole), clips, whole)
    result = run(config(parts), [clips[0], broken, *clips[1:]], parts, engine=DevicesEngine(["cpu", "cpu"]))
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
    worker = UnitWorker(config(tmp_path).model_dump(mode="json"), FACES, str(tmp_path / "not here"))
    with pytest.raises(GazenetError, match=r"not on machine .* storage that all machines share"):
        worker.work(Job(0, clips[0], tmp_path / "a"), True)


def test_without_ray_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'gazenet\[ray\]'"):
        cluster.import_ray()


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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("embedded_weights")
def test_a_lost_machine_costs_no_finished_work(
    nodes: Any, clips: list[Path], odd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, spread = tmp_path / "whole", tmp_path / "spread"
    assert run(config(whole), clips, whole).exit_code == 0
    before = odd()
    monkeypatch.setenv("ODD_PAUSE", "0.1")

    def lose_a_machine() -> None:
        while sum(odd().values()) < sum(before.values()) + 8:
            time.sleep(0.05)
        nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

    killer = threading.Thread(target=lose_a_machine)
    killer.start()
    with cluster.RayEngine(nodes.address, workers=2) as engine:
        result = run(config(spread), clips, spread, engine=engine)
    killer.join()
    assert result.exit_code == 0
    assert [one.path for one in result.finished] == clips, "in the order given"
    assert cached(whole) == cached(spread)
    again = {frame: count - before[frame] for frame, count in odd().items()}
    repeated = Counter(frame.split()[0] for frame, count in again.items() if count > 1)
    assert all(count <= 4 for count in repeated.values()), "no more than the chunk that was lost with the machine"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("embedded_weights")
def test_a_broken_video_does_not_stop_the_others(nodes: Any, clips: list[Path], odd, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film" * 100)
    with cluster.RayEngine(nodes.address) as engine:
        result = run(config(tmp_path / "out"), [clips[0], broken, clips[1]], tmp_path / "out", engine=engine)
    assert result.exit_code == 1
    assert [one.path for one in result.finished] == clips[:2]
    assert "broken.mp4" in result.failures[0].reason and "\n" not in result.failures[0].reason


def test_an_address_without_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_gcs_rpc_server_connect_timeout_s", "1")
    with pytest.raises(UsageError, match="--ray_address auto"):
        cluster.RayEngine("auto")
    with pytest.raises(UsageError, match="--workers 0"):
        cluster.RayEngine("local", workers=0)
