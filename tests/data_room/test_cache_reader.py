"""The per-frame cache as a data set, and the ground truth of STAViS put into it."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image

from gazenet.cli import scripts
from gazenet.data.dataset import open_dataset
from gazenet.data.grouped_frames import GroupedFrames
from gazenet.data.stavis import fixation_picture, postprocess_get_from_stavis
from gazenet.errors import CacheError, UsageError
from gazenet.maps.frame_folders import FrameFolderWriter, frame_file

FRAMES, SIDE = 20, 100
CUES = ("dave", "esr9", "vidgaze", "gaze360")


def spots(frame: int) -> np.ndarray:
    """Two fixated squares of 4 x 4 around (20 + 2 * frame, 30) and (70, 80)."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for x, y in ((20 + 2 * frame, 30), (70, 80)):
        picture[y - 2 : y + 2, x - 2 : x + 2] = 255
    return picture


def make_cache(root: Path, dataset: str = "coutrot1", video: str = "clip_1", frames: int = FRAMES) -> Path:
    """As downloaded: no esr9 in the first four frames, no ground truth in the third."""
    writer = FrameFolderWriter(root, dataset, video, size=None)
    for k in range(frames):
        writer.write(k, "captured", np.full((SIDE, SIDE), 10 * k + 5, np.uint8))
        for cue in CUES:
            if cue != "esr9" or k >= 4:
                writer.write(k, f"det_transformed_{cue}", np.full((SIDE, SIDE), 100 + k, np.uint8))
        if k != 2:
            writer.write(k, "transformed_salmap", cv2.GaussianBlur(spots(k), (0, 0), 4))
            writer.write(k, "transformed_fixmap", spots(k))
    return root


def test_frames_fixations_and_density(tmp_path: Path) -> None:
    root = make_cache(tmp_path / "Grouped_frames")
    frame_file(root, "coutrot1", "clip_1", 4, "captured").with_name("captured_2.jpg").write_bytes(b"ignored")
    (item,) = open_dataset("processed", tmp_path).items()
    assert (item.name, item.size, len(item.reader)) == ("coutrot1/clip_1", (SIDE, SIDE), FRAMES)
    assert item.times[1] == pytest.approx(1 / 25)
    truth = item.fixations(item.times)
    assert truth.observers.tolist() == [2, 2, 0] + [2] * 17
    for k in (0, 4, 19):
        assert np.abs(truth[k] - [[20 + 2 * k, 30], [70, 80]]).max() < 0.3
    smooth = truth.density(4, SIDE, SIDE, 1.0)
    assert smooth.max() == 1.0 and smooth[30, 28] > 0.9 and smooth[60, 60] < 0.1
    assert not truth.density(2, 10, 10, 1.0).any()


def test_published_counts_every_pixel_above_black(tmp_path: Path) -> None:
    item = GroupedFrames(make_cache(tmp_path), "published").items()[0]
    truth = item.fixations(item.times)
    grey = cv2.cvtColor(item.pictures("transformed_fixmap", 0, 1)[0], cv2.COLOR_RGB2GRAY)
    assert truth.observers[0] == np.count_nonzero(grey) > 2 * 16
    assert np.array_equal(truth.fixation_map(0, SIDE, SIDE), (grey > 0).astype(np.uint8))


def test_rates_of_the_sources(tmp_path: Path) -> None:
    make_cache(tmp_path, "diem", "one", 4)
    assert GroupedFrames(tmp_path).items()[0].rate == 30
    assert GroupedFrames(tmp_path, "published").items()[0].rate == 25


def test_pictures_of_cues(tmp_path: Path) -> None:
    item = GroupedFrames(make_cache(tmp_path)).items()[0]
    faces = item.pictures("det_transformed_esr9")
    assert faces.shape == (FRAMES, SIDE, SIDE, 3)
    assert [int(one.max()) for one in faces[:6]] == [0, 0, 0, 0, 104, 105]
    item.need(["captured", *(f"det_transformed_{cue}" for cue in CUES)])


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("det_transformed_tased", r"clip_1: no frame has det_transformed_tased_1\.jpg; run .* the extractor tased"),
        ("det_transformed_gasp", "with the extractor gasp"),
        ("captured_left", "download the cache again"),
    ],
)
def test_what_is_not_in_the_cache_names_its_maker(picture: str, message: str, tmp_path: Path) -> None:
    item = GroupedFrames(make_cache(tmp_path, frames=2)).items()[0]
    with pytest.raises(UsageError, match=message):
        item.need(["captured", picture])


def test_no_followed_gaze_and_no_ground_truth(tmp_path: Path) -> None:
    make_cache(tmp_path, frames=2)
    for path in [*tmp_path.rglob("*vidgaze*"), *tmp_path.rglob("transformed*")]:
        path.unlink()
    item = GroupedFrames(tmp_path).items()[0]
    with pytest.raises(UsageError, match="the extractor videogaze"):
        item.pictures("det_transformed_vidgaze")
    with pytest.raises(UsageError, match="postprocess_get_from_stavis"):
        item.fixations(item.times)


def test_gaps_are_reported_and_filled_only_as_published(tmp_path: Path) -> None:
    make_cache(tmp_path, frames=6)
    for path in (tmp_path / "coutrot1" / "clip_1" / "4").iterdir():
        path.unlink()
    (tmp_path / "coutrot1" / "clip_1" / "4").rmdir()
    with pytest.raises(CacheError, match="clip_1: frame folders are missing: 4"):
        _ = GroupedFrames(tmp_path).items()[0].size
    published = GroupedFrames(tmp_path, "published").items()[0]
    assert [int(one.max()) for one in published.pictures("captured")] == [5, 15, 25, 25, 45, 55]


