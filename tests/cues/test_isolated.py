"""Extractors in a process of their own: the same bytes as here, and nothing that ends a process ends the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.config.load import load_config
from gazenet.cues.extractor import CueMaps, Face, VideoContext, Windows
from gazenet.cues.isolated import host, messages
from gazenet.cues.isolated.host import isolated
from gazenet.cues.registry import get
from gazenet.errors import PluginError, UsageError
from gazenet.media.frames import Waveform
from gazenet.testing.conformance import run
from gazenet.testing.fakes import write_distribution
from gazenet.testing.synthetic import SyntheticVideo
from tests.clips import make_clip

SOURCE = '''
import ctypes, os, sys, time
import numpy as np
import torch
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, Needs, WindowSpec
from gazenet.cues.extractor import CueMaps
from gazenet.errors import UsageError

class Everything:
    """Looks at all that an extractor can be given."""
    spec = ExtractorSpec(name="everything", summary="e", cue="other", implementation="apart:Everything", batch=3,
                         input=InputSpec(height=12, width=16), window=WindowSpec(before=1, after=1, stride=2),
                         needs=Needs(audio=True, faces=True, face_crops=8, maps=("other",)), pictures=True,
                         parameters={"factor": 0.5})
    def __init__(self, factor): self.factor = factor
    def load(self, device, dtype, asset_path):
        self.weights = torch.rand(64, 64, dtype=dtype)
    def begin(self, video): self.loud = float(np.abs(video.waveform.samples).mean()) if video.waveform else 0.0
    def extract(self, windows):
        print("a plugin may print")
        seen = windows.frames.float().mean((1, 2, 3, 4)) / 255
        faces = [[f for faces in row for f in faces] for row in windows.faces]
        told = [sum(f.box[0] + f.score + f.presence + (0 if f.landmarks is None else float(f.landmarks.sum()))
                    + (0 if f.crop is None else float(f.crop.mean())) for f in row) for row in faces]
        values = (seen + self.loud + torch.tensor(told) + torch.from_numpy(windows.times.sum(1))).float()
        maps = windows.maps["other"] * self.factor
        maps = (maps + (self.weights.sum() * values[:, None, None]).sin().abs() / 3).clamp(0, 1)
        records = [{"value": float(v), "faces": [f.track for f in row]} for v, row in zip(values, faces)]
        drawn = [np.full((9, 11, 3), int(v * 255) % 256, np.uint8) for v in values]
        return CueMaps(maps, records, drawn)

class Deadly:
    """Ends its process in a way that the width of the video chooses."""
    spec = ExtractorSpec(name="deadly", summary="d", cue="other", implementation="apart:Deadly",
                         input=InputSpec(height=8, width=8), batch=2)
    def load(self, device, dtype, asset_path): pass
    def begin(self, video): self.width = video.width
    def extract(self, windows):
        if 3 in windows.index.tolist():
            if self.width == 34: os._exit(0)
            if self.width == 36: ctypes.string_at(0)
            if self.width == 38: os.abort()
            if self.width == 40:
                while True: pass
            if self.width == 42: sys.exit(0)
        return CueMaps(torch.full((len(windows), *windows.map_size), 0.5))

class Weightless:
    spec = ExtractorSpec(name="weightless", summary="w", cue="other", implementation="apart:Weightless")
    def load(self, device, dtype, asset_path): raise UsageError("its weights are missing; run: something")
    def begin(self, video): pass
    def extract(self, windows): pass

class Nobody:
    """Sees no face."""
    def load(self, asset_path): pass
    def detect(self, image): return np.zeros((0, 15), np.float32)

NOBODY = FaceModelSpec(name="nobody", summary="no face", implementation="apart:Nobody")
'''
EXTRACTORS = {"everything": "apart:Everything", "deadly": "apart:Deadly", "weightless": "apart:Weightless"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with the extractors of this module."""
    points = {"gazenet.extractors": EXTRACTORS, "gazenet.face_detectors": {"nobody": "apart:NOBODY"}}
    folder = write_distribution(tmp_path / "site", "apart", points, {"apart": SOURCE})
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "apart", raising=False)
    return folder


