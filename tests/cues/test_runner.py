"""The runner: chunks, strides, resuming, bounded memory, and a border that nothing wrong passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.cues.extractor import CueMaps, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, Needs, WindowSpec
from gazenet.cues.interpolate import interpolate, quantise
from gazenet.cues.runner import CueRunner, RunnerSettings, neutral_map
from gazenet.errors import PluginError, UsageError
from gazenet.testing.fakes import entry_of
from gazenet.testing.synthetic import SyntheticVideo

SIZE = (6, 8)


def no_asset(asset_id: str) -> Any:
    raise UsageError(f"weights '{asset_id}' are missing")


def made(extract: Callable[[Any, Windows], Any], **more: Any) -> type[Any]:
    """A class of an extractor around one function."""
    declared = {"name": "probe", "summary": "", "cue": "other", "implementation": "a:B", **more}

    class Probe:
        spec = ExtractorSpec.model_validate(declared)

        def __init__(self, **parameters: Any) -> None:
            self.parameters = parameters
            self.batches: list[list[int]] = []

        def load(self, device: torch.device, dtype: torch.dtype, asset_path: Any) -> None:
            for asset in self.spec.assets:
                asset_path(asset)

        def begin(self, video: VideoContext) -> None:
            self.video = video

        def extract(self, windows: Windows) -> Any:
            self.batches.append(windows.index.tolist())
            return extract(self, windows)

    return Probe


def brightness(self: Any, windows: Windows) -> CueMaps:
    """The mean of each window's frames as a ramp; depends on every frame of the window."""
    assert windows.frames is not None
    weights = torch.arange(1.0, windows.frames.shape[1] + 1)
    means = (windows.frames.float().mean((2, 3, 4)) / 255 * weights).sum(1) / weights.sum()
    maps = means[:, None, None] * torch.linspace(0.2, 1, SIZE[1]).expand(len(windows), *SIZE)
    return CueMaps(maps, [{"at": int(i)} for i in windows.index])


def runner_of(cls: type[Any], **options: Any) -> CueRunner:
    runner = CueRunner(entry_of(cls), {}, RunnerSettings(no_asset, SIZE, **options))
    runner.load()
    return runner


def batches_of(runner: CueRunner) -> list[list[int]]:
    return runner._extractor.batches  # type: ignore[union-attr]


class Growing:
    """A source whose frames arrive one by one; asking for one that is not there, or gone, is an error."""

    def __init__(self, video: SyntheticVideo) -> None:
        self.video, self.decoded, self.oldest = video, 0, 0

    def _at(self, index: int) -> int:
        assert self.oldest <= index < self.decoded, f"asked for {index} with {self.oldest}..{self.decoded - 1} there"
        return index

    def image(self, index: int) -> Any:
        return self.video.image(self._at(index))

    def time(self, index: int) -> float:
        return self.video.time(self._at(index))

    def faces(self, index: int) -> Any:
        return self.video.faces(self._at(index))

    def map(self, name: str, index: int) -> Any:
        return self.video.map(name, self._at(index))


def stream(runner: CueRunner, frames: int, first: int = 0) -> tuple[Any, list[dict[str, Any]]]:
    """Drives a runner as the pipeline does: frames arrive singly, the end is known last, old frames are dropped."""
    source = Growing(SyntheticVideo(frames=frames, size=(12, 16)))
    runner.begin(source.video.context())
    block, chunk = runner.first_block(first), first
    maps, records = [], []
    for decoded in range(1, frames + 2):
        last = frames - 1 if decoded > frames else None
        source.decoded = min(decoded, frames)
        while block * runner.chunk < frames and (last is not None or runner.horizon(block) < source.decoded):
            runner.compute_block(block, last, source)
            block += 1
            source.oldest = min(runner.earliest(block), frames - 1)
            if last is None and block * runner.chunk >= source.decoded:
                break
        while runner.ready(chunk, last):
            some, told = runner.take(chunk, last)
            maps.append(some)
            records += told
            chunk += 1
    return np.concatenate(maps), records


