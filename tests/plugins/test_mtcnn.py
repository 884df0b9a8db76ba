"""MTCNN: reference values of networks and cascade, geometry, the detector from the published files."""

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
from gazenet_plugins.mtcnn.cascade import Cascade, CascadeSettings, crops_of, moved, squared
from gazenet_plugins.mtcnn.detector import FILES, MtcnnDetector

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"
ALL = [golden for golden in find([GOLDENS]) if golden.path.stem.startswith("mtcnn")]


@pytest.mark.parametrize("golden", [g for g in ALL if "published" not in g.name], ids=lambda g: g.name)
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.data
@pytest.mark.parametrize("golden", [g for g in ALL if "published" in g.name], ids=lambda g: g.name)
def test_golden_with_published_weights(golden: Golden, test_data: Path) -> None:
    verdict = judge(golden, 1e-4)
    if verdict.state == "skipped":
        pytest.skip(verdict.reason)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of look-alikes of the published files, which take everything for a face."""
    folder = tmp_path_factory.mktemp("mtcnn")
    cascade = Cascade(CascadeSettings())
    for name, file in FILES.items():
        state = filled_state(cascade.get_submodule(name))
        decision = next(key for key in state if key.endswith("_1.bias"))
        state[decision] = torch.tensor([-9.0, 9.0])
        torch.save(state, folder / file)
    return folder


def test_the_pyramid_ends_where_the_picture_is_one_proposal() -> None:
    cascade = Cascade(CascadeSettings())
    scales = cascade.scales(100, 300)
    assert scales[0] == pytest.approx(0.6) and 100 * scales[-1] >= 12 > 100 * scales[-1] * 0.709
    assert cascade.scales(19, 300) == []
    assert Cascade(CascadeSettings(smallest=40)).scales(100, 300)[0] == pytest.approx(0.3)


def test_corners_move_in_parts_of_the_sides() -> None:
    box = np.array([[10, 20, 29, 59]], np.float32)
    assert moved(box, np.array([[0.5, 0, 0, -0.25]], np.float32), 1).tolist() == [[20, 20, 29, 49]]
    assert squared(np.array([[10, 20, 30, 60]], np.float32)).tolist() == [[0, 20, 40, 60]]
    assert squared(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_crops_are_counted_from_one_and_those_outside_are_left_out() -> None:
    picture = torch.arange(20.0).view(1, 1, 1, 20).expand(1, 3, 20, 20)
    boxes = np.array([[3.9, 1, 4.2, 20], [30, 1, 40, 9], [-5, -5, 2, 2]], np.float32)
    crops, inside = crops_of(picture, boxes, 2)
    assert inside.tolist() == [0, 2] and crops.shape == (2, 3, 2, 2)
    assert crops[0, 0].tolist() == [[2, 3], [2, 3]] and crops[1, 0].tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("name", ["mtcnn", "mtcnn_published"])
def test_the_platform_finds_and_runs_it(name: str, weights: Path) -> None:
    stage = FaceStage(get(name, "gazenet.face_detectors", FaceModelSpec), lambda asset: weights, score=0.0)
    stage.load()
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    (found,) = stage.detect([image], (60, 80))
    assert found and all(face["score"] > 0.7 for face in found)


@pytest.mark.parametrize("size", [(8, 8), (25, 300)])
def test_pictures_without_room_for_a_face(size: tuple[int, int], weights: Path) -> None:
    detector = MtcnnDetector(str(weights / "rnet.pt"), settings=CascadeSettings(thresholds=(2.0, 0.7, 0.7)))
    detector.load(Path)
    assert detector.detect(np.zeros((*size, 3), np.uint8)).shape == (0, 15)


def test_channels_are_swapped_as_published(weights: Path) -> None:
    image = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    plain, published = MtcnnDetector(str(weights)), MtcnnDetector(str(weights), published=True)
    plain.load(Path)
    published.load(Path)
    np.testing.assert_array_equal(plain.detect(image[..., ::-1]), published.detect(image))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pnet\.pt: no such file"):
        MtcnnDetector(str(tmp_path)).load(Path)