def test_windows_survive_the_wire() -> None:
    mesh = np.random.default_rng(0).random((478, 3)).astype(np.float32)
    face = Face(3, (1.5, 2.25, 1 / 3, 9.0), 0.75, mesh, 0.5, np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    bare = Face(4, (0.0, 0.0, 1.0, 1.0), 0.1)
    given = Windows(
        index=np.array([4, 6]),
        times=np.array([[0.1, 0.2], [1 / 3, 0.4]]),
        size=(72, 96),
        map_size=(9, 16),
        anchor=1,
        frames=torch.randint(0, 255, (2, 2, 3, 5, 6), dtype=torch.uint8),
        faces=[[(), (face, bare)], [(face,), ()]],
        maps={"other": torch.rand(2, 9, 16)},
    )
    data = messages.from_windows(given)
    found = messages.to_windows(data, torch.device("cpu"))
    assert np.array_equal(found.index, given.index) and np.array_equal(found.times, given.times)
    assert (found.size, found.map_size, found.anchor) == (given.size, given.map_size, given.anchor)
    assert found.frames is not None and torch.equal(found.frames, given.frames)
    assert torch.equal(found.maps["other"], given.maps["other"])
    assert [[len(faces) for faces in row] for row in found.faces] == [[0, 2], [1, 0]]
    again, plain = found.faces[0][1]
    assert (again.track, again.box, again.score, again.presence) == (3, face.box, 0.75, 0.5)
    assert np.array_equal(again.landmarks, mesh) and np.array_equal(again.crop, face.crop) and plain == bare
    assert len(data) < 2 * mesh.nbytes, "a face that comes twice is sent once"


def test_videos_and_maps_survive_the_wire() -> None:
    for sound in (None, Waveform(np.linspace(-1, 1, 64, dtype=np.float32).reshape(2, 32), 16_000, -0.25)):
        found = messages.to_video(messages.from_video(VideoContext("ab", 72, 96, 24000 / 1001, sound)))
        assert (found.source_id, found.height, found.width, found.rate) == ("ab", 72, 96, 24000 / 1001)
        if sound is not None:
            assert found.waveform is not None and np.array_equal(found.waveform.samples, sound.samples)
            assert (found.waveform.rate, found.waveform.start) == (16_000, -0.25)
    maps, drawn = np.random.default_rng(0).random((2, 3, 4)).astype(np.float32), [np.ones((3, 5, 3), np.uint8)] * 2
    back = messages.to_maps(messages.from_maps(maps, [{"a": 1 / 3}, {}], drawn), torch.device("cpu"))
    assert isinstance(back, CueMaps) and np.array_equal(back.maps.numpy(), maps) and back.records == [{"a": 1 / 3}, {}]
    assert back.pictures is not None and all(np.array_equal(a, b) for a, b in zip(back.pictures, drawn, strict=True))


@pytest.mark.slow
def test_the_maps_are_those_of_this_process(site: Path) -> None:
    torch.manual_seed(11)
    here, told = run(get("everything"), SyntheticVideo())
    torch.manual_seed(11)
    apart, told_apart = run(isolated(get("everything"), 300), SyntheticVideo())
    assert np.array_equal(here, apart) and told == told_apart and here.std() > 0


@pytest.mark.slow
def test_missing_weights_are_a_wrong_request(site: Path) -> None:
    with pytest.raises(UsageError, match="its weights are missing; run: something"):
        run(isolated(get("weightless"), 300), SyntheticVideo(frames=1))


def test_another_backend_is_refused() -> None:
    changes = ['extractors=[{"name": "saliency", "isolated": true, "backend": "onnxruntime"}]', "integrator=null"]
    with pytest.raises(UsageError, match="isolated: saliency runs with backend torch"):
        load_config("infer", "default", changes)


def command(site: Path, clips: list[Path], out: Path, *sets: str) -> subprocess.CompletedProcess[str]:
    settings = [
        'extractors=[{"name": "deadly", "timeout_s": 5}]',
        *("integrator=null", "faces.detector=nobody", "faces.mesh=false", "chunk=2", "outputs.report=false"),
    ]
    line = [sys.executable, "-m", "gazenet.cli.infer", "--input", *map(str, clips), "--output_dir", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(Path.cwd())])}
    return subprocess.run(
        [*line, "--set", *settings, *sets], env=environment, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_kills_a_process_fails_one_input(site: Path, tmp_path: Path) -> None:
    ways = {"fine": 32, "exit": 34, "segfault": 36, "abort": 38, "loop": 40, "polite": 42, "last": 44}
    clips = [make_clip(tmp_path / f"{name}.mp4", 6, (24, width)) for name, width in ways.items()]
    done = command(site, clips, tmp_path / "out", "extractors.0.isolated=true")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [Path(one["input"]).stem for one in record["finished"]] == ["fine", "last"]
    told = {Path(one["input"]).stem: one["reason"] for one in record["failures"]}
    endings = {
        "exit": "its process ended with exit code 0",
        "segfault": "its process was ended by SIGSEGV",
        "abort": "its process was ended by SIGABRT",
        "loop": "its process did not answer within 5 s",
        "polite": "tried to end the program",
    }
    for name, ending in endings.items():
        assert f"{name}.mp4: deadly: frames 2 to 3: {ending}" in told[name]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_a_death_in_the_run_the_next_one_names_the_plugin_and_keeps_what_was_done(
    site: Path, tmp_path: Path
) -> None:
    widths = {"fine": 32, "exit": 34, "last": 44}
    clips = [make_clip(tmp_path / f"{name}.mp4", 6, (24, width)) for name, width in widths.items()]
    died = command(site, clips, tmp_path / "out")
    assert died.returncode == 0 and not (tmp_path / "out" / "last").exists()
    again = command(site, clips, tmp_path / "out", "extractors.0.isolated=true")
    assert again.returncode == 1
    (note,) = [line for line in again.stderr.splitlines() if line.startswith("note:")]
    assert "exit.mp4: deadly: frames 2 to 3" in note and "fine.mp4: finished before" in again.stderr
    assert (tmp_path / "out" / "last" / "run.json").exists()


def test_an_answer_that_is_none_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "COMMAND", f"{sys.executable} -c pass")
    with pytest.raises(PluginError, match="deadly: loading: its process ended with exit code 0"):
        run(isolated(get("deadly"), 30), SyntheticVideo(frames=1))
