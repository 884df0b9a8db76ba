"""Generated motions are a fair task, pointing accuracy is what it says, and a trained ST-ABN looks at what moves."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gazenet.cli.train import main
from gazenet.errors import UsageError
from gazenet_plugins.st_abn.clips import ActionClips, in_the_crop
from gazenet_plugins.st_abn.motion_set import CLASSES, RADIUS, RESTING, STEP, film, scene, write_set
from gazenet_plugins.st_abn.motion_set import main as write_all
from gazenet_plugins.st_abn.pointing import cells, hit, pointing, read_places
from gazenet_plugins.st_abn.recipe import ActionConfig, ActionData, ActionSet
from gazenet_plugins.st_abn.training import ActionTraining
from gazenet_plugins.st_abn.videos import read_videos

CONFIGS = Path(__file__).parents[2] / "configs" / "train"


def motion_set(folder: Path) -> ActionSet:
    return ActionSet(root=str(folder / "frames"), labels=str(folder / "labels.txt"))


@pytest.mark.parametrize("seed", range(20))
def test_scenes_do_not_tell_the_class(seed: int) -> None:
    shown = scene(5, 72, np.random.default_rng(seed))
    films = [film(way, 5, shown) for way in CLASSES.values()]
    for (pictures, places), way in zip(films, CLASSES.values(), strict=True):
        assert np.array_equal(pictures[2], films[0][0][2]), "in the middle of its way the disc is where it is for all"
        assert np.diff(places, axis=0) == pytest.approx(np.tile(STEP * np.array(way), (4, 1)))
        assert (places >= RADIUS).all() and (places <= 72 - RADIUS).all(), "the disc stays in the picture"
        apart = np.hypot(*np.moveaxis(places[:, None] - shown.resting, -1, 0))
        assert apart.shape == (5, RESTING) and apart.min() > 2 * RADIUS, "and touches no other"


def test_scenes_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="32 pixels have no room for 5 frames"):
        scene(5, 32, np.random.default_rng(0))


def test_cells_and_hits() -> None:
    assert cells(32).tolist() == [[8, 8], [24, 8], [8, 24], [24, 24]]
    found = hit(cells(32), np.array([8.0, 8.0]), 16.0)
    assert found.tolist() == [True, True, True, False], "the diagonal is further than 16"


def test_points_of_a_frame_in_its_crop() -> None:
    data = ActionData(train=ActionSet(root="x"), frames=2, size=64, shorter_side=144)
    corners = np.array([[36.0, 36.0], [52.0, 52.0]])
    assert in_the_crop(corners, 72, 72, data).tolist() == [[32, 32], [64, 64]]
    assert in_the_crop(corners[:1], 72, 144, data).tolist() == [[72 - 112, 32]], "a wide frame loses its sides"


class Changes:
    """An attention that is right by its making: how much a place changes from frame to frame."""

    def __init__(self, sign: float) -> None:
        self.sign = sign

    def attention(self, clip: torch.Tensor) -> SimpleNamespace:
        change = torch.diff(clip, dim=2, append=clip[:, :, -2:-1]).abs().mean(1, keepdim=True)
        return SimpleNamespace(spatial=self.sign * F.avg_pool3d(change, (1, 16, 16)))


def test_attention_to_changes_points_at_what_moves(tmp_path: Path) -> None:
    write_set(tmp_path, 3, side=128)
    source = motion_set(tmp_path)
    data = ActionData(train=source, frames=4, size=128, clips=2)
    videos, _ = read_videos(source, None, "x")
    held, places = ActionClips(videos, data), read_places(source, videos)
    assert places is not None
    right, wrong = (pointing(Changes(sign), held, places, "cpu") for sign in (1.0, -1.0))  # type: ignore[arg-type]
    assert right["moving"] > 0.95 and right["resting"] < 0.02
    assert wrong["moving"] < 0.05
    area = np.pi * (RADIUS + 8) ** 2 / 128**2
    assert right["chance"] == wrong["chance"] == pytest.approx(area, rel=0.1), "the share of the picture that counts"


def test_places_that_are_missing_wrong_or_short(tmp_path: Path) -> None:
    write_set(tmp_path, 1, side=64)
    source = motion_set(tmp_path)
    path = tmp_path / "places.json"
    told = json.loads(path.read_text())
    told["videos"]["00000"]["moving"].pop()
    path.write_text(json.dumps(told))
    videos, _ = read_videos(source, None, "x")
    with pytest.raises(UsageError, match=r"places\.json: does not say where things are in the 5 frames of 00000"):
        read_places(source, videos)
    for text in ("[]", "{", '{"radius": 7}', '{"radius": 7, "videos": {"a": {"moving": [1, 2, 3]}}}'):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"places\.json: is not of the form"):
            read_places(source, videos)
    path.unlink()
    assert read_places(source, videos) is None


def test_the_command_writes_what_the_config_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_all([]) == 2
    assert "FOLDER" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert write_all(["data/motion"]) == 0
    for name in ("st_abn_motion", "st_abn_motion_wide"):
        given = json.loads((CONFIGS / f"{name}.json").read_text())
        assert ActionTraining(ActionConfig.model_validate(given)).classes == list(CLASSES)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_learns_which_way_things_move_and_looks_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small config as installed. Rounding alone leads to other weights: docs/training.md has their spread."""
    monkeypatch.chdir(tmp_path)
    assert write_all(["data/motion"]) == 0
    assert main(["--train_config_file", str(CONFIGS / "st_abn_motion.json"), "--set", "device=cpu"]) == 0
    values = json.loads((tmp_path / "runs" / "st_abn_motion" / "result.json").read_text())["values"]
    assert values["top-1_accuracy"]["per"] >= 0.75, "of four ways; chance is 0.25"
    points = values["pointing"]
    assert points["moving"] >= 1.4 * max(points["chance"], points["centre"])
    assert points["moving"] >= 1.5 * points["resting"], "not at discs, but at the one that moves"
    assert list((tmp_path / "runs/st_abn_motion/attention").glob("*.mp4"))
