"""Every check of the kit finds the fault it is for, and only a sound extractor passes them all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.cues.extractor import CueMaps
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, Needs, WindowSpec
from gazenet.cues.registry import PluginEntry, get
from gazenet.errors import UsageError
from gazenet.testing.conformance import CHECKS, check
from gazenet.testing.fakes import entry_of, write_distribution
from gazenet.testing.synthetic import SyntheticVideo


class Sound:
    """An extractor without fault; the others below differ from it in one thing each."""

    spec = ExtractorSpec(
        name="probe",
        summary="Brightness over two frames, dark where nobody is",
        cue="other",
        implementation="a:B",
        window=WindowSpec(before=1, stride=2),
        input=InputSpec(height=18, width=32),
        needs=Needs(faces=True, face_crops=8, audio=True, maps=("other",)),
    )

    def load(self, device: Any, dtype: Any, asset_path: Any) -> None:
        self.calls = 0

    def begin(self, video: Any) -> None:
        self.video = video

    def extract(self, windows: Any) -> CueMaps:
        light = windows.frames.float().mean((1, 2)) / 255
        light = torch.nn.functional.interpolate(light[:, None], windows.map_size)[:, 0]
        people = torch.tensor([len(frames[windows.anchor]) for frames in windows.faces])
        return CueMaps(light * people.clamp_max(1)[:, None, None], [{"people": int(n)} for n in people])


class OtherSpec(Sound):
    """Is not what its entry point declares."""


class WithoutBegin(Sound):
    begin = None  # type: ignore[assignment]


class WrongShape(Sound):
    def extract(self, windows: Any) -> CueMaps:
        return CueMaps(super().extract(windows).maps[:, :-1])


class Random(Sound):
    def extract(self, windows: Any) -> CueMaps:
        return CueMaps(torch.rand(len(windows), *windows.map_size) * bool(windows.faces[0][0]))


class BatchNormalised(Sound):
    def extract(self, windows: Any) -> CueMaps:
        maps = super().extract(windows).maps
        return CueMaps(maps / maps.amax().clamp_min(1e-6))


class Smoothed(Sound):
    """Keeps a running mean: the map of a frame rests on all frames before it."""

    def begin(self, video: Any) -> None:
        self.mean = torch.zeros(())

    def extract(self, windows: Any) -> CueMaps:
        maps = super().extract(windows).maps.clone()
        for one in maps:
            if one.any():
                self.mean = self.mean * 0.8 + one * 0.2
                one.copy_(self.mean)
        return CueMaps(maps)


class FixedSize(Sound):
    def extract(self, windows: Any) -> CueMaps:
        if windows.size != (72, 128):
            raise RuntimeError("only 72 x 128")
        return super().extract(windows)


class WantsTwo(Sound):
    """Divides by the time between its frames, which is 0 where the first one is repeated."""

    def extract(self, windows: Any) -> CueMaps:
        if windows.times.max() == 0:
            raise ZeroDivisionError("one frame")
        return super().extract(windows)


class Stretched(Sound):
    def extract(self, windows: Any) -> CueMaps:
        found = super().extract(windows)
        return CueMaps(found.maps / windows.frames.amax((1, 2, 3, 4))[:, None, None] * 0)


class NeedsMesh(Sound):
    def extract(self, windows: Any) -> CueMaps:
        for frames in windows.faces:
            for face in frames[windows.anchor]:
                face.landmarks.mean()
        return super().extract(windows)


class FixedSeats(Sound):
    """Has room for twelve people."""

    def extract(self, windows: Any) -> CueMaps:
        seats = np.zeros(12)
        for frames in windows.faces:
            for seat, _ in enumerate(frames[windows.anchor]):
                seats[seat] = 1
        return super().extract(windows)


class BrightWithoutPeople(Sound):
    def extract(self, windows: Any) -> CueMaps:
        found = super().extract(windows)
        return CueMaps(found.maps + 0.5 * (found.maps.amax((1, 2), keepdim=True) == 0))


class NeedsSound(Sound):
    def begin(self, video: Any) -> None:
        self.volume = video.waveform.samples.mean()


class NeedsLoudness(Sound):
    def begin(self, video: Any) -> None:
        if video.waveform is not None and not np.abs(video.waveform.samples).max():
            raise ZeroDivisionError("silence")


class Remembers(Sound):
    """What it saw of the video before weighs on the next."""

    def begin(self, video: Any) -> None:
        self.calls += 1

    def extract(self, windows: Any) -> CueMaps:
        return CueMaps(super().extract(windows).maps / self.calls)


class Untellable(Sound):
    def extract(self, windows: Any) -> CueMaps:
        found = super().extract(windows)
        return CueMaps(found.maps, [{"map": found.maps[0]} for _ in windows.index])


class Scribbles(Sound):
    what = "frames"

    def extract(self, windows: Any) -> CueMaps:
        found = super().extract(windows)
        faces = [face for frames in windows.faces for face in frames[windows.anchor]]
        if self.what == "frames":
            windows.frames.zero_()
        elif self.what == "maps":
            windows.maps["other"].add_(0.5)
        for face in faces:
            if self.what == "landmarks" and face.landmarks is not None:
                face.landmarks[:] = 0
            if self.what == "crops":
                face.crop[:] = 0
        return found


class ScribblesOnMaps(Scribbles):
    what = "maps"


class ScribblesOnCrops(Scribbles):
    what = "crops"


class ScribblesOnLandmarks(Scribbles):
    what = "landmarks"


FOUND_BY: list[tuple[type[Sound], str]] = [
    (WithoutBegin, "declares_what_it_is"),
    (WrongShape, "gives_one_map_per_frame"),
    (Random, "is_deterministic"),
    (BatchNormalised, "does_not_depend_on_the_batch"),
    (Smoothed, "looks_at_its_window_only"),
    (Smoothed, "resumes_where_it_stopped"),
    (FixedSize, "works_on_odd_sizes"),
    (WantsTwo, "works_on_one_frame"),
    (Stretched, "works_on_blank_pictures"),
    (NeedsMesh, "works_on_hard_faces"),
    (FixedSeats, "works_on_a_crowd"),
    (BrightWithoutPeople, "is_neutral_without_faces"),
    (NeedsSound, "works_without_sound"),
    (NeedsLoudness, "works_without_sound"),
    (Remembers, "survives_a_second_video"),
    (Untellable, "tells_serialisable_records"),
    (Scribbles, "leaves_its_input_alone"),
    (ScribblesOnMaps, "leaves_its_input_alone"),
    (ScribblesOnCrops, "leaves_its_input_alone"),
    (ScribblesOnLandmarks, "leaves_its_input_alone"),
]


def named(name: str) -> Callable[[PluginEntry], None]:
    return next(one for one in CHECKS if one.__name__ == name)


def test_a_sound_extractor_passes_every_check() -> None:
    verdicts = check(entry_of(Sound))
    assert [verdict.check for verdict in verdicts if not verdict.passed] == []
    assert len(verdicts) == len(CHECKS) >= 12


@pytest.mark.parametrize(("faulty", "name"), FOUND_BY, ids=lambda value: getattr(value, "__name__", value))
def test_the_check_finds_its_fault(faulty: type[Sound], name: str) -> None:
    verdict = {verdict.check: verdict for verdict in check(entry_of(faulty))}[name]
    assert not verdict.passed and verdict.reason and "\n" not in verdict.reason


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {one.__name__ for one in CHECKS} == {name for _, name in FOUND_BY}


def test_frames_after_the_window_matter_to_no_sound_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    class Peeking(Sound):
        """Reads the pixels of later frames behind the runner's back."""

        def extract(self, windows: Any) -> CueMaps:
            maps = super().extract(windows).maps
            ahead = [videos[-1].image(int(i) + 9)[:, :64].mean() / 255 for i in windows.index]
            return CueMaps((maps * torch.tensor(ahead)[:, None, None].float() * 4).clamp(0, 1))

    from gazenet.testing import conformance

    videos: list[SyntheticVideo] = []
    original = conformance.run

    def spied(entry: PluginEntry, video: SyntheticVideo, *rest: Any) -> Any:
        videos.append(video)
        return original(entry, video, *rest)

    monkeypatch.setattr(conformance, "run", spied)
    with pytest.raises(AssertionError, match="with other pictures after the window differ"):
        conformance.looks_at_its_window_only(entry_of(Peeking))