def expected(window: WindowSpec, stride: int, frames: int) -> Any:
    """The maps by the definition, frame by frame and without chunks."""
    video = SyntheticVideo(frames=frames, size=(12, 16))
    anchors = {}
    for anchor in range(0, frames, stride):
        rows = [min(max(i, 0), frames - 1) for i in range(anchor - window.before, anchor + window.after + 1)]
        stack = torch.stack([torch.from_numpy(video.image(i)).permute(2, 0, 1) for i in rows])[None]
        one = np.array([anchor])
        windows = Windows(one, one[:, None] / 25, (12, 16), SIZE, window.before, stack)
        anchors[anchor] = brightness(None, windows).maps[0].numpy()
    maps = []
    for frame in range(frames):
        left, right = frame // stride * stride, (frame // stride + 1) * stride
        share = (frame - left) / stride if right in anchors else 0
        maps.append(anchors[left] + (anchors.get(right, anchors[left]) - anchors[left]) * share)
    return np.stack(maps) * 255


CASES = [
    (WindowSpec(), 1, 8, 20),
    (WindowSpec(), 3, 8, 20),
    (WindowSpec(before=2, after=5), 3, 8, 25),
    (WindowSpec(before=1), 7, 4, 31),
    (WindowSpec(after=9), 2, 4, 13),
    (WindowSpec(before=3, after=3), 10, 4, 1),
    (WindowSpec(), 5, 5, 10),
    (WindowSpec(after=2), 6, 32, 33),
]


