"""Pictures: upright, 8 bits, refused when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazenet.errors import MediaError
from gazenet.media.still import read_image


def corner() -> np.ndarray:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:20, :30] = [250, 10, 20]
    return image


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.webp", "a.tif"])
def test_formats(tmp_path: Path, name: str) -> None:
    Image.fromarray(corner()).save(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.shape == (40, 60, 3) and image.dtype == np.uint8
    assert np.abs(image[5, 5].astype(int) - [250, 10, 20]).max() < 20


@pytest.mark.parametrize(
    ("orientation", "row", "column"), [(1, 0, 0), (2, 0, 1), (3, 1, 1), (4, 1, 0), (6, 0, 1), (8, 1, 0)]
)
def test_exif_orientation(tmp_path: Path, orientation: int, row: int, column: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(corner()).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == ((60, 40, 3) if orientation > 4 else (40, 60, 3))
    height, width = image.shape[:2]
    assert image[height // 4 + row * height // 2, width // 4 + column * width // 2, 0] > 200


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1"])
def test_modes(tmp_path: Path, mode: str) -> None:
    name = "a.tif" if mode == "CMYK" else "a.png"
    Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).convert(mode).save(tmp_path / name)
    assert read_image(tmp_path / name)[4, 4].tolist() == [255, 255, 255]


def test_16_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 0x8040, np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[4, 4].tolist() == [0x80, 0x80, 0x80]


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated(tmp_path: Path, name: str, kept: float) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (80, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(kept * len(data))])
    with pytest.raises(MediaError, match="not a readable picture") as raised:
        read_image(tmp_path / name)
    assert name in str(raised.value) and "\n" not in str(raised.value)


def test_not_a_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(MediaError, match="unknown format"):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(MediaError, match="no such file"):
        read_image(tmp_path / "b.jpg")
    with pytest.raises(MediaError, match="is a folder"):
        read_image(tmp_path)


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(corner()).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(MediaError, match="too many pixels"):
        read_image(tmp_path / "a.png")
