"""Files that hold several pictures: frames with their times, or the first with a word about the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from gazenet.errors import MediaError
from gazenet.media import open_source
from gazenet.media.source_id import source_id

DURATIONS = [40, 100, 300, 60, 100]


def pictures(count: int = 5, mode: str = "RGB") -> list[Image.Image]:
    """Noise, so that no two pictures are joined into one; the red of the first pixels tells the number."""
    images = []
    for k in range(count):
        pixels = np.random.default_rng(k).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        pixels[:8, :8] = 40 * k
        images.append(Image.fromarray(pixels).convert(mode))
    return images


def saved(path: Path, **options: object) -> Path:
    first, *rest = pictures()
    first.save(path, save_all=True, append_images=rest, **options)
    return path


def numbers(path: Path) -> list[int]:
    return [round(frame.image[2:6, 2:6].mean() / 40) for frame in open_source(path)]


FORMATS = {
    "a.webp": {"lossless": True, "duration": DURATIONS},
    "a.png": {"duration": DURATIONS},
    "a.apng": {"duration": DURATIONS, "format": "PNG"},
    "a.gif": {"duration": DURATIONS},
    "a.WEBP": {"lossless": True, "duration": DURATIONS, "format": "WEBP"},
    "a.avif": {"duration": DURATIONS, "quality": 100},
}


@pytest.mark.parametrize("name", FORMATS)
def test_animations_are_videos_with_their_times(tmp_path: Path, name: str) -> None:
    if name.endswith("avif") and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = saved(tmp_path / name, **FORMATS[name])
    source = open_source(path)
    times = [frame.time for frame in source]
    assert times == pytest.approx(np.cumsum([0, *DURATIONS[:-1]]) / 1000, abs=1e-3)
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert source.info.declared_frames in (5, None) and source.warnings == []


def test_what_is_transparent_in_an_animation_is_black(tmp_path: Path) -> None:
    frames = []
    for k in range(3):
        pixels = np.full((24, 32, 4), 255, np.uint8)
        pixels[:, 8 * k :, 3] = 0
        frames.append(Image.fromarray(pixels))
    for name, options in (("a.gif", {"disposal": 2}), ("a.webp", {"lossless": True}), ("a.png", {"disposal": 1})):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100, **options)
        shown = [frame.image for frame in open_source(tmp_path / name)]
        assert [image[12, :, 0].tolist() for image in shown] == [
            [255] * 8 * k + [0] * (32 - 8 * k) for k in range(3)
        ], name


def test_pictures_without_a_duration_are_shown_as_browsers_do(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.webp", lossless=True, duration=0)
    assert [frame.time for frame in open_source(path)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_the_picture_for_older_programs_is_no_frame(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", duration=50, default_image=True)
    assert numbers(path) == [1, 2, 3, 4]


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tiff")
    source = open_source(path)
    assert [frame.time for frame in source] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert source.warnings == ["its 5 pages are read as frames, 25 per second"]


def test_pages_of_unequal_sizes_are_no_frames(tmp_path: Path) -> None:
    first, second, *_ = pictures()
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second.resize((16, 12))])
    source = open_source(tmp_path / "a.tif")
    assert len(list(source)) == 1
    assert source.warnings == ["the file has 2 pictures that are not frames; only the first is used"]


def test_second_views_are_no_frames(tmp_path: Path) -> None:
    first, second, *_ = pictures()
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    source = open_source(tmp_path / "a.jpg")
    assert len(list(source)) == 1 and "2 pictures" in source.warnings[0]


def test_still_pictures_stay_still(tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.tif", "a.jpg"):
        pictures(1)[0].save(tmp_path / name)
        source = open_source(tmp_path / name)
        assert [frame.time for frame in source] == [0.0] and source.warnings == []


def test_large_animations_are_scaled(tmp_path: Path) -> None:
    source = open_source(saved(tmp_path / "a.webp", duration=50), max_side=16)
    assert source.size == (12, 16)
    assert {frame.image.shape for frame in source} == {(12, 16, 3)}


def test_an_animation_that_is_cut_off_ends_with_a_word(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", duration=50)
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 3])
    source = open_source(path)
    assert 1 <= len(list(source)) < 5
    assert "the animation ends there" in source.warnings[0]


def test_a_first_picture_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", duration=50)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MediaError, match=r"a\.png: not a readable picture"):
        list(open_source(path))


def test_an_animation_is_another_source_than_its_bytes_were(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.webp", duration=50)
    still = tmp_path / "a.bin"
    still.write_bytes(path.read_bytes())
    assert source_id(path) != source_id(still)