@pytest.mark.parametrize(("window", "stride", "chunk", "frames"), CASES)
def test_streamed_maps_are_those_of_the_definition(window: WindowSpec, stride: int, chunk: int, frames: int) -> None:
    probe = made(brightness, window=window, input=InputSpec(height=12, width=16), batch=3)
    maps, records = stream(runner_of(probe, stride=stride, chunk=chunk), frames)
    assert maps.shape == (frames, *SIZE) and maps.dtype == np.uint8
    assert np.abs(maps - expected(window, stride, frames)).max() <= 0.501
    assert [r["at"] for r in records] == [f // stride * stride for f in range(frames)]
    assert [r.get("anchor") for r in records] == [
        None if f % stride == 0 else f // stride * stride for f in range(frames)
    ]


@pytest.mark.parametrize(("window", "stride", "chunk", "frames"), CASES)
def test_a_resumed_run_gives_the_same_bytes(window: WindowSpec, stride: int, chunk: int, frames: int) -> None:
    probe = made(brightness, window=window, input=InputSpec(height=12, width=16), batch=3)
    whole, told = stream(runner_of(probe, stride=stride, chunk=chunk), frames)
    for first in range(1, -(-frames // chunk)):
        maps, records = stream(runner_of(probe, stride=stride, chunk=chunk), frames, first)
        assert np.array_equal(maps, whole[first * chunk :]) and records == told[first * chunk :]


def test_batches_are_composed_the_same_way_whenever_a_block_is_computed() -> None:
    probe = made(brightness, input=InputSpec(height=12, width=16), batch=3)
    runner, video = runner_of(probe, stride=2, chunk=16), SyntheticVideo(frames=40, size=(12, 16))
    runner.begin(video.context())
    for k in (0, 1, 1, 2):
        runner.compute_block(k, 39, video)
    block = [[0, 2, 4], [6, 8, 10], [12, 14]]
    assert batches_of(runner) == [*block, *([a + 16 for a in b] for b in block), [32, 34, 36], [38]]


def test_memory_stays_bounded() -> None:
    runner, video = (
        runner_of(made(brightness, input=InputSpec(height=12, width=16)), stride=3, chunk=8),
        SyntheticVideo(400),
    )
    runner.begin(video.context())
    held = []
    for k in range(50):
        runner.compute_block(k, 399, video)
        if k:
            runner.take(k - 1, 399)
        held.append(len(runner._maps))
    assert max(held[5:]) <= 2 * (8 // 3 + 1) and len(runner._records) == len(runner._maps)


def test_a_chunk_waits_for_the_anchor_after_it() -> None:
    runner, video = (
        runner_of(made(brightness, input=InputSpec(height=12, width=16)), stride=3, chunk=8),
        SyntheticVideo(20),
    )
    runner.begin(video.context())
    runner.compute_block(0, None, video)
    assert (runner.ready(0, None), runner.ready(0, 7), runner.ready(0, 8), runner.ready(0, 9)) == (
        False,
        True,
        True,
        False,
    )
    with pytest.raises(ValueError, match=r"chunk 0 is not ready: anchors \[9\]"):
        runner.take(0, None)
    runner.compute_block(1, None, video)
    assert runner.ready(0, None) and len(runner.take(0, None)[0]) == 8
    assert not runner.ready(3, 19)


def test_geometry_of_blocks() -> None:
    runner = runner_of(made(brightness, window=WindowSpec(before=4, after=2)), stride=20, chunk=8)
    assert [list(runner.anchors(k)) for k in range(4)] == [[0], [], [20], []]
    assert [runner.horizon(k) for k in range(4)] == [2, -1, 22, -1]
    assert [runner.earliest(k) for k in range(4)] == [0, 4, 16, 20]
    assert [runner.first_block(k) for k in range(6)] == [0, 0, 0, 2, 2, 5]
    assert list(runner.anchors(2, 19)) == [] and list(runner.frames(2, 19)) == [16, 17, 18, 19]


def test_a_second_video_starts_anew_and_may_have_other_maps() -> None:
    def half(self: Any, windows: Windows) -> CueMaps:
        return CueMaps(torch.full((len(windows), *windows.map_size), 0.5))

    runner, video = runner_of(made(half)), SyntheticVideo(frames=3)
    runner.begin(video.context())
    runner.compute_block(0, 2, video)
    runner.begin(video.context(), (3, 5))
    assert not runner.ready(0, 2)
    runner.compute_block(0, 2, video)
    maps, records = runner.take(0, 2)
    assert maps.shape == (3, 3, 5) and (maps == 128).all() and records == [{}, {}, {}]


def test_sound_reaches_only_who_asks() -> None:
    for needs, heard in ((Needs(), False), (Needs(audio=True), True)):
        runner = runner_of(made(brightness, needs=needs))
        runner.begin(SyntheticVideo(frames=3).context())
        assert (runner._extractor.video.waveform is not None) is heard  # type: ignore[union-attr]


def test_parameters_reach_the_constructor() -> None:
    cls = made(brightness, parameters={"base": 0.5, "mode": "a"})
    runner = CueRunner(entry_of(cls), {"base": 1}, RunnerSettings(no_asset, SIZE))
    runner.load()
    assert runner._extractor.parameters == {"base": 1.0, "mode": "a"}  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="unknown parameter 'bass'; did you mean 'base'"):
        CueRunner(entry_of(cls), {"bass": 1}, RunnerSettings(no_asset, SIZE))


def test_missing_weights_stay_a_usage_error() -> None:
    with pytest.raises(UsageError, match="weights 'w' are missing"):
        runner_of(made(brightness, assets=("w",)))


def test_faults_before_the_first_frame_name_the_plugin() -> None:
    class Unloadable(made(brightness)):  # type: ignore[misc]
        def load(self, *_: Any) -> None:
            raise RuntimeError("bad\nfile")

        begin = load

    with pytest.raises(PluginError, match=r"^probe: loading: RuntimeError: bad file$"):
        runner_of(Unloadable)
    Unloadable.load = lambda *_: None
    with pytest.raises(PluginError, match=r"^probe: beginning a video: RuntimeError: bad file$"):
        runner_of(Unloadable).begin(SyntheticVideo(3).context())
    with pytest.raises(RuntimeError, match="begin comes before compute_block"):
        runner_of(made(brightness)).compute_block(0, 2, SyntheticVideo(3))


def maps_of(windows: Windows) -> torch.Tensor:
    return torch.full((len(windows), *windows.map_size), 0.5)


def spoilt(value: float) -> Callable[[Any, Windows], CueMaps]:
    """Wrong in one cell of frame 5."""

    def extract(self: Any, windows: Windows) -> CueMaps:
        maps = maps_of(windows)
        maps[windows.index.tolist().index(5), 2, 3] = value
        return CueMaps(maps)

    return extract


def told(record: Any) -> Callable[[Any, Windows], CueMaps]:
    return lambda self, windows: CueMaps(maps_of(windows), [record if i == 5 else {} for i in windows.index])


def raising(self: Any, windows: Windows) -> CueMaps:
    raise ZeroDivisionError("division\nby zero")


WRONG: dict[str, tuple[Callable[[Any, Windows], Any], str]] = {
    "raises": (raising, "frames 4 to 7: ZeroDivisionError: division by zero"),
    "no CueMaps": (lambda s, w: maps_of(w), "frames 4 to 7: extract must return CueMaps, not Tensor"),
    "no tensor": (lambda s, w: CueMaps(maps_of(w).numpy()), "maps must be a torch.Tensor, not ndarray"),
    "too few": (lambda s, w: CueMaps(maps_of(w)[1:]), r"shape \[3, 6, 8\], expected \[B, h, w\] = \[4, 6, 8\]"),
    "transposed": (lambda s, w: CueMaps(maps_of(w).mT), r"shape \[4, 8, 6\]"),
    "a channel": (lambda s, w: CueMaps(maps_of(w)[:, None]), r"shape \[4, 1, 6, 8\]"),
    "integers": (
        lambda s, w: CueMaps((maps_of(w) * 255).byte()),
        "dtype torch.uint8, expected a floating-point dtype",
    ),
    "elsewhere": (lambda s, w: CueMaps(maps_of(w).to("meta")), "maps are on meta, expected cpu"),
    "nan": (spoilt(float("nan")), "frame 5: the map holds values that are not finite"),
    "infinite": (spoilt(float("-inf")), "frame 5: the map holds values that are not finite"),
    "above": (spoilt(1.01), "frame 5: the map spans 0.5 to 1.01, expected 0 to 1"),
    "below": (spoilt(-0.5), "frame 5: the map spans -0.5 to 0.5"),
    "record count": (lambda s, w: CueMaps(maps_of(w), [{}]), r"records: 1, expected one per map \(4\) or None"),
    "record kind": (told([1]), "frame 5: a record must be a dict, not list"),
    "record tensor": (told({"x": torch.ones(1)}), "frame 5: the record is not JSON: TypeError"),
    "record nan": (told({"x": float("nan")}), "frame 5: the record is not JSON: ValueError"),
}


@pytest.mark.promise("plugins are guarded")
@pytest.mark.parametrize("fault", WRONG)
def test_nothing_wrong_passes_the_border(fault: str) -> None:
    extract, reason = WRONG[fault]
    runner, video = runner_of(made(extract), chunk=4), SyntheticVideo(frames=8)
    runner.begin(video.context())
    with pytest.raises(PluginError, match=f"^probe: .*{reason}") as error:
        runner.compute_block(1, 7, video)
    assert "\n" not in str(error.value) and not runner.ready(1, 7)


def test_a_tiny_overshoot_is_clipped_and_half_precision_is_welcome() -> None:
    def edges(self: Any, windows: Windows) -> CueMaps:
        maps = maps_of(windows)
        maps[:, 0], maps[:, 1] = 1.00005, -0.00005
        return CueMaps(maps.double())

    for extract in (edges, lambda s, w: CueMaps(maps_of(w).half())):
        runner, video = runner_of(made(extract)), SyntheticVideo(frames=2)
        runner.begin(video.context())
        runner.compute_block(0, 1, video)
        maps, _ = runner.take(0, 1)
        assert maps[0, 2, 0] == 128
        if extract is edges:
            assert (maps[:, 0] == 255).all() and (maps[:, 1] == 0).all()


def test_records_are_what_json_returns() -> None:
    runner, video = runner_of(made(told({"pair": (1, 2), 3: "x"}))), SyntheticVideo(frames=6)
    runner.begin(video.context())
    runner.compute_block(0, 5, video)
    assert runner.take(0, 5)[1][5] == {"pair": [1, 2], "3": "x"}


def test_gradients_are_off_while_a_plugin_works() -> None:
    seen = []

    def extract(self: Any, windows: Windows) -> CueMaps:
        seen.append(torch.is_grad_enabled())
        return CueMaps(maps_of(windows))

    runner, video = runner_of(made(extract)), SyntheticVideo(frames=1)
    runner.begin(video.context())
    runner.compute_block(0, 0, video)
    assert seen == [False] and torch.is_grad_enabled()


def test_interpolation_between_held_after_and_refused_before() -> None:
    anchors = {4: np.zeros((1, 1), np.float32), 8: np.ones((1, 1), np.float32)}
    assert interpolate(anchors, range(4, 11))[:, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    with pytest.raises(ValueError, match="no anchor at or before frame 3"):
        interpolate(anchors, [5, 3])
    with pytest.raises(ValueError, match="no anchor"):
        interpolate({}, [0])


def test_quantising_rounds_and_clips() -> None:
    levels = quantise(np.array([-0.1, 0, 0.4 / 255, 0.6 / 255, 0.5, 1, 1.2], np.float32))
    assert levels.tolist() == [0, 0, 0, 1, 128, 255, 255] and levels.dtype == np.uint8


def test_the_neutral_map_is_the_declared_value() -> None:
    neutral = neutral_map(made(brightness, neutral=0.2).spec, (4, 5))
    assert neutral.shape == (4, 5) and neutral.dtype == np.uint8 and (neutral == 51).all()
