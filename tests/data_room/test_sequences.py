"""Sequences of pictures: as data with drawn ground truth, as sources of a run, and as predictions that are scored."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from gazenet.cli import evaluate
from gazenet.data.dataset import open_dataset
from gazenet.data.frame_sequences import Sequences, bright_points
from gazenet.errors import MediaError, UsageError
from gazenet.media import open_source
from gazenet.media.picture_file import picture_size
from gazenet.media.picture_folder import PictureFolderReader, sequences
from gazenet.media.source_id import source_id

SIZE, FRAMES = (24, 32), 3
LOOKED = {"one": (8, 12), "two": (15, 20)}
"""Row and column that everybody fixates."""


def spot(row: int, column: int, sigma: float = 3.0) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return (255 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))).astype(np.uint8)


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two videos; the frames of the second lie in ``images``."""
    for video, (row, column) in LOOKED.items():
        folder = tmp_path / "data" / video
        for k in range(FRAMES):
            frame = np.random.default_rng(k).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
            write(folder / ("images" if video == "two" else "frames") / f"{k:04d}.jpg", frame)
            write(folder / "maps" / f"{k:04d}.png", spot(row, column))
            fixated = np.zeros(SIZE, np.uint8)
            fixated[row, column] = fixated[row, column + 1] = 1 if video == "two" else 255
            write(folder / "fixations" / f"{k:04d}.png", fixated)
    return tmp_path / "data"


def predict(root: Path, target: Path, shift: int) -> Path:
    """Maps of all frames, so many columns beside where everybody looks."""
    for video, (row, column) in LOOKED.items():
        for k in range(FRAMES):
            write(target / video / f"{k:04d}.png", spot(row, column + shift))
    return target


def test_the_reader_gives_drawn_ground_truth(root: Path) -> None:
    one, two = open_dataset("sequences", root).items()
    assert (one.name, two.name) == ("one", "two") and one.size == SIZE and not one.still
    assert one.path == root / "one" / "frames" and two.path == root / "two" / "images"
    for item in (one, two):
        row, column = LOOKED[item.name]
        truth = item.fixations(np.arange(FRAMES) / 25)
        assert truth[0].tolist() == [[column + 0.5, row + 0.5], [column + 1.5, row + 0.5]]
        assert truth.fixation_map(1, *SIZE).sum() == 2
        assert np.unravel_index(truth.density(1, *SIZE, sigma=1.0).argmax(), SIZE) == (row, column)
    with pytest.raises(UsageError, match="has 3 frames, not 4"):
        one.fixations(np.arange(4) / 25)


def test_a_frame_that_nobody_looked_at_counts_without_a_point(root: Path) -> None:
    write(root / "one" / "fixations" / "0001.png", np.zeros(SIZE, np.uint8))
    truth = Sequences(root).items()[0].fixations(np.arange(FRAMES) / 25)
    assert len(truth[1]) == 0 and truth.observers.tolist() == [2, 1, 2]


def test_fixations_of_another_size_are_scaled(root: Path) -> None:
    for k in range(FRAMES):
        fixated = np.zeros((48, 64), np.uint8)
        fixated[20, 30] = 255
        write(root / "one" / "fixations" / f"{k:04d}.png", fixated)
    assert Sequences(root).items()[0].fixations(np.zeros(FRAMES))[0].tolist() == [[15.25, 10.25]]
    assert bright_points(root / "one" / "fixations" / "0000.png").tolist() == [[30.5, 20.5]]


def broken_missing_map(root: Path) -> str:
    (root / "one" / "maps" / "0001.png").unlink()
    return "one/maps: 1 of 3 frames have no picture in maps/: 0001"


def broken_no_fixations(root: Path) -> str:
    shutil.rmtree(root / "one" / "fixations")
    return "one/fixations: the folder of fixations is missing"


def broken_unequal_maps(root: Path) -> str:
    write(root / "one" / "maps" / "0002.png", np.ones((10, 11), np.uint8))
    return "one/maps/0002.png: different sizes in one sequence: 10 x 11 (height x width) after 24 x 32"


def broken_unequal_frames(root: Path) -> str:
    write(root / "one" / "frames" / "0001.jpg", np.ones((10, 11), np.uint8))
    return "one/frames/0001.jpg: different sizes in one sequence: 10 x 11"


def broken_no_frames(root: Path) -> str:
    shutil.rmtree(root / "one" / "frames")
    return "one: a video without frames"


def broken_twice(root: Path) -> str:
    write(root / "one" / "frames" / "0001.png", np.ones(SIZE, np.uint8))
    return "one: 2 pictures are named 0001; keep one of them"


def broken_picture(root: Path) -> str:
    (root / "one" / "maps" / "0001.png").write_bytes(b"no picture")
    return "one/maps/0001.png: not a readable picture"


