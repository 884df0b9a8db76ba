"""The published layout: read and written as the published tools do, with what they pass over told."""

from __future__ import annotations

from pathlib import Path

import cv2
import faults
import numpy as np
import pytest

from gazenet.errors import CacheError
from gazenet.maps.frame_folders import FrameFolderReader, FrameFolderWriter, frame_file

DAVE = "det_transformed_dave"


def _ramp(shift: int, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    """A smooth picture, so that JPEG changes little."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([(x + 10 * shift) % 256, y + shift, np.full_like(x, 100)], -1).astype(np.uint8)


def _video(root: Path, frames: int = 3, picture: str = DAVE) -> Path:
    writer = FrameFolderWriter(root, "findwho", "007", size=None)
    for index in range(frames):
        assert writer.write(index, picture, _ramp(index))
    return root / "findwho" / "007"


def test_files_are_where_and_what_published_ones_are(tmp_path: Path) -> None:
    assert FrameFolderWriter(tmp_path, "findwho", "007").write(0, "captured", _ramp(0))
    path = tmp_path / "findwho" / "007" / "1" / "captured_1.jpg"
    assert path == frame_file(tmp_path, "findwho", "007", 0, "captured") and path.is_file()
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image.shape == (500, 500, 3)
    reference = cv2.resize(np.ascontiguousarray(_ramp(0)[..., ::-1]), (500, 500), interpolation=cv2.INTER_LINEAR)
    assert path.read_bytes() == cv2.imencode(".jpg", reference)[1].tobytes()  # OpenCV's default quality is 95
    assert np.abs(image.astype(int) - reference).mean() < 2


def test_what_is_written_is_read_in_the_right_order_and_colours(tmp_path: Path) -> None:
    _video(tmp_path, 12)
    reader = FrameFolderReader(tmp_path, "findwho", "007")
    assert len(reader) == 12 and reader.pictures == [DAVE] and reader.notes == [] and reader.missing(DAVE) == []
    images = reader.read(DAVE)
    assert images.shape == (12, 40, 60, 3) and images.dtype == np.uint8
    for index, image in enumerate(images):
        assert np.abs(image.astype(int) - _ramp(index)).mean() < 3
    assert np.array_equal(reader.read(DAVE, 9, 11), images[9:11])
    assert reader.read(DAVE, 12).shape == (0, 40, 60, 3)


def test_a_missing_picture_repeats_the_one_before(tmp_path: Path) -> None:
    folder = _video(tmp_path, 5)
    for frame in (1, 3, 4):
        (folder / str(frame) / f"{DAVE}_1.jpg").unlink()
    reader = FrameFolderReader(tmp_path, "findwho", "007")
    images = reader.read(DAVE)
    assert not images[0].any() and reader.missing(DAVE) == [0, 2, 3]
    assert np.array_equal(images[2], images[1]) and np.array_equal(images[3], images[1])
    assert not np.array_equal(images[4], images[1])
    assert np.array_equal(reader.read(DAVE, 3, 4), images[3:4])  # also when reading begins at the gap
    assert np.array_equal(reader.read(DAVE, 0, 1), images[:1])


def test_grey_files_have_three_equal_channels(tmp_path: Path) -> None:
    folder = _video(tmp_path, 1)
    cv2.imwrite(str(folder / "1" / "transformed_fixmap_1.jpg"), np.full((120, 120), 77, np.uint8))
    image = FrameFolderReader(tmp_path, "findwho", "007").read("transformed_fixmap")
    assert image.shape == (1, 120, 120, 3) and (image == 77).all()


def test_later_numbers_are_never_read(tmp_path: Path) -> None:
    folder = _video(tmp_path, 1)
    (folder / "1" / f"{DAVE}_2.jpg").write_bytes(b"of another run")
    (folder / "1" / "other_2.jpg").write_bytes(b"of another run")
    reader = FrameFolderReader(tmp_path, "findwho", "007")
    assert reader.pictures == [DAVE]
    assert np.abs(reader.read(DAVE)[0].astype(int) - _ramp(0)).mean() < 3


@pytest.mark.parametrize("name", ["01", "cover", "1.5", "-3", "0"])
def test_stray_folders_and_files_are_listed(tmp_path: Path, name: str) -> None:
    folder = _video(tmp_path)
    (folder / name).mkdir()
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "2" / "notes.txt").write_bytes(b"x")
    with pytest.raises(CacheError) as caught:
        FrameFolderReader(tmp_path, "findwho", "007")
    text = str(caught.value)
    assert all(part in text for part in ("does not belong there", name, "Thumbs.db", "2/notes.txt", "007"))
    reader = FrameFolderReader(tmp_path, "findwho", "007", strict=False)
    assert len(reader) == 3 and reader.notes == [text]


def test_gaps_are_listed(tmp_path: Path) -> None:
    folder = _video(tmp_path, 30)
    for frame in range(3, 14):
        (folder / str(frame) / f"{DAVE}_1.jpg").unlink()
        (folder / str(frame)).rmdir()
    with pytest.raises(CacheError, match="frame folders are missing: 3, 4, 5, 6, 7, 8, 9, 10 and 3 more"):
        FrameFolderReader(tmp_path, "findwho", "007")
    reader = FrameFolderReader(tmp_path, "findwho", "007", strict=False)
    images = reader.read(DAVE)
    assert len(images) == 30 and np.array_equal(images[12], images[1])


def test_an_absurd_number_is_told_at_once(tmp_path: Path) -> None:
    folder = _video(tmp_path)
    (folder / "99999999999999").mkdir()
    for strict in (True, False):
        with pytest.raises(CacheError, match="missing: 4, 5, 6, 7, 8, 9, 10, 11 and 99999999999987 more"):
            FrameFolderReader(tmp_path, "findwho", "007", strict)


def test_no_video_no_frames_no_picture(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="no such folder"):
        FrameFolderReader(tmp_path, "findwho", "007")
    (tmp_path / "findwho" / "007").mkdir(parents=True)
    with pytest.raises(CacheError, match="no frame folders"):
        FrameFolderReader(tmp_path, "findwho", "007")
    _video(tmp_path)
    with pytest.raises(CacheError, match=f"no frame has captured; there are {DAVE}"):
        FrameFolderReader(tmp_path, "findwho", "007").read("captured")


@pytest.mark.parametrize("damage", ["half", "text", "empty"])
def test_a_damaged_picture_is_named_not_black(tmp_path: Path, damage: str) -> None:
    path = _video(tmp_path) / "2" / f"{DAVE}_1.jpg"
    data = path.read_bytes()
    path.write_bytes({"half": data[: len(data) // 2], "text": b"<html></html>\xff\xd9", "empty": b""}[damage])
    with pytest.raises(CacheError, match=rf"2/{DAVE}_1\.jpg: .*JPEG"):
        FrameFolderReader(tmp_path, "findwho", "007").read(DAVE)


def test_sizes_must_agree(tmp_path: Path) -> None:
    _video(tmp_path)
    FrameFolderWriter(tmp_path, "findwho", "007", size=(30, 20)).write(2, DAVE, _ramp(2))
    with pytest.raises(CacheError, match=r"3/det_.*: is 20 x 30, other frames are 60 x 40"):
        FrameFolderReader(tmp_path, "findwho", "007").read(DAVE)


def test_a_picture_that_exists_is_replaced(tmp_path: Path) -> None:
    path = _video(tmp_path) / "1" / f"{DAVE}_1.jpg"
    before = path.read_bytes()
    assert FrameFolderWriter(tmp_path, "findwho", "007", size=None).write(0, DAVE, _ramp(9))
    assert path.read_bytes() != before and len(list(path.parent.iterdir())) == 1


def test_black_pictures_by_the_published_rule(tmp_path: Path) -> None:
    black = np.zeros((4, 4), np.uint8)
    path = _video(tmp_path, 1) / "1" / f"{DAVE}_1.jpg"
    published = FrameFolderWriter(tmp_path, "findwho", "007", skip_black=True)
    assert not published.write(0, DAVE, black)
    assert not path.exists()  # an older map must not stay in its place
    assert not published.write(1, DAVE, black)
    assert published.write(2, DAVE, black + 1)
    assert len(FrameFolderReader(tmp_path, "findwho", "007")) == 3  # frames without pictures are no gaps
    assert FrameFolderWriter(tmp_path, "findwho", "007").write(0, DAVE, black) and path.exists()


@pytest.mark.parametrize("mode", faults.MODES)
def test_pictures_are_whole_whichever_operation_fails(tmp_path: Path, mode: str) -> None:
    path = _video(tmp_path, 1) / "1" / f"{DAVE}_1.jpg"
    before = path.read_bytes()
    writer = FrameFolderWriter(tmp_path, "findwho", "007", size=None)
    for k in (1, 2, 3):
        with faults.inject(k, mode), pytest.raises((CacheError, faults.Killed)):
            writer.write(0, DAVE, _ramp(5))
        assert path.read_bytes() == before
    with faults.inject(1), pytest.raises(CacheError, match="disk full"):
        writer.write(0, DAVE, _ramp(5))


@pytest.mark.parametrize("shape", [(3,), (4, 4, 4), (0, 4), (2, 3, 3, 3)])
def test_what_is_no_picture_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is not a picture"):
        FrameFolderWriter(tmp_path, "a", "b").write(0, DAVE, np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="is not a picture"):
        FrameFolderWriter(tmp_path, "a", "b").write(0, DAVE, np.zeros((3, 3), np.float32))