def test_an_extractor_that_says_it_is_random_is_not_asked_for_equal_bytes() -> None:
    class Honest(Random):
        spec = Random.spec.model_copy(update={"deterministic": False})

    for name in ("is_deterministic", "resumes_where_it_stopped"):
        named(name)(entry_of(Honest))


def test_missing_weights_are_no_verdict() -> None:
    class Weighty(Sound):
        spec = Sound.spec.model_copy(update={"assets": ("weights_that_nobody_published",)})

        def load(self, device: Any, dtype: Any, asset_path: Any) -> None:
            asset_path("weights_that_nobody_published")

    with pytest.raises(UsageError, match="weights_that_nobody_published"):
        check(entry_of(Weighty))


def test_the_spec_belongs_to_the_implementation() -> None:
    other = Sound.spec.model_copy(update={"neutral": 0.5})
    with pytest.raises(AssertionError, match="carries another spec"):
        named("declares_what_it_is")(PluginEntry("probe", other, "made up 0", lambda: OtherSpec))


SPEC = """
{first}
from gazenet.cues.extractor_spec import ExtractorSpec
SPEC = ExtractorSpec(name="late", summary="", cue="other", implementation="late_impl:Late")
"""
LATE = """
class Late:
    def load(self, device, dtype, asset_path): pass
    def begin(self, video): pass
    def extract(self, windows): pass
"""