BROKEN = [
    broken_missing_map,
    broken_no_fixations,
    broken_unequal_maps,
    broken_unequal_frames,
    broken_no_frames,
    broken_twice,
    broken_picture,
]


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_what_is_wrong_with_the_data_is_named(root: Path, damage, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    maps, said = predict(root, root.parent / "maps", 0), damage(root)
    assert evaluate.main(["--predictions", str(maps), "--dataset", "sequences", "--root", str(root)]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1, error


def test_folders_that_are_no_sequences(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="none: no such folder"):
        sequences(tmp_path / "none")
    with pytest.raises(MediaError, match="expected one folder of frames per video"):
        sequences(tmp_path)
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(MediaError, match="expected one folder of frames per video"):
        sequences(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: a video without frames"):
        Sequences(tmp_path).items()


def test_predictions_in_pictures_are_ranked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near, far = predict(root, root.parent / "near", 1), predict(root, root.parent / "far", 8)
    argv = ["--predictions", str(far), str(near), "--dataset", "sequences", "--root", str(root)]
    out = root.parent / "scores"
    assert evaluate.main([*argv, "--metrics", "nss", "sim", "cc", "--output_dir", str(out)]) == 0
    told = capsys.readouterr().out
    assert "mean rank over NSS, SIM, CC" in told
    with (out / "overall.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["predictor"], second["predictor"]) == ("near", "far")
    for row, rank in ((first, 1.0), (second, 2.0)):
        assert [float(row[name]) for name in ("mean_rank", "rank_nss", "rank_sim", "rank_cc")] == [rank] * 4
        assert row["frames"] == "6" and row["invalid"] == "0"
    assert evaluate.main([*argv, "--metrics", "cc", "kld"]) == 0
    assert "mean rank over CC;" in capsys.readouterr().out


def test_the_scores_of_a_picture_are_those_of_its_pixels(root: Path) -> None:
    maps = predict(root, root.parent / "maps", 1)
    argv = ["--predictions", str(maps), "--dataset", "sequences", "--root", str(root), "--metrics", "nss", "cc", "sim"]
    assert evaluate.main([*argv, "--output", str(root.parent / "scores.csv")]) == 0
    with (root.parent / "scores.csv").open(newline="") as file:
        one = next(csv.DictReader(file))
    row, column = LOOKED["one"]
    p, q = spot(row, column + 1).astype(float), spot(row, column).astype(float)
    standard = (p - p.mean()) / p.std()
    assert float(one["nss"]) == pytest.approx((standard[row, column] + standard[row, column + 1]) / 2, rel=1e-3)
    assert float(one["cc"]) == pytest.approx(np.corrcoef(p.ravel(), q.ravel())[0, 1], rel=1e-5)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda maps: (maps / "one" / "0001.png").unlink(), "maps/one: 1 of 3 frames have no map: 0001"),
        (
            lambda maps: write(maps / "one" / "0002.png", np.ones((9, 9), np.uint8)),
            "maps/one/0002.png: different sizes in one sequence: 9 x 9",
        ),
        (
            lambda maps: [write(maps / "one" / f"{k:04d}.png", np.ones((9, 9), np.uint8)) for k in range(FRAMES)],
            "maps/one: its maps are 9 x 9 (height x width), the frames 24 x 32",
        ),
    ],
)
def test_what_is_wrong_with_predictions_is_named(root: Path, damage, said: str, capsys) -> None:  # type: ignore[no-untyped-def]
    maps = predict(root, root.parent / "maps", 0)
    damage(maps)
    assert evaluate.main(["--predictions", str(maps), "--dataset", "sequences", "--root", str(root)]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_sequence_that_nobody_predicted_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = predict(root, root.parent / "maps", 0)
    shutil.rmtree(maps / "two")
    argv = ["--predictions", str(maps), "--dataset", "sequences", "--root", str(root), "--metrics", "nss"]
    assert evaluate.main(argv) == 0
    assert "left out, because not everybody predicted them: two" in capsys.readouterr().out


def test_a_folder_of_pictures_is_a_source_like_a_video(root: Path) -> None:
    source = open_source(root / "one" / "frames", max_side=16)
    frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2] and frames[1].time == pytest.approx(0.04)
    assert source.size == (12, 16) == frames[0].image.shape[:2] and source.info.height == 24
    before = source_id(root / "one" / "frames")
    assert source_id(root / "two" / "images") == before, "equal names and contents"
    write(root / "one" / "frames" / "0001.jpg", np.zeros((10, 11, 3), np.uint8))
    assert source_id(root / "one" / "frames") != before
    with pytest.raises(MediaError, match="different sizes in one sequence"):
        list(open_source(root / "one" / "frames"))


def test_the_size_of_a_picture_is_that_it_is_shown_at(tmp_path: Path) -> None:
    from PIL import Image

    turned = Image.Exif()
    turned[274] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=turned)
    Image.new("RGB", (30, 20)).save(tmp_path / "plain.jpg")
    assert picture_size(tmp_path / "turned.jpg") == (30, 20) and picture_size(tmp_path / "plain.jpg") == (20, 30)


def test_frames_without_leading_zeros_are_in_natural_order(tmp_path: Path) -> None:
    for k in range(1, 13):
        frame = np.zeros(SIZE, np.uint8)
        frame[:, 2 * k : 2 * k + 2] = 255
        write(tmp_path / "data" / "video10" / "frames" / f"{k}.png", frame)
        write(tmp_path / "data" / "video9" / f"f{k}.png", frame)
    assert list(sequences(tmp_path / "data")) == ["video9", "video10"]
    for video in (tmp_path / "data" / "video10", tmp_path / "data" / "video9"):
        bars = [int(frame.image[0, :, 0].argmax()) // 2 for frame in PictureFolderReader(video)]
        assert bars == list(range(1, 13))
