"""Plugins of every kind that misbehave in every way on the second of three inputs.

The others are done, the exit code is 1, one line names input, plugin and frame, and the process is as it was before.
"""

from __future__ import annotations

import locale
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.config.sink_spec import SinkSpec
from gazenet.cues.extractor import CueMaps, VideoContext, Windows
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.registry import PluginEntry
from gazenet.fusion.integrator_contract import CueStack, Fused, Integrator, IntegratorSpec
from gazenet.fusion.loaded_integrator import LoadedIntegrator
from gazenet.inference.engine import pipeline
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.results import ChunkResult, RunResult
from gazenet.inference.sinks.sink import LoadedSink, Sink
from tests.clips import make_clip
from tests.guard.rogues import ACTS, HARMLESS, MAPS, RECORDS, STATE, Endless, never
from tests.inference.toy_graph import Toy, spec, toy_graph

FRAMES, CHUNK, AT = 6, 2, 3
NAMES = ("first", "second", "third")
SIZES = ((24, 32), (32, 48), (24, 32))
"""The plugins know the input that they misbehave on by its size."""
Do = Callable[[], object]


EVERY = [pytest.param(way, marks=pytest.mark.timeout(0) if way == "an alarm set" else ()) for way in ACTS]
"""Tests with a limit of time have set the alarm themselves."""
QUICK = ("sys.exit(0)", "a BaseException of its own", "MemoryError", "chdir", "the environment changed", "slowness")
BESIDE = [
    one if one.values[0] in QUICK else pytest.param(*one.values, marks=[*one.marks, pytest.mark.slow]) for one in EVERY
]
"""For the other kinds of plugins: the border is one, so most ways are quick with extractors alone."""


def nothing() -> None:
    """What a plugin does that behaves."""


class Trigger:
    """Does something on one frame of one input."""

    def __init__(self, do: Do = nothing) -> None:
        self.do = do
        self.armed = False

    def begin(self, size: tuple[int, int]) -> None:
        self.armed = size == SIZES[1]

    def __call__(self, frames: range) -> bool:
        """Whether this is the moment; does it."""
        if not self.armed or AT not in frames:
            return False
        self.do()
        return True


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [make_clip(folder / f"{name}.mp4", FRAMES + k, SIZES[k]) for k, name in enumerate(NAMES)]