def test_wrong_requests(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the per-frame cache is missing"):
        GroupedFrames(tmp_path / "none").items()
    with pytest.raises(UsageError, match="has no <dataset>/<video> folder"):
        GroupedFrames(tmp_path).items()
    item = GroupedFrames(make_cache(tmp_path, frames=3)).items()[0]
    with pytest.raises(UsageError, match="has 3 frames, not 9"):
        item.fixations(np.arange(9) / 25)
    path = frame_file(tmp_path, "coutrot1", "clip_1", 1, "transformed_fixmap")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CacheError, match=r"2/transformed_fixmap_1\.jpg: the JPEG is cut off"):
        item.fixations(item.times)


POINTS = np.array([[10, 12], [50, 100], [200, 300], [400, 77]])  # x, y in a picture of 576 x 720


def make_stavis(root: Path, frames: int = 3) -> Path:
    folder = root / "coutrot1" / "clip_1"
    (folder / "maps").mkdir(parents=True)
    for number in range(1, frames + 1):
        marked = np.zeros((576, 720), np.uint8)
        marked[POINTS[:, 1], POINTS[:, 0]] = 1
        scipy.io.savemat(folder / f"fixMap_{number:05d}.mat", {"eyeMap": marked})
        cv2.imwrite(str(folder / "maps" / f"eyeMap_{number:05d}.jpg"), np.full((8, 9), number, np.uint8))
    return root


def test_stavis_replaces_the_ground_truth(tmp_path: Path) -> None:
    stavis, cache = make_stavis(tmp_path / "s"), make_cache(tmp_path / "c", frames=5)
    for _ in range(2):  # again gives the same
        done = postprocess_get_from_stavis(stavis, cache)
        assert (done.salmaps, done.fixmaps, done.without) == (3, 3, ("coutrot1/clip_1/4", "coutrot1/clip_1/5"))
    source = stavis / "coutrot1" / "clip_1" / "maps" / "eyeMap_00002.jpg"
    assert frame_file(cache, "coutrot1", "clip_1", 1, "transformed_salmap").read_bytes() == source.read_bytes()
    with Image.open(frame_file(cache, "coutrot1", "clip_1", 1, "transformed_fixmap")) as picture:
        assert (picture.size, picture.mode) == ((120, 120), "L")
        drawn = np.asarray(picture)
    # Cells of 6 x 4.8 pixels; each point lights the two nearest in either direction.
    lit = drawn >= 128
    assert 12 <= lit.sum() <= 16
    for x, y in POINTS:
        assert lit[int(y / 4.8), int(x / 6)]
    assert not list(cache.rglob("*_2.jpg"))


def test_stavis_exact_points_come_back(tmp_path: Path) -> None:
    stavis, cache = make_stavis(tmp_path / "s"), make_cache(tmp_path / "c", frames=2)
    postprocess_get_from_stavis(stavis, cache, "corrected")
    data = fixation_picture(stavis / "coutrot1" / "clip_1" / "fixMap_00001.mat", "corrected")
    with Image.open(io.BytesIO(data)) as picture:
        found = np.argwhere(np.asarray(picture) >= 128)[:, ::-1]
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, POINTS.tolist()))
    item = GroupedFrames(cache).items()[0]
    truth = item.fixations(item.times)
    expected = (POINTS + 0.5) * [SIDE / 720, SIDE / 576]
    assert sorted(map(tuple, truth[0].round(6).tolist())) == sorted(map(tuple, expected.round(6).tolist()))


def test_stavis_bad_input(tmp_path: Path) -> None:
    stavis, cache = make_stavis(tmp_path / "s"), make_cache(tmp_path / "c", frames=1)
    with pytest.raises(UsageError, match="the folder of STAViS annotations is missing"):
        postprocess_get_from_stavis(tmp_path / "none", cache)
    with pytest.raises(UsageError, match="the per-frame cache is missing"):
        postprocess_get_from_stavis(stavis, tmp_path / "none")
    folder = stavis / "coutrot1" / "clip_1"
    scipy.io.savemat(folder / "fixMap_00001.mat", {"other": np.ones((3, 3))})
    with pytest.raises(UsageError, match=r"fixMap_00001\.mat: variable eyeMap is missing; found other"):
        postprocess_get_from_stavis(stavis, cache)
    (folder / "maps" / "eyeMap_00001.jpg").write_bytes(b"\xff\xd8 cut")
    with pytest.raises(UsageError, match=r"eyeMap_00001\.jpg: the JPEG is cut off"):
        postprocess_get_from_stavis(stavis, cache)
    with pytest.raises(UsageError, match="has nothing of any frame"):
        postprocess_get_from_stavis(stavis, make_cache(tmp_path / "o", "diem", "x", 1))


def test_the_command_works_in_a_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--working_dir", str(tmp_path), "--scripts", "postprocess_get_from_stavis"]
    monkeypatch.chdir(tmp_path)  # the command changes it; this brings it back
    assert scripts.main(argv) == 2
    assert "stavis_preprocessed: the folder of STAViS annotations is missing" in capsys.readouterr().err
    make_stavis(tmp_path / "datasets" / "stavis_preprocessed")
    make_cache(tmp_path / "datasets" / "processed" / "Grouped_frames", frames=5)
    assert scripts.main(argv) == 0
    assert capsys.readouterr().out == "written: 3 densities, 3 fixation maps; 2 frames have neither\n"
