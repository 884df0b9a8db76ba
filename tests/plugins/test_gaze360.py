"""Gaze360: reference values, geometry of crops and angles, the extractor from a published container to maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.cues.extractor import Face, Windows
from gazenet.cues.registry import PluginEntry, get
from gazenet.errors import UsageError
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, find, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.gaze360 import extractor, published_map
from gazenet_plugins.gaze360.crops import by_index, followed
from gazenet_plugins.gaze360.network import cartesian
from tests.checkpoints import EXTRACTORS
from tests.goldens.gaze360 import angle_degrees

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"
NAMES = ("gaze360_b2_flat", "gaze360_b1", "gaze360_loss", "map_gaze_one", "map_gaze_two")


def sized(golden: Golden):
    marks = [pytest.mark.slow] if golden.path.stem == "gaze360_b1" else []
    return pytest.param(golden, marks=marks, id=golden.path.stem)


@pytest.mark.parametrize("golden", [sized(golden) for golden in find([GOLDENS / f"{name}.json" for name in NAMES])])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["gaze360"].save(tmp_path_factory.mktemp("gaze360"))


@pytest.fixture(autouse=True)
def small_crops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The network takes any size; small crops make the tests fast."""
    monkeypatch.setattr(extractor, "SIDE", 32)
    yield


def entry_with(weights: Path, **parameters: object) -> PluginEntry:
    entry = get("gaze360")
    given = {**entry.spec.parameters, "weights": str(weights), **parameters}
    return replace(entry, spec=entry.spec.model_copy(update={"parameters": given}))


@pytest.mark.parametrize("mode", ["published", "corrected"])
def test_records_and_maps_of_both_modes(mode: str, weights: Path) -> None:
    maps, records = run(entry_with(weights, mode=mode), SyntheticVideo(frames=3))
    assert maps.max() > 20 and len(records[1]["faces"]) == 2
    face = records[1]["faces"][0]
    yaw, pitch = np.deg2rad([-face["yaw"], face["pitch"]])
    np.testing.assert_allclose(cartesian(torch.tensor([yaw, pitch])).numpy(), face["gaze"], atol=1e-3)
    assert 0 < face["half_width"] < 180


def test_the_modes_differ_and_exact_is_near_to_fast(weights: Path) -> None:
    video = SyntheticVideo(frames=1, people=1)
    corrected = run(entry_with(weights), video)[0].astype(float)
    fast = run(entry_with(weights, mode="published"), video)[0].astype(float)
    exact = run(entry_with(weights, mode="published", exact=True), video)[0].astype(float)
    assert np.abs(corrected - fast).mean() > 20
    assert np.abs(exact - fast).mean() < 12 and np.corrcoef(exact.ravel(), fast.ravel())[0, 1] > 0.98


def test_a_folder_stands_for_its_checkpoint_and_a_wrong_file_is_named(weights: Path, tmp_path: Path) -> None:
    def forbidden(asset_id: str) -> Path:
        raise AssertionError(asset_id)

    extractor.Gaze360Cue(weights=str(weights.parent)).load(torch.device("cpu"), torch.float32, forbidden)
    torch.save({"state_dict": {"module.fc.weight": torch.zeros(2, 2)}}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth: is not a checkpoint of Gaze360"):
        extractor.Gaze360Cue(weights=str(tmp_path / "other.pth")).load(torch.device("cpu"), torch.float32, forbidden)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="published, corrected"):
        extractor.Gaze360Cue(mode="legacy")


def test_into_the_camera_points_nowhere_and_left_is_left() -> None:
    vectors = cartesian(torch.tensor([[0.0, 0.0], [torch.pi / 2, 0.0], [0.0, torch.pi / 2]]))
    torch.testing.assert_close(vectors, torch.tensor([[0.0, 0, -1], [1, 0, 0], [0, 1, 0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(angle_degrees(torch.tensor([[0.3, 0.2]]), torch.tensor([[0.3, 0.2]])), torch.zeros(1))


def face(track: int, left: float) -> Face:
    return Face(track, (left, 10.0, left + 20, 30.0), 0.9)


def test_tracks_are_followed_and_nearest_sights_stand_in() -> None:
    frame, size = torch.zeros(3, 100, 200, dtype=torch.uint8), (100, 200)
    faces = [[face(0, 20.0), face(1, 100.0)] if j != 5 else [face(1, 100.0)] for j in range(7)]
    places = followed(faces[3][0], faces, list(range(7)), frame, size)
    assert [place.position for place in places] == [0, 1, 2, 3, 4, 4, 6]
    assert len({place.box for place in places}) == 1 and places[0].box[0] < 20


def test_published_indices_mix_people_up_when_faces_disappear() -> None:
    frame, size = torch.zeros(3, 50, 100, dtype=torch.uint8), (100, 200)
    faces = [[face(0, 20.0), face(1, 100.0)] if j != 1 else [face(1, 60.0)] for j in range(7)]
    places = by_index(1, faces, list(range(7)), frame, size)
    assert [place.position for place in places] == [0, 3, 2, 3, 4, 5, 6]
    assert {place.box for place in places} == {(50, 5, 60, 15)}
    assert by_index(0, faces, list(range(7)), frame, size)[1].box == (30, 5, 40, 15)


def windows() -> Windows:
    """One window whose picture tells the frame by its brightness."""
    pixels = torch.arange(19, dtype=torch.uint8).mul(10).view(1, 19, 1, 1, 1).expand(1, 19, 3, 40, 60)
    return Windows(
        index=np.array([30]),
        times=np.zeros((1, 19)),
        size=(40, 60),
        map_size=(20, 30),
        anchor=9,
        frames=pixels,
        faces=[[(face(0, 10.0),)] * 19],
    )


@pytest.mark.parametrize(
    ("rate", "mode", "step"), [(30, "corrected", 3), (12, "corrected", 1), (60, "corrected", 3), (30, "published", 1)]
)
def test_frames_lie_about_an_eighth_of_a_second_apart(
    rate: float, mode: str, step: int, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cue = extractor.Gaze360Cue(mode=mode, weights=str(weights))
    cue.load(torch.device("cpu"), torch.float32, lambda asset: weights)
    cue.begin(replace(SyntheticVideo().context(), rate=float(rate)))
    seen: list[int] = []
    cut = extractor.cut

    def spy(frame: torch.Tensor, *rest: object) -> object:
        seen.append(int(frame[0, 0, 0]) // 10)
        return cut(frame, *rest)

    monkeypatch.setattr(extractor, "cut", spy)
    cue.extract(windows())
    assert seen == [9 + step * j for j in range(-3, 4)]
    cue.extract(windows())
    assert len(seen) == 7, "features of known crops are not computed again"


def test_a_flat_field_is_full() -> None:
    assert (published_map.levels(np.zeros((2, 3))) == 255).all()


def test_later_faces_weigh_more() -> None:
    low, high = np.array([[0.0, 9.0]]), np.array([[9.0, 0.0]])
    np.testing.assert_allclose(published_map.grey([low, high]), [[1 / 3, 2 / 3]], atol=0.01)
