"""Two sequences of maps: what each measure says, and what cannot be compared."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from gazenet.errors import UsageError
from gazenet.export.map_comparison import blob_centre, compare_maps, compare_sequences, peak, summary
from gazenet.media.encode import VideoWriter


def spot(row: int, column: int, value: int = 200, size: tuple[int, int] = (30, 40)) -> np.ndarray:
    """A black map with a bright square of 3 x 3 pixels."""
    picture = np.zeros(size, np.uint8)
    picture[row - 1 : row + 2, column - 1 : column + 2] = value
    return picture


def test_equal_maps_do_not_differ() -> None:
    found = compare_maps(spot(5, 5), spot(5, 5), "frame")
    assert (found.name, found.mae, found.peak, found.blob) == ("frame", 0, 0, 0)
    assert found.correlation == pytest.approx(1)


def test_a_spot_that_moves() -> None:
    found = compare_maps(spot(5, 5), spot(8, 9))
    assert found.mae == pytest.approx(2 * 9 * 200 / (30 * 40))
    assert found.peak == found.blob == pytest.approx(5)
    assert found.correlation < 0.1


def test_the_first_of_equal_maxima_counts_and_the_blob_does_not_jump() -> None:
    first, second = spot(10, 10), spot(10, 10)
    second[10, 10] = 210
    assert peak(first) == (9, 9) and peak(second) == (10, 10)
    assert blob_centre(first) == pytest.approx((10, 10)) and compare_maps(first, second).blob == pytest.approx(0)


def test_blobs_touch_by_corners_and_are_weighted() -> None:
    picture = np.zeros((9, 9), np.uint8)
    picture[2, 2], picture[3, 3], picture[7, 7], picture[2, 3] = 100, 80, 100, 79
    assert blob_centre(picture) == pytest.approx(((200 + 240) / 180, (200 + 240) / 180))
    assert blob_centre(np.zeros((4, 4), np.uint8)) == (0, 0)


def test_the_reference_is_brought_to_the_size_of_the_other() -> None:
    large = cv2.resize(spot(10, 10), (80, 60), interpolation=cv2.INTER_LINEAR)
    assert compare_maps(spot(10, 10), large).mae == 0


def test_correlation_of_constant_maps() -> None:
    flat = np.full((4, 4), 9, np.uint8)
    assert compare_maps(flat, flat).correlation == 1
    assert compare_maps(flat, spot(2, 2, size=(4, 4))).correlation == 0


def test_summaries_over_frames() -> None:
    found = summary([compare_maps(spot(5, 5), spot(5, 5 + step)) for step in (0, 4)])
    assert found["peak"].mean == 2 and found["peak"].std == 2
    assert (found["peak"].low, found["peak"].high) == (0, 4)
    assert found.keys() == {"mae", "peak", "blob", "correlation"}
    with pytest.raises(ValueError, match="no frames"):
        summary([])


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    for folder, names in (("a", "0 1 2"), ("b", "1 2 3")):
        (tmp_path / folder).mkdir()
        for name in names.split():
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), spot(5, 5 + int(name) * (folder == "b")))
    found = list(compare_sequences(tmp_path / "a", tmp_path / "b"))
    assert [(one.name, one.peak) for one in found] == [("1.png", 1), ("2.png", 2)]
    (tmp_path / "b" / "1.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"1\.png: not a readable picture"):
        list(compare_sequences(tmp_path / "a", tmp_path / "b"))


def test_names_that_are_not_utf_8_and_natural_order(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in (b"10.png", b"9.png", b"11\xff.png"):
            data = cv2.imencode(".png", spot(5, 5))[1].tobytes()
            (tmp_path / folder / os.fsdecode(name)).write_bytes(data)
    found = [one.name for one in compare_sequences(tmp_path / "a", tmp_path / "b")]
    assert found == ["9.png", "10.png", os.fsdecode(b"11\xff.png")]


def test_files_hold_bytes_or_fractions(tmp_path: Path) -> None:
    maps = np.stack([spot(5, 5), spot(6, 6)])
    np.save(tmp_path / "bytes.npy", maps)
    np.save(tmp_path / "fractions.npy", (maps / 255).astype(np.float16))
    found = list(compare_sequences(tmp_path / "bytes.npy", tmp_path / "fractions.npy"))
    assert [one.name for one in found] == ["0", "1"] and max(one.mae for one in found) == 0


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "two.npy", np.zeros((2, 4, 4), np.uint8))
    np.save(tmp_path / "three.npy", np.zeros((3, 4, 4), np.uint8))
    np.save(tmp_path / "flat.npy", np.zeros(4))
    (tmp_path / "empty").mkdir()
    cases = [
        ("two.npy", "three.npy", "two.npy has 2 frames, .*three.npy has more"),
        ("two.npy", "flat.npy", r"flat.npy: has shape \[4\]"),
        ("two.npy", "none.npy", "none.npy: not a readable"),
        ("two.npy", "empty", "two folders or two files"),
        ("empty", "empty", "no picture is in both"),
    ]
    for first, second, message in cases:
        with pytest.raises(UsageError, match=message):
            list(compare_sequences(tmp_path / first, tmp_path / second))


def test_videos_of_maps(tmp_path: Path) -> None:
    """Compression costs a grey level or two; the spot stays where it is."""
    maps = np.stack([cv2.GaussianBlur(spot(15, 10 + 3 * k, 255, (32, 48)), (0, 0), 3) for k in range(4)])
    maps = np.round(maps / maps.max((1, 2), keepdims=True) * 255).astype(np.uint8)
    np.save(tmp_path / "maps.npy", maps)
    with VideoWriter(tmp_path / "maps.mp4", 48, 32, Fraction(25)) as writer:
        for k, one in enumerate(maps):
            writer.write(np.repeat(one[..., None], 3, 2), k / 25)
    found = list(compare_sequences(tmp_path / "maps.npy", tmp_path / "maps.mp4"))
    assert [one.name for one in found] == ["0", "1", "2", "3"]
    assert max(one.mae for one in found) < 4 and max(one.blob for one in found) < 1
    np.save(tmp_path / "maps.npy", maps[:3])
    with pytest.raises(UsageError, match=r"maps\.npy has 3 frames, .*maps\.mp4 has more"):
        list(compare_sequences(tmp_path / "maps.npy", tmp_path / "maps.mp4"))
