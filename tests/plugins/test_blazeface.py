"""BlazeFace: squares, decoding, blending, the detector from a published file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.registry import get
from gazenet.errors import UsageError
from gazenet_plugins.blazeface.decode import FrameSquare, blended, candidates, in_frame, network_input, squares
from gazenet_plugins.blazeface.detector import BackBlazeFace, BlazeFaceDetector
from gazenet_plugins.blazeface.network import BlazeFace, anchors
from tests.checkpoints import blazeface_state

FILES = {"blazeface": "blazeface.pth", "blazeface_back": "blazefaceback.pth"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with look-alikes of both published files: bare state dicts."""
    folder = tmp_path_factory.mktemp("blazeface")
    for back, file in enumerate(FILES.values()):
        torch.save(blazeface_state(bool(back)), folder / file)
    return folder


def test_keys_and_sizes_are_the_published_ones() -> None:
    front, back = BlazeFace().state_dict(), BlazeFace(back=True).state_dict()
    assert front["backbone1.2.convs.0.weight"].shape == (24, 1, 3, 3)
    assert front["backbone1.12.convs.1.weight"].shape == (88, 80, 1, 1)
    assert front["backbone2.4.convs.1.bias"].shape == (96,)
    assert back["backbone.32.convs.1.weight"].shape == (96, 96, 1, 1) and "backbone.33.convs.1.weight" not in back
    assert back["final.convs.0.weight"].shape == (96, 1, 3, 3)
    assert {len(front), len(back)} == {74, 138}


@pytest.mark.parametrize("back", [False, True])
def test_the_network_gives_a_box_per_anchor(back: bool) -> None:
    network = BlazeFace(back).eval()
    with torch.inference_mode():
        boxes, logits = network(torch.zeros(2, 3, network.side, network.side))
    assert boxes.shape == (2, 896, 16) and logits.shape == (2, 896)


def test_anchors_are_the_middles_of_the_cells() -> None:
    found = anchors()
    assert found.shape == (896, 2)
    torch.testing.assert_close(
        found[:5], torch.tensor([[0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [1.5, 0.5], [2.5, 0.5]]) / 16
    )
    torch.testing.assert_close(
        found[[512, 517, 518, -1]], torch.tensor([[0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [7.5, 7.5]]) / 8
    )


@pytest.mark.parametrize(
    ("shape", "centre", "corners"),
    [
        ((100, 100), False, [(0, 0)]),
        ((100, 190), False, [(0, 0), (90, 0)]),
        ((310, 100), False, [(0, 0), (0, 70), (0, 140), (0, 210)]),
        ((100, 190), True, [(45, 0)]),
    ],
)
def test_squares_cover_the_frame(shape: tuple[int, int], centre: bool, corners: list[tuple[int, int]]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, shape[1]).astype(np.uint8)
    image[..., 1] = np.linspace(0, 255, shape[0]).astype(np.uint8)[:, None]
    found = squares(image, 128, centre)
    assert [square.corner for square in found] == corners
    for square in found:
        assert square.pixels.shape == (128, 128, 3)
        x, y = square.corner
        want = image[y : y + 100, x : x + 100].astype(float).mean((0, 1))
        np.testing.assert_allclose(square.pixels.astype(float).mean((0, 1)), want, atol=3)
    assert network_input(found).shape == (len(corners), 3, 128, 128)


def test_an_answer_becomes_a_face_of_the_frame() -> None:
    boxes, logits = torch.zeros(896, 16), torch.full((896,), -200.0)
    logits[2 * 17] = 200.0
    boxes[2 * 17, :6] = torch.tensor([12.8, 0, 32, 64, -12.8, 25.6])
    (face,) = candidates(boxes, logits, 128, 0.5)
    x, y = 1.5 / 16, 1.5 / 16
    np.testing.assert_allclose(
        face[:7], [x + 0.1 - 0.125, y - 0.25, x + 0.1 + 0.125, y + 0.25, 1, x - 0.1, y + 0.2], atol=1e-6
    )
    pixels = in_frame(face[None], FrameSquare(np.zeros((1, 1, 3), np.uint8), (50, 7)), 200)[0]
    np.testing.assert_allclose(pixels[:4], face[:4] * 200 + [50, 7, 50, 7], atol=1e-4)
    np.testing.assert_allclose(pixels[4:7], [1, face[5] * 200 + 50, face[6] * 200 + 7], atol=1e-4)


def test_overlapping_candidates_become_their_weighted_mean() -> None:
    found = np.zeros((4, 17), np.float32)
    found[:, :5] = [[0, 0, 10, 10, 0.6], [50, 50, 60, 60, 0.7], [2, 0, 12, 10, 0.9], [3, 3, 3, 3, 0.55]]
    faces = blended(found)
    np.testing.assert_allclose(faces[:, 4], [0.75, 0.7, 0.55])
    np.testing.assert_allclose(faces[0, :4], [1.2, 0, 11.2, 10], atol=1e-5)
    assert blended(found[:0]).shape == (0, 17)


@pytest.mark.parametrize("name", FILES)
def test_the_platform_finds_and_runs_it(name: str, weights: Path) -> None:
    entry = get(name, "gazenet.face_detectors", FaceModelSpec)
    stage = FaceStage(entry, lambda asset: weights / FILES[asset], max_side=64, score=0.0)
    stage.load()
    image = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    (found,) = stage.detect([image], (140, 180))
    assert found and all(face["score"] >= 0.5 for face in found)
    stage.detect([np.zeros((5, 6, 3), np.uint8)], (5, 6))


def test_eyes_and_nose_are_told(weights: Path) -> None:
    detector = BlazeFaceDetector(str(weights))
    detector.load(Path)
    found = detector.detect(np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8))
    assert found.shape[1] == 15 and np.isfinite(found[:, :11]).all() and np.isnan(found[:, 11:]).all()
    nobody = BlazeFaceDetector(str(weights), score=2.0)
    nobody.load(Path)
    assert nobody.detect(np.zeros((33, 40, 3), np.uint8)).shape == (0, 15)


def test_given_weights_stand_for_the_asset(weights: Path, tmp_path: Path) -> None:
    def forbidden(asset: str) -> Path:
        raise AssertionError(asset)

    BlazeFaceDetector(str(weights)).load(forbidden)
    with pytest.raises(UsageError, match=r"contains no blazefaceback\.pth"):
        BackBlazeFace(str(tmp_path)).load(forbidden)
    with pytest.raises(UsageError, match=r"is not a checkpoint of BlazeFace: .*missing.*unexpected"):
        BackBlazeFace(str(weights / FILES["blazeface"])).load(forbidden)
