"""Colours are those of OpenCV, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gazenet.errors import UsageError
from gazenet.maps.colours import colour_of, colourise, colourise_tensor, decolourise, names, table

GREY = np.random.default_rng(0).integers(0, 256, (3, 8, 9), dtype=np.uint8)


def test_the_usual_names_are_known() -> None:
    assert {"jet", "bone", "hot", "viridis", "inferno", "turbo", "hsv", "pink", "grey"} <= set(names())


@pytest.mark.parametrize("name", [name for name in names() if name != "grey"])
def test_equal_to_opencv(name: str) -> None:
    code = getattr(cv2, f"COLORMAP_{name.upper()}")
    expected = np.stack([cv2.applyColorMap(image, code)[..., ::-1] for image in GREY])
    assert np.array_equal(colourise(GREY, name), expected)
    assert np.array_equal(colourise_tensor(torch.from_numpy(GREY), name).numpy(), expected)


@pytest.mark.parametrize(
    ("name", "place", "bgr"),
    [("jet", 0, (128, 0, 0)), ("jet", 255, (0, 0, 128)), ("bone", 255, (255, 255, 255)), ("bone", 0, (0, 0, 0))],
)
def test_values_that_published_pictures_have(name: str, place: int, bgr: tuple[int, int, int]) -> None:
    assert tuple(table(name)[place][::-1].tolist()) == bgr
    assert np.array_equal(table(name.upper()), table(name))


def test_grey_of_bone_is_that_of_the_published_metrics(test_data_goldens: Path) -> None:
    golden = json.loads((test_data_goldens / "bone_grey.json").read_text())
    grey = cv2.cvtColor(np.ascontiguousarray(table("bone")[None, :, ::-1]), cv2.COLOR_BGR2GRAY)[0]
    assert grey.tolist() == golden
    assert (np.diff(grey.astype(int)) >= 0).all() and np.abs(grey.astype(int) - np.arange(256)).max() <= 8


@pytest.fixture
def test_data_goldens() -> Path:
    return Path(__file__).parents[1] / "data" / "goldens" / "maps"


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="'jett': unknown \\(did you mean 'jet'\\?\\); known: autumn, bone"):
        table("jett")


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_only_bytes_have_colours(dtype: type) -> None:
    with pytest.raises(ValueError, match="uint8"):
        colourise(GREY.astype(dtype), "jet")
    with pytest.raises(ValueError, match="uint8"):
        colourise_tensor(torch.from_numpy(GREY.astype(dtype)), "jet")


def test_a_table_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        table("jet")[0] = 0
    colourise_tensor(torch.from_numpy(GREY), "jet").zero_()
    assert colourise(GREY, "jet").any()


@pytest.mark.parametrize("name", ["jet", "bone", "hot", "viridis", "inferno", "grey"])
def test_every_value_comes_back_from_its_colour(name: str) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    values = decolourise(colourise(ramp, name), name).astype(int)[0]
    # Where a colour map stands still, neighbours cannot be told apart; what matters is the colour.
    error = np.abs(table(name)[values].astype(int) - table(name)[ramp[0]]).max()
    assert error <= 8 and np.abs(values - ramp[0]).max() <= 4


@pytest.mark.parametrize("name", names())
def test_black_is_nothing_also_in_maps_without_black(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 3, (9, 9, 3), dtype=np.uint8)
    assert (decolourise(noise, name) <= 3).all()


def test_colours_of_published_pictures() -> None:
    assert colour_of("det_transformed_gaze360") == "jet" and colour_of("transformed_salmap_p3") == "bone"
    assert colour_of("transformed_fixmap") == "grey" and colour_of("captured") is None
    assert colour_of("det_source_esr9") is None