def process_state() -> dict[str, Any]:
    """What a plugin must leave as it was."""
    return {
        "pid": os.getpid(),
        "folder": os.getcwd(),
        "descriptors": [(os.fstat(k).st_dev, os.fstat(k).st_ino) for k in range(3)],
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "closed": (sys.stdout.closed, sys.stderr.closed),
        "environment": {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
        "locale": locale.setlocale(locale.LC_ALL),
        "handlers": {k: signal.getsignal(k) for k in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)},
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "torch": (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()),
        "threads": torch.get_num_threads(),
        "numpy": np.geterr(),
        "recursion": sys.getrecursionlimit(),
    }


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Whatever a test does, the process is as before."""
    before = process_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    try:
        assert process_state() == before
    finally:
        # What is left changed fails this test, not those after it.
        torch.set_default_dtype(before["torch"][0])


def run(graph: StageGraph, clips: list[Path], folder: Path) -> RunResult:
    return pipeline.run_graph(graph, clips, folder / "out")


def check_failed(result: RunResult, *named: str) -> None:
    """The others are done, and one short line names the input, the plugin and where it was."""
    assert result.exit_code == 1
    assert [one.path.stem for one in result.finished] == ["first", "third"]
    (failed,) = result.failures
    assert failed.path.stem == "second" and failed.reason.startswith(str(failed.path))
    assert failed.reason.isprintable() and len(failed.reason) < 900 and not failed.trace
    for part in named:
        # A neighbour that is at work in another thread may notice a change first: it names the place of both.
        assert part.removesuffix(": ") in failed.reason


def check_done(result: RunResult) -> None:
    assert result.exit_code == 0 and len(result.finished) == 3


# Extractors


class Rogue(Toy):
    """Gives a ramp, after it has done what it was told to do."""

    spec = spec("rogue", batch=CHUNK)
    trigger = Trigger()
    give: Callable[[torch.Tensor], Any] = staticmethod(lambda maps: CueMaps(maps))

    def begin(self, video: VideoContext) -> None:
        self.trigger.begin((video.height, video.width))

    def extract(self, windows: Windows) -> CueMaps:
        maps = torch.linspace(0, 1, windows.map_size[1]).expand(len(windows), *windows.map_size)
        moment = self.trigger(range(int(windows.index[0]), int(windows.index[-1]) + 1))
        return self.give(maps) if moment else CueMaps(maps)  # type: ignore[no-any-return]


def extractor_graph(folder: Path, do: Do = nothing, give: Callable[[torch.Tensor], Any] = CueMaps) -> StageGraph:
    rogue = type("Rogue", (Rogue,), {"trigger": Trigger(do), "give": staticmethod(give)})
    settings: dict[str, Any] = {"chunk": CHUNK, "cache_dir": str(folder / "cache"), "outputs": {"report": False}}
    return toy_graph(rogue, fuse=False, faces=False, **settings)


@pytest.mark.parametrize("way", EVERY)
def test_extractors(way: str, clips: list[Path], tmp_path: Path) -> None:
    result = run(extractor_graph(tmp_path, ACTS[way].does), clips, tmp_path)
    if ACTS[way].fails:
        check_failed(result, "rogue: frames 2 to 3: ")
    else:
        check_done(result)


BAD_OUTPUTS: dict[str, Callable[[torch.Tensor], Any]] = {
    **{name: (lambda maps, make=make: CueMaps(make(maps))) for name, make in MAPS.items()},
    **{name: (lambda maps, make=make: CueMaps(maps, make(len(maps)))) for name, make in RECORDS.items()},
    "no CueMaps": lambda maps: maps,
    "nothing at all": lambda maps: None,
    "a generator that never yields": lambda maps: never(),
    "a loop without an end": lambda maps: Endless(),
}


@pytest.mark.parametrize("gift", BAD_OUTPUTS)
def test_what_extractors_give(gift: str, clips: list[Path], tmp_path: Path) -> None:
    check_failed(run(extractor_graph(tmp_path, give=BAD_OUTPUTS[gift]), clips, tmp_path), "rogue: frame")


@pytest.mark.parametrize("gift", HARMLESS)
def test_unusual_but_right_maps(gift: str, clips: list[Path], tmp_path: Path) -> None:
    check_done(run(extractor_graph(tmp_path, give=lambda maps: CueMaps(HARMLESS[gift](maps))), clips, tmp_path))


def test_a_rogue_is_skipped_where_that_is_asked_for(clips: list[Path], tmp_path: Path) -> None:
    graph = extractor_graph(tmp_path, ACTS["sys.exit(0)"].does)
    graph = replace(graph, config=graph.config.model_copy(update={"on_error": "skip"}))
    result = run(graph, clips, tmp_path)
    assert result.exit_code == 0
    assert [len(one.counts["skipped_cues"]) for one in result.finished] == [0, 1, 0]


def close_descriptors(first: int, folder: Path) -> None:
    """What the test below does, in a process of its own: pytest would miss its descriptors."""
    clips = [make_clip(folder / f"{name}.mp4", FRAMES + k, SIZES[k]) for k, name in enumerate(NAMES)]
    graph = extractor_graph(folder, lambda: os.closerange(first, 4096))
    check_failed(run(graph, clips, folder), "rogue: frames 2 to 3: ", "descriptors of the run")
    (folder / "checked").write_text("")


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 3])
def test_closed_descriptors_of_others(first: int, tmp_path: Path) -> None:
    source = "import sys, pathlib; from tests.guard import test_rogue_plugins as own; "
    call = f"own.close_descriptors({first}, pathlib.Path(sys.argv[1]))"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", source + call, str(tmp_path)], cwd=root, check=False)
    assert (tmp_path / "checked").exists()


# Faces

DETECTED = np.array([[2, 2, 12, 12, 0.9, *[5] * 10]], np.float32)
MESH = np.full((478, 3), 5, np.float32)


class Detector:
    trigger = Trigger()
    give: Callable[[], Any] = staticmethod(lambda: DETECTED)

    def load(self, asset_path: object) -> None:
        """No weights."""

    def detect(self, image: np.ndarray) -> Any:
        self.trigger.begin(image.shape[:2])
        return self.give() if _at(self.trigger, image) else DETECTED


class Landmarks:
    trigger = Trigger()
    give: Callable[[np.ndarray], Any] = staticmethod(lambda image: (MESH, 0.9))

    def load(self, asset_path: object) -> None:
        """No weights."""

    def landmarks(self, image: np.ndarray, box: np.ndarray) -> Any:
        self.trigger.begin(image.shape[:2])
        return self.give(image) if _at(self.trigger, image) else (MESH, 0.9)


def _at(trigger: Trigger, image: np.ndarray) -> bool:
    """The clips tell a frame's number in red: 16 per frame."""
    return trigger(range(k := round(float(np.median(image[..., 0])) / 16), k + 1))


def faces_graph(folder: Path, detector: type = Detector, landmarks: type = Landmarks) -> StageGraph:
    specs = [FaceModelSpec(name=name, summary=name, implementation=f"toys:{name}") for name in ("eye", "mesh")]
    entries = [
        PluginEntry(one.name, one, "toys", lambda plugin=plugin: plugin)
        for one, plugin in zip(specs, (detector, landmarks), strict=True)
    ]
    graph = extractor_graph(folder)
    settings = graph.config.faces.model_copy(update={"stride": 1})
    config = graph.config.model_copy(update={"faces": settings})
    return replace(graph, config=config, faces=FaceStage(entries[0], Path, entries[1]))


