"""The gallery's pictures from a prediction made by hand."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from gazenet.cues.extractor import Face
from gazenet.inference.results import Prediction
from gazenet.media.encode import VideoWriter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "showcase" / "make_gallery.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_gallery"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prediction() -> Prediction:
    one = np.zeros((10, 9, 16), np.float32)
    one[:, 4, 8] = 1
    maps = np.zeros((10, 9, 16), np.uint8)
    maps[6, 2, 2] = 250
    face = (Face(0, (100.0, 40.0, 180.0, 140.0), 0.9),)
    cues = {"saliency": maps, "gaze_direction": maps // 2}
    return Prediction(
        one, np.arange(10) / 25, np.full((10, 2), 0.5, np.float32), tuple(cues), cues, {}, [face] * 10, {}
    )


def test_three_pictures_are_made(gallery: ModuleType, prediction: Prediction, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    with VideoWriter(video, 320, 180, Fraction(25)) as writer:
        for k in range(10):
            writer.write(np.full((180, 320, 3), 100, np.uint8), k / 25)
    folder = tmp_path / "gallery"
    gallery.make_gallery(video, prediction, folder)
    overlay, sheet = (cv2.imread(str(folder / name)) for name in ("overlay.png", "cues.png"))
    assert overlay.shape == (180, 320, 3) and overlay.std() > 5
    assert sheet.shape[1] == 3 * (gallery.TILE_SIZE + gallery.GAP)
    root = ElementTree.parse(folder / "architecture.svg").getroot()
    assert root.tag.endswith("svg") and "GASP" in "".join(root.itertext())


def test_the_telling_frame_is_the_one_with_the_strongest_cues(gallery: ModuleType, prediction: Prediction) -> None:
    assert gallery.telling_frame(prediction) == 6


def test_a_silent_cue_looks_silent(gallery: ModuleType) -> None:
    image = np.full((90, 160, 3), 120, np.uint8)
    faint, strong = np.zeros((9, 16), np.uint8), np.zeros((9, 16), np.uint8)
    faint[4, 8], strong[4, 8] = 12, 255
    quiet, loud = (gallery._tile(image, one, "x", (0, 0, 0))[100:140, 180:240, 0].mean() for one in (faint, strong))
    assert loud > quiet + 20


def test_an_index_beyond_the_video_is_refused(gallery: ModuleType, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    with VideoWriter(video, 32, 32, Fraction(25)) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8), 0.0)
    with pytest.raises(ValueError, match="no frame 5"):
        gallery.frame_at(video, 5)
