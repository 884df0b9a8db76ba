"""Colours are those of OpenCV, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gazenet.errors import UsageError
from gazenet.maps.colours import colourise, colourise_tensor, names, table

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