@pytest.mark.parametrize("way", BESIDE)
def test_face_detectors(way: str, clips: list[Path], tmp_path: Path) -> None:
    rogue = type("RogueEye", (Detector,), {"trigger": Trigger(ACTS[way].does)})
    result = run(faces_graph(tmp_path, detector=rogue), clips, tmp_path)
    if ACTS[way].fails:
        check_failed(result, "face detector eye: frame 3: ")
    else:
        check_done(result)


@pytest.mark.parametrize("way", BESIDE)
def test_face_landmarks(way: str, clips: list[Path], tmp_path: Path) -> None:
    rogue = type("RogueMesh", (Landmarks,), {"trigger": Trigger(ACTS[way].does)})
    result = run(faces_graph(tmp_path, landmarks=rogue), clips, tmp_path)
    if ACTS[way].fails:
        check_failed(result, "face landmarks mesh: frame 3: ")
    else:
        check_done(result)


BOXES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "a list": DETECTED.tolist,
    "a tensor": lambda: torch.from_numpy(DETECTED),
    "whole numbers": lambda: DETECTED.astype(int),
    "objects": lambda: DETECTED.astype(object),
    "columns missing": lambda: DETECTED[:, :5],
    "another rank": lambda: DETECTED[0],
    "NaN": lambda: DETECTED * float("nan"),
    "infinite boxes": lambda: DETECTED / 0,
    "a generator": never,
}


@pytest.mark.parametrize("gift", BOXES)
def test_what_detectors_give(gift: str, clips: list[Path], tmp_path: Path) -> None:
    rogue = type("RogueEye", (Detector,), {"trigger": Trigger(), "give": staticmethod(BOXES[gift])})
    check_failed(run(faces_graph(tmp_path, detector=rogue), clips, tmp_path), "face detector eye: frame 3: ")


def _paint(image: np.ndarray) -> Any:
    image[:] = 0
    return MESH, 0.9


MESHES: dict[str, Callable[[np.ndarray], Any]] = {
    "nothing": lambda image: None,
    "no presence": lambda image: MESH,
    "points missing": lambda image: (MESH[:-1], 0.9),
    "points as a list": lambda image: (MESH.tolist(), 0.9),
    "NaN": lambda image: (MESH * float("nan"), 0.9),
    "a presence beyond 1": lambda image: (MESH, 7.0),
    "no number for presence": lambda image: (MESH, "sure"),
    "the frame painted over": _paint,
}


@pytest.mark.parametrize("gift", MESHES)
def test_what_landmark_networks_give(gift: str, clips: list[Path], tmp_path: Path) -> None:
    rogue = type("RogueMesh", (Landmarks,), {"trigger": Trigger(), "give": staticmethod(MESHES[gift])})
    check_failed(run(faces_graph(tmp_path, landmarks=rogue), clips, tmp_path), "face landmarks mesh: frame 3: ")


# Integrators


class Fusing(Integrator):
    """An integrator that hands its only cue on."""

    spec = IntegratorSpec(name="fuser", summary="", cues=("rogue",), implementation="fusers:Fusing")

    def __init__(self, do: Do = nothing, give: Callable[[Fused], Any] = lambda fused: fused) -> None:
        self._do, self._give = do, give

    def begin(self, live: bool = False) -> None:
        self._next = 0

    def fuse(self, maps: CueStack) -> Any:
        cue = maps["rogue"].astype(np.float32) / 255
        start, self._next = self._next, self._next + len(cue)
        trigger = Trigger(self._do)
        trigger.begin(SIZES[1] if cue.shape[1:] == TELLING else SIZES[0])
        fused = Fused(cue, np.ones((len(cue), 1), np.float32))
        return self._give(fused) if trigger(range(start, self._next)) else fused


TELLING = (11, 16)
"""Size of the maps of the second input."""


def fusing_graph(folder: Path, fusing: Fusing) -> StageGraph:
    graph = extractor_graph(folder)
    outputs = graph.config.outputs.model_copy(update={"maps": False, "overlay": False, "attention": False})
    return replace(
        graph,
        config=graph.config.model_copy(update={"outputs": outputs}),
        integrator=LoadedIntegrator(fusing.spec, fusing),
    )


@pytest.mark.parametrize("way", BESIDE)
def test_integrators(way: str, clips: list[Path], tmp_path: Path) -> None:
    result = run(fusing_graph(tmp_path, Fusing(ACTS[way].does)), clips, tmp_path)
    if way == "a UsageError of the project":  # the platform's own words of a cue that is missing
        check_failed(result, "no such option")
    elif ACTS[way].fails:
        check_failed(result, "integrator fuser: frames 2 to 3: ")
    else:
        check_done(result)