def test_a_spec_must_not_import_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    group = "gazenet.made_up_late"
    modules = {"late_light": SPEC.format(first=""), "late_heavy": SPEC.format(first="import torch"), "late_impl": LATE}
    write_distribution(tmp_path, "light", {group: {"late": "late_light:SPEC"}}, modules)
    named("declares_what_it_is")(get("late", group))
    write_distribution(tmp_path, "heavy", {group + "2": {"late": "late_heavy:SPEC"}})
    with pytest.raises(AssertionError, match="reading late_heavy:SPEC imports torch"):
        named("declares_what_it_is")(get("late", group + "2"))


SUITE = """
def test_one(gazenet_extractor):
    assert gazenet_extractor.spec.name == gazenet_extractor.name

def test_without():
    assert True
"""


def pytest_run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *options, "test_suite.py"]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_pytest_plugin_runs_over_what_is_installed(tmp_path: Path) -> None:
    modules = {"late_light": SPEC.format(first=""), "late_impl": LATE}
    write_distribution(tmp_path, "light", {"gazenet.extractors": {"late": "late_light:SPEC"}}, modules)
    done = pytest_run(tmp_path)
    assert done.returncode == 0, done.stdout
    for name in ("late", "saliency", "active_speaker"):
        assert f"test_one[{name}] PASSED" in done.stdout
    assert done.stdout.count("test_without PASSED") == 1
    chosen = pytest_run(tmp_path, "--gazenet-extractor", "late")
    assert "test_one[late] PASSED" in chosen.stdout and "saliency" not in chosen.stdout
    wrong = pytest_run(tmp_path, "--gazenet-extractor", "lat")
    assert wrong.returncode and "unknown extractor 'lat'; did you mean 'late'?" in wrong.stdout + wrong.stderr
