"""The conformance kit: checks of every plugin, functions that raise AssertionError with a clear text.

This module has the checks of extractors and runs those of all kinds.

In a plugin's own tests::

    import pytest
    from gazenet.testing.conformance import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_cue(check, gazenet_extractor):
        check(gazenet_extractor)

``gazenet_extractor`` comes from the pytest plugin that gazenet installs; ``--gazenet-extractor NAME`` picks one.
On the command line: ``gasp_plugins check NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.assets import asset_path
from gazenet.config.sink_spec import SinkSpec
from gazenet.cues.extractor import Windows
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.runner import CueRunner, RunnerSettings, neutral_map
from gazenet.cues.windows import WindowBuilder
from gazenet.data.reader_spec import ReaderSpec
from gazenet.errors import GazenetError, UsageError
from gazenet.fusion.integrator_contract import IntegratorSpec
from gazenet.guard.exception_text import first_line_of
from gazenet.guard.guarded_call import guarded
from gazenet.plugin_registry import PluginEntry
from gazenet.testing.declaration_checks import declares_what_it_is
from gazenet.testing.integrator_checks import INTEGRATOR_CHECKS
from gazenet.testing.reader_checks import READER_CHECKS
from gazenet.testing.sink_checks import SINK_CHECKS
from gazenet.testing.synthetic import SyntheticVideo

Extractor = PluginEntry[ExtractorSpec]
Maps = NDArray[np.uint8]
MAP_SIZE = (36, 64)
TOLERANCE = 2
"""Steps of 255 by which maps may differ where equal ones are asked for: other batches round differently."""


def run(
    entry: Extractor, video: SyntheticVideo, chunk: int = 8, first_chunk: int = 0
) -> tuple[Maps, list[dict[str, Any]]]:
    """Return all maps uint8 ``[T, h, w]`` and records of an extractor over a made-up video.

    With ``first_chunk`` only the chunks from there on, as a resumed run computes them.
    """
    rng = np.random.default_rng(5)
    maps = {
        name: list(rng.integers(0, 256, (video.frames, *MAP_SIZE), dtype=np.uint8)) for name in entry.spec.needs.maps
    }
    source = replace(video, crop=entry.spec.needs.face_crops, maps=maps)
    runner = CueRunner(entry, {}, RunnerSettings(_asset, MAP_SIZE, chunk=chunk))
    runner.load()
    runner.begin(source.context(), MAP_SIZE)
    last = video.frames - 1
    parts: list[Maps] = []
    records: list[dict[str, Any]] = []
    chunks = -(-video.frames // chunk)
    for k in range(runner.first_block(first_chunk), chunks):
        runner.compute_block(k, last, source)
    for k in range(first_chunk, chunks):
        part, part_records = runner.take(k, last)
        parts.append(part)
        records += part_records
    return np.concatenate(parts), records


def _asset(asset_id: str) -> Path:
    return asset_path(asset_id)


def gives_one_map_per_frame(entry: Extractor) -> None:
    """Shape, range and finiteness on an ordinary video."""
    maps, records = run(entry, SyntheticVideo())
    assert maps.shape == (20, *MAP_SIZE), f"maps are {maps.shape}, expected {(20, *MAP_SIZE)}"
    assert len(records) == 20, f"{len(records)} records for 20 frames"


def is_deterministic(entry: Extractor) -> None:
    """Two runs over one video give the same bytes, if the spec says so."""
    if not entry.spec.deterministic:
        return
    assert np.array_equal(run(entry, SyntheticVideo())[0], run(entry, SyntheticVideo())[0]), "two runs differ"


def does_not_depend_on_the_batch(entry: Extractor) -> None:
    """Windows handed over alone or together give the same maps, also of frames as unlike as dark and bright ones."""
    for video in (SyntheticVideo(), SyntheticVideo(fading=True)):
        _assert_close(run(entry, video, chunk=1)[0], run(entry, video, chunk=16)[0], "alone and in a batch")


def looks_at_its_window_only(entry: Extractor) -> None:
    """Frames outside the declared window, and outside the anchors that interpolation looks at, do not matter."""
    window = entry.spec.window
    start = window.before + window.stride + 6
    stop = start + 6
    frames = stop + window.after + window.stride + 6
    same = run(entry, SyntheticVideo(frames=frames))[0]
    later = SyntheticVideo(frames=frames, seed=1, differs_from=stop + window.after + window.stride)
    earlier = SyntheticVideo(frames=frames, seed=1, differs_until=start - window.before - window.stride)
    _assert_close(same[:stop], run(entry, later)[0][:stop], "with other pictures after the window")
    _assert_close(same[start:], run(entry, earlier)[0][start:], "with other pictures before the window")


def resumes_where_it_stopped(entry: Extractor) -> None:
    """A run that begins with a later chunk gives the bytes of a complete run: nothing is kept between windows."""
    if not entry.spec.deterministic:
        return
    whole, resumed = run(entry, SyntheticVideo())[0][8:], run(entry, SyntheticVideo(), first_chunk=1)[0]
    assert np.array_equal(whole, resumed), "a resumed run differs from a complete one"


def works_on_odd_sizes(entry: Extractor) -> None:
    """Portrait, tiny and odd frame sizes."""
    for size in ((61, 35), (16, 16), (37, 120)):
        assert run(entry, SyntheticVideo(frames=3, size=size))[0].shape == (3, *MAP_SIZE), f"frames of {size}"


def works_on_one_frame(entry: Extractor) -> None:
    """A video of a single frame gets its one map."""
    assert len(run(entry, SyntheticVideo(frames=1))[0]) == 1


def works_on_blank_pictures(entry: Extractor) -> None:
    """Assert that black frames give finite maps."""
    assert len(run(entry, SyntheticVideo(frames=4, blank=True))[0]) == 4


def works_on_hard_faces(entry: Extractor) -> None:
    """Faces across the border, outside the frame, without a size and without a mesh are not an error."""
    assert len(run(entry, SyntheticVideo(frames=4, hard=True))[0]) == 4


def works_on_a_crowd(entry: Extractor) -> None:
    """A hundred faces in a frame get their one map."""
    if entry.spec.needs.faces:
        assert len(run(entry, SyntheticVideo(frames=1, people=100))[0]) == 1


def is_neutral_without_faces(entry: Extractor) -> None:
    """Without people an extractor of faces gives its neutral map; others simply work."""
    maps, _ = run(entry, SyntheticVideo(frames=4, people=0))
    if entry.spec.needs.faces:
        neutral = neutral_map(entry.spec, MAP_SIZE)
        _assert_close(maps, np.repeat(neutral[None], 4, axis=0), "without faces and neutral by its spec")


def works_without_sound(entry: Extractor) -> None:
    """A video without sound is not an error, nor is silence, nor a sound that ends before the pictures."""
    for video in (
        SyntheticVideo(frames=4, sound=False),
        SyntheticVideo(frames=4, loud=0.0),
        SyntheticVideo(frames=40, sound_seconds=0.05),
    ):
        assert len(run(entry, video)[0]) == video.frames


def survives_a_second_video(entry: Extractor) -> None:
    """Assert that nothing of one video leaks into the next: ``begin`` starts anew."""
    runner = CueRunner(entry, {}, RunnerSettings(_asset, MAP_SIZE, chunk=8))
    runner.load()
    results = []
    for video in (SyntheticVideo(frames=8, seed=2), SyntheticVideo(frames=8), SyntheticVideo(frames=8)):
        maps = {name: [np.zeros(MAP_SIZE, np.uint8)] * 8 for name in entry.spec.needs.maps}
        source = replace(video, crop=entry.spec.needs.face_crops, maps=maps)
        runner.begin(source.context(), MAP_SIZE)
        runner.compute_block(0, 7, source)
        results.append(runner.take(0, 7)[0])
    _assert_close(results[1], results[2], "after another video and again")


def tells_serialisable_records(entry: Extractor) -> None:
    """Records survive JSON."""
    _, records = run(entry, SyntheticVideo(frames=4))
    assert json.loads(json.dumps(records, allow_nan=False)) == records, "records change in JSON"


def leaves_its_input_alone(entry: Extractor) -> None:
    """Frames, landmarks, crops and maps are not written to: others look at them too."""
    video = replace(SyntheticVideo(frames=4), crop=entry.spec.needs.face_crops)
    video.maps = {name: [np.full(MAP_SIZE, 9, np.uint8)] * 4 for name in entry.spec.needs.maps}
    plugin = entry.load()(**entry.spec.with_parameters({}))
    plugin.load(torch.device("cpu"), torch.float32, _asset)
    plugin.begin(video.context())
    builder = WindowBuilder(entry.spec, torch.device("cpu"), video.context(), MAP_SIZE)
    windows, untouched = builder.build([0, 2], 3, video), builder.build([0, 2], 3, video)
    plugin.extract(windows)
    if windows.frames is not None and untouched.frames is not None:
        assert torch.equal(windows.frames, untouched.frames), "frames were changed"
    for name, maps in windows.maps.items():
        assert torch.equal(maps, untouched.maps[name]), f"maps of {name} were changed"
    for face, before in zip(_all_faces(windows), _all_faces(untouched), strict=True):
        assert np.array_equal(face.landmarks, before.landmarks), "landmarks were changed"
        assert np.array_equal(face.crop, before.crop), "crops were changed"


def _all_faces(windows: Windows) -> list[Any]:
    return [face for frames in windows.faces for faces in frames for face in faces]


def _assert_close(a: Maps, b: Maps, how: str) -> None:
    difference = int(np.abs(a.astype(int) - b.astype(int)).max(initial=0))
    assert difference <= TOLERANCE, f"maps {how} differ by up to {difference} of 255"


CHECKS: Sequence[Callable[[Extractor], None]] = (
    declares_what_it_is,
    gives_one_map_per_frame,
    is_deterministic,
    does_not_depend_on_the_batch,
    looks_at_its_window_only,
    resumes_where_it_stopped,
    works_on_odd_sizes,
    works_on_one_frame,
    works_on_blank_pictures,
    works_on_hard_faces,
    works_on_a_crowd,
    is_neutral_without_faces,
    works_without_sound,
    survives_a_second_video,
    tells_serialisable_records,
    leaves_its_input_alone,
)


@dataclass(frozen=True)
class CheckVerdict:
    """The outcome of one check; ``reason`` is empty where it passed."""

    check: str
    passed: bool
    reason: str = ""


def check(entry: PluginEntry[Any], root: Path | None = None) -> list[CheckVerdict]:
    """All checks of a plugin; errors of the plugin are verdicts, not exceptions.

    Of other kinds than extractors, integrators, sinks and readers only the declaration is checked. ``root``: the files
    of a data set. Raises UsageError where weights are missing: nothing can be said of the plugin then.
    """
    return [_verdict(each, entry) for each in checks_of(entry, root)]


def checks_of(entry: PluginEntry[Any], root: Path | None = None) -> Sequence[Callable[[PluginEntry[Any]], None]]:
    """The checks of the kind of a plugin."""
    if isinstance(entry.spec, ExtractorSpec):
        return CHECKS
    if isinstance(entry.spec, IntegratorSpec):
        return INTEGRATOR_CHECKS
    if isinstance(entry.spec, SinkSpec):
        return SINK_CHECKS
    if isinstance(entry.spec, ReaderSpec):
        return (declares_what_it_is, *(_on_files(each, root) for each in READER_CHECKS))
    return (declares_what_it_is,)


def _on_files(check: Callable[[PluginEntry[Any], Path | None], None], root: Path | None) -> Callable[[Any], None]:
    @wraps(check)
    def on_root(entry: PluginEntry[Any]) -> None:
        check(entry, root)

    return on_root


def _verdict(check: Callable[[PluginEntry[Any]], None], entry: PluginEntry[Any]) -> CheckVerdict:
    try:
        with guarded(entry.name, check.__name__, own=(AssertionError, GazenetError)):
            check(entry)
    except UsageError:
        raise
    except (AssertionError, GazenetError) as error:
        return CheckVerdict(check.__name__, False, " ".join(str(error).split()))
    except Exception as error:
        return CheckVerdict(check.__name__, False, first_line_of(error))
    return CheckVerdict(check.__name__, True)
