"""One video through made-up stages: order, resuming, failing, and what is held in memory."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gazenet.cues.extractor_spec import ExtractorSpec, Needs
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.registry import PluginEntry
from gazenet.errors import CacheError, PluginError, UsageError
from gazenet.inference.engine.stage_graph import in_order
from gazenet.inference.engine.video_pass import VideoPass
from gazenet.inference.results import ChunkResult
from gazenet.maps.map_store import MapKey, MapStore
from tests.faults import Killed, inject
from tests.inference.toy_graph import Bright, Crowd, Echo, Frames, Toy, told, toy_graph, work


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 41])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, count: int) -> None:
    job, chunks = work(toy_graph(), Frames(count), tmp_path)
    frames = told(chunks)
    assert [frame[0] for frame in frames] == list(range(count)) and job.frames == count
    assert [frame[1] for frame in frames] == [k / 25 for k in range(count)]
    for k, frame in enumerate(frames):
        assert frame[3] == np.random.default_rng(k).integers(0, 255, (48, 64, 3), np.uint8).tobytes()
    assert all(set(chunk.cues) == {"bright", "crowd", "echo"} for chunk in chunks)


def test_without_an_integrator_cues_come_alone(tmp_path: Path) -> None:
    _, chunks = work(toy_graph(Bright, fuse=False, faces=False), Frames(20), tmp_path)
    assert [frame[0] for frame in told(chunks)] == list(range(20))
    assert all(len(chunk.saliency) == 0 and chunk.faces[0] == () for chunk in chunks)


@pytest.mark.promise("the same again")
@pytest.mark.parametrize("workers", [1, 4])
def test_results_do_not_depend_on_threads_or_cache(tmp_path: Path, workers: int) -> None:
    _, chunks = work(toy_graph(workers=2), Frames(41), tmp_path / "one")
    graph = toy_graph(workers=workers)
    _, other = work(graph, Frames(41), tmp_path / "two")
    assert told(other) == told(chunks)
    detections = graph.faces.calls  # type: ignore[union-attr]
    _, again = work(graph, Frames(41), tmp_path / "two")
    assert told(again) == told(chunks)
    assert graph.faces.calls == detections  # type: ignore[union-attr]


def operations(root: Path) -> int:
    with inject() as faults:
        work(toy_graph(), Frames(29), root)
    return len(faults.seen)


@pytest.mark.parametrize("mode", ["kill", "torn_kill", "error"])
def test_ended_at_any_write_it_continues_to_the_same_bytes(tmp_path: Path, mode: str) -> None:
    _, chunks = work(toy_graph(), Frames(29), tmp_path / "whole")
    expected, total = told(chunks), operations(tmp_path / "counted")
    assert total > 60
    for at in range(1, total + 1, 7):
        root = tmp_path / f"{mode}-{at}"
        before = threading.active_count()
        with inject(at, mode), pytest.raises((Killed, CacheError)):
            work(toy_graph(), Frames(29), root)
        assert threading.active_count() == before
        _, again = work(toy_graph(), Frames(29), root)
        assert told(again) == expected, f"after the fault at {at}"


class BrightFails(Bright):
    fail_at = 18


class CrowdFails(Crowd):
    fail_at = 18


def key(name: str) -> MapKey:
    return MapKey("ab" * 16, name, "1", f"print-of-{name}")


def test_a_failing_extractor_ends_the_video(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(PluginError, match=r"bright.*18.*boom"):
        work(toy_graph(BrightFails, Crowd, Echo), Frames(400), tmp_path)
    assert threading.active_count() == before
    assert MapStore(tmp_path).reader(key("bright")) is None


def test_a_skipped_cue_is_neutral_and_leaves_no_false_entries(tmp_path: Path) -> None:
    job, chunks = work(toy_graph(BrightFails, Crowd, Echo, on_error="skip"), Frames(41), tmp_path)
    assert job.skipped == ["bright"] and any("skipped cue bright" in line for line in job.warnings)
    assert sum(len(chunk) for chunk in chunks) == 41
    maps = np.concatenate([chunk.cues["bright"] for chunk in chunks])
    assert (maps[24:] == 64).all() and not (maps[:8] == 64).all()
    store = MapStore(tmp_path)
    # echo was computed from neutral maps: under its key that would be a lie.
    assert store.reader(key("bright")) is None and store.reader(key("echo")) is None
    assert store.reader(key("crowd")) is not None
    _, healed = work(toy_graph(), Frames(41), tmp_path)
    _, clean = work(toy_graph(), Frames(41), tmp_path / "clean")
    assert told(healed) == told(clean)


def test_a_skipped_cue_that_nothing_needs_harms_nothing_else(tmp_path: Path) -> None:
    job, _ = work(toy_graph(Bright, CrowdFails, Echo, on_error="skip"), Frames(41), tmp_path)
    assert job.skipped == ["crowd"]
    assert MapStore(tmp_path).reader(key("echo")) is not None


def test_a_failing_detector_is_named_with_its_frame(tmp_path: Path) -> None:
    class Blind:
        def load(self, asset_path: object) -> None:
            """No weights."""

        def detect(self, image: object) -> None:
            raise RuntimeError("no more\nmemory")

    spec = FaceModelSpec(name="blind", summary="sees nobody", implementation="toy:Blind")
    stage = FaceStage(PluginEntry("blind", spec, "toys", lambda: Blind), Path)
    with pytest.raises(PluginError, match=r"face detector blind: frame 0: RuntimeError: no more memory"):
        work(replace(toy_graph(), faces=stage), Frames(30), tmp_path)


def test_a_failing_reader_ends_everything(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="disk is gone"):
        work(toy_graph(), Frames(100, fail_at=50), tmp_path)
    assert threading.active_count() == before


def test_a_consumer_that_fails_ends_the_reading_first(tmp_path: Path) -> None:
    def refuse(job: VideoPass, chunk: ChunkResult) -> None:
        raise ValueError("enough")

    frames = Frames(1000)
    with pytest.raises(ValueError, match="enough"):
        work(toy_graph(), frames, tmp_path, refuse)
    assert not frames.reading


@pytest.mark.parametrize("cached", [False, True])
def test_memory_does_not_grow_with_the_video(tmp_path: Path, cached: bool) -> None:
    if cached:
        work(toy_graph(), Frames(400), tmp_path)
    held: list[tuple[int, int]] = []

    def look(job: VideoPass, chunk: ChunkResult) -> None:
        buffer = job._buffer
        held.append((len(buffer._frames), sum(map(len, buffer._maps.values()))))

    work(toy_graph(), Frames(400), tmp_path, look)
    assert max(frames for frames, _ in held) <= 4 * 8
    assert max(chunks for _, chunks in held) <= 4 * 3


def test_maps_keep_the_shape_of_the_video() -> None:
    config = toy_graph(map_size=96).config
    assert config.map_shape((720, 1280)) == (54, 96)
    assert config.map_shape((1280, 720)) == (96, 54)
    assert config.map_shape((1, 5000)) == (1, 96)


def declared(name: str, *maps: str) -> ExtractorSpec:
    return Toy.__subclasses__()[0].spec.model_copy(update={"name": name, "needs": Needs(maps=maps)})


def test_extractors_run_after_what_they_need() -> None:
    specs = {one.name: one for one in (declared("c", "b", "a"), declared("b", "a"), declared("a"))}
    assert in_order(specs) == ["a", "b", "c"]


def test_circles_and_gaps_are_refused() -> None:
    with pytest.raises(UsageError, match="a -> b -> a need each other"):
        in_order({"a": declared("a", "b"), "b": declared("b", "a")})
    with pytest.raises(UsageError, match="a needs the maps of b: add b"):
        in_order({"a": declared("a", "b")})
