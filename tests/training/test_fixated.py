"""Videos with fixations for networks that learn from frames."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gazenet.errors import UsageError
from gazenet.training import frame_cache as frames_module
from gazenet.training.fixation_videos import normalised, open_videos
from gazenet.training.frame_cache import frames_of
from gazenet.training.recipe_config import SourceConfig
from tests.clips import make_clip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A FindWho folder of one video of 10 frames, where two people look at (320, 180) in the first second."""
    folder = tmp_path / "sets" / "findwho"
    (folder / "raw_videos").mkdir(parents=True)
    make_clip(folder / "raw_videos" / "001.mp4", frames=10, size=(36, 64), rate=Fraction(5))
    rows = [f"001,{who},0,1000,320,180" for who in (1, 2)]
    (folder / "fixations.csv").write_text("video,subject,start_ms,duration_ms,x,y\n" + "\n".join(rows) + "\n")
    return tmp_path / "sets"


def source(**keys: object) -> SourceConfig:
    return SourceConfig.model_validate_json(json.dumps({"dataset": "findwho", **keys}))


def test_frames_and_fixations_belong_together(root: Path, tmp_path: Path) -> None:
    (video,) = open_videos([source()], root, (18, 32), tmp_path / "cache")
    assert video.name == "findwho/001" and len(video) == 10 and not video.still
    clip = video.clip(8, 4)
    assert clip.shape == (4, 18, 32, 3) and (clip[2] == clip[1]).all() and not (clip[0] == clip[1]).all()
    assert (video.clip(-1)[0] == video.clip(0)[0]).all()
    assert clip[0, 0, 0, 0] == pytest.approx(16 * 8, abs=16)
    assert set(video.targets(2)) <= set(range(6)) and 0 in video.targets(2) and not len(video.targets(3))
    density = video.density(0, 18, 32)
    assert np.unravel_index(density.argmax(), density.shape) in [(4, 7), (4, 8), (5, 7), (5, 8)] and density.max() == 1
    assert video.fixation_counts(0, 18, 32).max() == 2 and not video.fixation_counts(9, 18, 32).any()


def test_a_video_is_decoded_once_and_again_where_its_pixels_are_incomplete(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = root / "findwho" / "raw_videos" / "001.mp4", tmp_path / "cache"
    first = frames_of(path, (18, 32), cache)
    (tmp_path / "copy.mp4").write_bytes(path.read_bytes())
    with monkeypatch.context() as patched:
        patched.setattr(frames_module, "open_source", None)
        again = frames_of(tmp_path / "copy.mp4", (18, 32), cache)
    assert np.array_equal(first.images, again.images) and np.array_equal(first.times, again.times)
    next(cache.glob("*.times.npy")).unlink()
    assert len(frames_of(path, (18, 32), cache)) == 10
    other = frames_of(path, (36, 64), cache)
    assert other.images.shape == (10, 36, 64, 3)


def test_wrong_sources_are_named_before_anything_is_decoded(root: Path, tmp_path: Path) -> None:
    for given, message in (
        ({"items": ["009"]}, "no item 009"),
        ({"exclude": ["001"]}, "no item is left"),
        ({"split": "train_ave"}, "no Social row"),
        ({"root": str(tmp_path / "none")}, "is missing"),
        ({"weight": 2.0}, "weight is for the integrator's training"),
        ({"field_of_view": 40.0}, "field_of_view is for the integrator's training"),
    ):
        with pytest.raises(UsageError, match=message):
            open_videos([source(**given)], root, (18, 32), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_colours_are_those_of_imagenet() -> None:
    image = np.zeros((2, 3, 4, 3), np.uint8)
    image[..., 0] = 255
    found = normalised(image)
    assert found.shape == (2, 3, 3, 4) and found.dtype == np.float32
    assert found[:, 0] == pytest.approx((1 - 0.485) / 0.229) and found[:, 2] == pytest.approx(-0.406 / 0.225)
