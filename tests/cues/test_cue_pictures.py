"""Coloured pictures of cues: who gives them, in which form they are kept, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from gazenet.cues.colour_pictures import INTEGRATOR_SIZE, coloured, integrator_planes, rgb, rounded_down
from gazenet.cues.extractor import CueMaps, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec, WindowSpec
from gazenet.cues.runner import CueRunner, RunnerSettings
from gazenet.errors import PluginError
from gazenet.testing.fakes import entry_of
from gazenet.testing.synthetic import SyntheticVideo


def of_index(windows: Windows) -> list[np.ndarray]:
    """One colour per frame."""
    return [np.full((30, 50, 3), (int(k), 2 * int(k), 200), np.uint8) for k in windows.index]


def painter(pictures: Callable[[Windows], Any], **more: Any) -> type[Any]:
    """A class of an extractor that gives these pictures in its published mode."""

    class Painter:
        spec = ExtractorSpec(
            name="painter",
            summary="",
            cue="other",
            implementation="a:B",
            pictures=True,
            parameters={"mode": "published"},
            **more,
        )

        def __init__(self, mode: str) -> None:
            self.mode = mode

        def load(self, device: torch.device, dtype: torch.dtype, asset_path: Any) -> None:
            """No weights."""

        def begin(self, video: VideoContext) -> None:
            """Nothing is kept."""

        def extract(self, windows: Windows) -> CueMaps:
            return CueMaps(torch.zeros(len(windows), *windows.map_size), pictures=pictures(windows))

    return Painter


def runner_of(cls: type[Any], **parameters: str) -> CueRunner:
    return CueRunner(entry_of(cls), parameters, RunnerSettings(Path, (6, 8), chunk=8))


def run(cls: type[Any], frames: int = 20, **parameters: str) -> list[np.ndarray]:
    """The pictures of every chunk of eight frames."""
    runner, video = runner_of(cls, **parameters), SyntheticVideo(frames)
    runner.begin(video.context())
    chunks = range(-(-frames // 8))
    for k in chunks:
        runner.compute_block(k, frames - 1, video)
    found = []
    for k in chunks:
        found.append(runner.pictures(k, frames - 1))
        runner.take(k, frames - 1)
    return found


def test_pictures_come_chunk_by_chunk_as_planes() -> None:
    found = run(painter(of_index))
    assert [one.shape for one in found] == [
        (8, 3, *INTEGRATOR_SIZE),
        (8, 3, *INTEGRATOR_SIZE),
        (4, 3, *INTEGRATOR_SIZE),
    ]
    whole = np.concatenate(found)
    assert whole[:, 0, 5, 5].tolist() == list(range(20)) and (whole[:, 2] == 200).all()


def test_between_anchors_the_last_picture_stays() -> None:
    whole = np.concatenate(run(painter(of_index, window=WindowSpec(stride=3))))
    assert whole[:, 0, 0, 0].tolist() == [k // 3 * 3 for k in range(20)]


def test_only_the_published_mode_gives_pictures() -> None:
    with_mode, without = painter(of_index).spec, painter(of_index).spec.model_copy(update={"parameters": {}})
    assert with_mode.pictures_with({"mode": "published"}) and not with_mode.pictures_with({"mode": "corrected"})
    assert without.pictures_with({}) and not without.model_copy(update={"pictures": False}).pictures_with({})
    assert not runner_of(painter(of_index), mode="corrected").makes_pictures


def test_pictures_are_brought_to_the_published_size_in_two_steps() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    shown = cv2.resize(picture, (500, 500), interpolation=cv2.INTER_LINEAR)
    want = cv2.resize(shown, (120, 120), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(integrator_planes(picture).transpose(1, 2, 0), want)
    assert np.array_equal(rgb(rgb(picture)), picture) and rgb(picture)[0, 0].tolist() == picture[0, 0, ::-1].tolist()


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (lambda windows: None, "pictures: none, expected one per map"),
        (lambda windows: of_index(windows)[1:], "pictures: 7, expected one per map"),
        (lambda windows: [one[..., 0] for one in of_index(windows)], r"the picture is uint8 \(30, 50\)"),
        (lambda windows: [one / 255 for one in of_index(windows)], "the picture is float64"),
        (lambda windows: ["red"] * len(windows), "the picture is str"),
    ],
)
def test_what_is_no_picture_is_refused(pictures: Callable[[Windows], Any], message: str) -> None:
    with pytest.raises(PluginError, match=f"^painter: .*{message}"):
        run(painter(pictures), 8)


def test_pictures_are_asked_for_before_the_maps() -> None:
    runner, video = runner_of(painter(of_index)), SyntheticVideo(16)
    runner.begin(video.context())
    with pytest.raises(ValueError, match="chunk 0 is not ready"):
        runner.pictures(0, 15)


def test_saliency_is_coloured_by_rounding_down_before_it_is_stretched() -> None:
    levels = np.array([[0, 1], [254, 255]])
    for values in ((levels / 255).astype(np.float32), (np.minimum(levels + 0.9, 255) / 255).astype(np.float32)):
        assert np.array_equal(rounded_down(values), levels)
    (picture,) = coloured([np.array([[0.0, 1.0]], np.float32)], (1, 4))
    assert picture[0, 0].tolist() == [0, 0, 128] and picture[0, 3].tolist() == [128, 0, 0], "RGB of jet's ends"
    assert picture[0, 1].tolist() == [32, 0, 96], "colours are mixed, not levels"
