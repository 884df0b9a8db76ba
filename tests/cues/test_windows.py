"""Sizes, crops and the contents of windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, Needs, WindowSpec
from gazenet.cues.windows import WindowBuilder, crop_face, input_size, resize
from gazenet.testing.synthetic import SyntheticVideo


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((288, 384), (288, 384)),
        ((1080, 1920), (216, 384)),
        ((1920, 1080), (288, 168)),
        ((720, 1280), (216, 384)),
        ((2160, 4096), (208, 384)),
        ((16, 16), (288, 288)),
        ((1, 1000), (8, 384)),
    ],
)
def test_kept_aspect_fits_inside_and_rounds_up(frame: tuple[int, int], expected: tuple[int, int]) -> None:
    wanted = InputSpec(height=288, width=384, keep_aspect=True, multiple_of=8)
    assert input_size(wanted, *frame) == expected
    assert input_size(InputSpec(height=288, width=384), *frame) == (288, 384)


def test_small_frames_stay_as_they_are_where_nothing_is_enlarged() -> None:
    wanted = InputSpec(height=100, width=100, keep_aspect=True, enlarge=False)
    assert input_size(wanted, 40, 90) == (40, 90)
    assert input_size(wanted, 50, 200) == (25, 100)


def test_shrinking_averages() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[::2, ::2] = 200
    assert (resize(image, (2, 2)) == 50).all()
    assert resize(image, (4, 4)) is image
    assert resize(image, (9, 7)).shape == (9, 7, 3)


def test_a_crop_is_the_square_around_the_box() -> None:
    image = np.arange(20 * 30 * 3, dtype=np.uint32).reshape(20, 30, 3).astype(np.uint8)
    assert np.array_equal(crop_face(image, (10, 6, 16, 14), 8), image[6:14, 9:17])


def test_a_crop_is_black_outside_the_image() -> None:
    image = np.full((20, 30, 3), 90, np.uint8)
    crop = crop_face(image, (-4, -4, 4, 4), 8)
    assert (crop[:4] == 0).all() and (crop[:, :4] == 0).all() and (crop[4:, 4:] == 90).all()
    assert (crop_face(image, (100, 100, 120, 120), 16) == 0).all()
    assert crop_face(image, (5, 5, 5, 5), 16).shape == (16, 16, 3)


def spec(**more: object) -> ExtractorSpec:
    return ExtractorSpec.model_validate(
        {"name": "probe", "summary": "", "cue": "other", "implementation": "a:B", **more}
    )


def build(wanted: ExtractorSpec, video: SyntheticVideo, anchors: list[int], last: int | None):  # type: ignore[no-untyped-def]
    return WindowBuilder(wanted, torch.device("cpu"), video.context(), (9, 16)).build(anchors, last, video)


def test_windows_hold_the_frames_around_each_anchor_clamped_at_the_ends() -> None:
    video = SyntheticVideo(frames=6)
    wanted = spec(window=WindowSpec(before=2, after=1), input=InputSpec(height=72, width=128))
    windows = build(wanted, video, [0, 3, 5], 5)
    assert windows.frames.shape == (3, 4, 3, 72, 128) and windows.frames.dtype == torch.uint8
    expected = [[0, 0, 0, 1], [1, 2, 3, 4], [3, 4, 5, 5]]
    for b, row in enumerate(expected):
        for place, index in enumerate(row):
            assert np.array_equal(windows.frames[b, place].permute(1, 2, 0).numpy(), video.image(index))
    assert np.allclose(windows.times, np.array(expected) / 25)
    assert windows.index.tolist() == [0, 3, 5] and windows.anchor == 2 and len(windows) == 3
    assert windows.size == (72, 128) and windows.map_size == (9, 16)


def test_only_what_is_asked_for_is_given() -> None:
    windows = build(spec(), SyntheticVideo(frames=2), [0, 1], 1)
    assert windows.frames is None and windows.faces == [] and windows.maps == {}


def test_crops_come_with_the_faces_of_the_anchor_only() -> None:
    wanted = spec(window=WindowSpec(before=1), needs=Needs(faces=True, face_crops=24))
    windows = build(wanted, SyntheticVideo(frames=3, crop=40), [1], 2)
    before, anchor = windows.faces[0]
    assert [face.crop for face in before] == [None, None]
    assert [face.crop.shape for face in anchor] == [(24, 24, 3), (24, 24, 3)]
    with pytest.raises(ValueError, match="frame 1: the face of track 0 comes without the crop"):
        build(wanted, SyntheticVideo(frames=3), [1], 2)


def test_maps_of_others_are_those_of_the_anchors_in_0_to_1() -> None:
    maps = [np.full((9, 16), 51 * index, np.uint8) for index in range(3)]
    windows = build(spec(needs=Needs(maps=("other",))), SyntheticVideo(frames=3, maps={"other": maps}), [0, 2], 2)
    assert windows.maps["other"].shape == (2, 9, 16) and windows.maps["other"].dtype == torch.float32
    assert torch.allclose(windows.maps["other"][:, 0, 0], torch.tensor([0.0, 0.4]))


def test_a_frame_that_windows_share_is_asked_for_once() -> None:
    asked: list[int] = []

    class Counting(SyntheticVideo):
        def image(self, index: int) -> np.ndarray:
            asked.append(index)
            return super().image(index)

    wanted = spec(window=WindowSpec(before=4, after=4), input=InputSpec(height=9, width=16))
    video = Counting(frames=20)
    builder = WindowBuilder(wanted, torch.device("cpu"), video.context(), (9, 16))
    builder.build(range(8), 19, video)
    builder.build(range(8, 16), 19, video)
    assert sorted(asked) == list(range(20))
    builder.forget()
    builder.build([0], 19, video)
    assert len(asked) == 25
