"""S3FD: reference values, decoding, the detector from a published file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.registry import get
from gazenet.errors import UsageError
from gazenet.testing.goldens import Golden, filled_state, find, judge
from gazenet_plugins.s3fd.decode import candidates, faces
from gazenet_plugins.s3fd.detector import S3fdDetector, network_input
from gazenet_plugins.s3fd.network import STRIDES, S3fd
from tests.goldens.detectors import published_boxes

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"


@pytest.mark.parametrize(
    "golden", list(find([GOLDENS / f"{n}.json" for n in ("s3fd", "s3fd_decode")])), ids=lambda g: g.name
)
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A look-alike of the published file: a bare state dict."""
    path = tmp_path_factory.mktemp("s3fd") / "s3fd-619a316812.pth"
    torch.save(filled_state(S3fd()), path)
    return path


def heads(
    stride: int, row: int, column: int, offset: tuple[float, float, float, float]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Heads of a 128 x 128 picture with one sure face."""
    made = []
    for s in STRIDES:
        classes, boxes = torch.zeros(1, 2, 128 // s, 128 // s), torch.zeros(1, 4, 128 // s, 128 // s)
        classes[:, 0] = 9
        if s == stride:
            classes[0, 1, row, column] = 19
            boxes[0, :, row, column] = torch.tensor(offset)
        made.append((classes, boxes))
    return made


def test_a_cell_becomes_the_box_around_it() -> None:
    (box,) = candidates(heads(8, 3, 5, (0.0, 0.0, 0.0, 0.0)))
    np.testing.assert_allclose(box[:4], [44 - 16, 28 - 16, 44 + 16, 28 + 16], atol=1e-4)
    (moved,) = candidates(heads(8, 3, 5, (5.0, 0.0, 0.0, 5 * np.log(2))))
    np.testing.assert_allclose(moved[:4], [44, 28 - 32, 76, 28 + 32], atol=1e-3)


def test_overlapping_candidates_go_and_published_boxes_are_whole() -> None:
    found = np.array(
        [[0, 0, 9, 9, 0.9], [1, 0, 9, 9, 0.95], [-3.5, 20, 9.9, 30, 0.6], [50, 50, 60, 60, 0.4]], np.float32
    )
    stay = faces(found)
    np.testing.assert_allclose(stay[:, 4], [0.95, 0.6])
    assert published_boxes(stay).tolist() == [[0, 9, 9, 1], [20, 9, 30, 0]]


def test_the_mean_meets_its_channels_unless_published() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    image[:] = (123, 117, 104)
    assert network_input(image, published=False).abs().max() == 0
    assert network_input(image, published=True)[0, :, 0, 0].tolist() == [19, 0, -19]
    assert network_input(image[:3, :4], published=False).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("name", ["s3fd", "s3fd_published"])
def test_the_platform_finds_and_runs_it(name: str, weights: Path) -> None:
    entry = get(name, "gazenet.face_detectors", FaceModelSpec)
    stage = FaceStage(entry, lambda asset: weights, max_side=64, score=0.0)
    stage.load()
    image = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    (found,) = stage.detect([image], (140, 180))
    assert found and all(len(face["box"]) == 4 and face["score"] > 0.5 for face in found)
    assert len(stage.detect([np.zeros((5, 6, 3), np.uint8)], (5, 6))) == 1, "tiny pictures are no error"


def test_given_weights_stand_for_the_asset(weights: Path, tmp_path: Path) -> None:
    def forbidden(asset: str) -> Path:
        raise AssertionError(asset)

    S3fdDetector(str(weights.parent)).load(forbidden)
    with pytest.raises(UsageError, match=r"contains no s3fd-619a316812\.pth"):
        S3fdDetector(str(tmp_path)).load(forbidden)


def test_without_a_face_there_are_no_rows(weights: Path) -> None:
    detector = S3fdDetector(str(weights), score=2.0)
    detector.load(Path)
    assert detector.detect(np.zeros((33, 40, 3), np.uint8)).shape == (0, 15)