FUSED: dict[str, Callable[[Fused], Any]] = {
    "a tuple": lambda fused: (fused.saliency, fused.gates),
    "text": lambda fused: "maps",
    "NaN": lambda fused: replace(fused, saliency=fused.saliency * float("nan")),
    "infinite gates": lambda fused: replace(fused, gates=fused.gates / 0),
    "negative maps": lambda fused: replace(fused, saliency=fused.saliency - 1),
    "bytes": lambda fused: replace(fused, saliency=fused.saliency.astype(np.uint8)),
    "another rank": lambda fused: replace(fused, saliency=fused.saliency[0]),
    "a map too many": lambda fused: replace(fused, saliency=np.repeat(fused.saliency, 2, 0)),
    "gates of other frames": lambda fused: replace(fused, gates=fused.gates[:1]),
    "gates of other cues": lambda fused: replace(fused, gates=np.repeat(fused.gates, 2, 1)),
}


@pytest.mark.parametrize("gift", FUSED)
def test_what_integrators_give(gift: str, clips: list[Path], tmp_path: Path) -> None:
    result = run(fusing_graph(tmp_path, Fusing(give=FUSED[gift])), clips, tmp_path)
    check_failed(result, "integrator fuser: frames 2 to 3: ")


def test_an_integrator_owes_a_map_of_every_frame(clips: list[Path], tmp_path: Path) -> None:
    result = run(fusing_graph(tmp_path, Fusing(give=lambda fused: None)), clips, tmp_path)
    check_failed(result, f"integrator fuser: the end of the video: gave {FRAMES + 1 - 2} maps of {FRAMES + 1} frames")


# Sinks


class Pipe(Sink):
    """A sink that leaves a file."""

    spec = SinkSpec(name="pipe", files=("pipe.txt",), implementation="pipes:Pipe")

    def __init__(self, stage: str, do: Do) -> None:
        self._stage, self._trigger = stage, Trigger(do)

    def open(self, context: Any) -> None:
        self._place = context.folder / "pipe.txt"
        self._trigger.begin(context.frame_size)
        self._do("open", AT)

    def write(self, chunk: ChunkResult) -> None:
        for k in range(chunk.start, chunk.start + len(chunk)):
            self._do("write", k)

    def close(self, summary: dict[str, Any]) -> None:
        self._do("close", AT)
        self._place.write_text("done")

    def abort(self) -> None:
        self._place.unlink(missing_ok=True)
        raise SystemExit("and good-bye")

    def _do(self, stage: str, frame: int) -> None:
        if stage == self._stage:
            self._trigger(range(frame, frame + 1))


STAGES = {"open": "opening", "write": "frames 2 to 3", "close": "closing"}


def sink_run(stage: str, do: Do, clips: list[Path], folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunResult:
    monkeypatch.setattr(pipeline, "wanted_sinks", lambda config, integrator: [LoadedSink(Pipe.spec, Pipe(stage, do))])
    return run(extractor_graph(folder), clips, folder)


OWN_WORDS = ("a UsageError of the project", "a PluginError that names somebody else", "a MediaError", "a CacheError")
"""A sink's errors of the project name the file, and stand as they are."""


@pytest.mark.parametrize("way", BESIDE)
def test_sinks(way: str, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = sink_run("write", ACTS[way].does, clips, tmp_path, monkeypatch)
    if ACTS[way].fails:
        # What an extractor at work beside the sink finds changed is told of both.
        named = [] if way in OWN_WORDS else ["sink pipe"] if way in STATE else ["sink pipe: frames 2 to 3: "]
        check_failed(result, *named)
        assert not (tmp_path / "out" / "second" / "pipe.txt").exists()
    else:
        check_done(result)


@pytest.mark.parametrize("way", ["sys.exit(0)", "a BaseException of its own", "chdir", "a fork whose child fails"])
@pytest.mark.parametrize("stage", ["open", "close"])
def test_sinks_at_their_ends(
    stage: str, way: str, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = sink_run(stage, ACTS[way].does, clips, tmp_path, monkeypatch)
    check_failed(result, f"sink pipe: {STAGES[stage]}: ")


def test_a_sink_cannot_change_what_others_see(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Painter(Pipe):
        def write(self, chunk: ChunkResult) -> None:
            self._trigger.do = lambda: chunk.images[0].fill(0)
            super().write(chunk)

    painter = LoadedSink(Pipe.spec, Painter("write", nothing))
    monkeypatch.setattr(pipeline, "wanted_sinks", lambda config, integrator: [painter])
    check_failed(run(extractor_graph(tmp_path), clips, tmp_path), "sink pipe: frames 2 to 3: ", "read-only")
