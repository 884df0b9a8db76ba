"""Pictures: upright, 8 bits, refused when damaged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gazenet.errors import MediaError
from gazenet.media.picture_file import read_image


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


# ---- transparency and values of other ranges

HIDDEN = (200, 100, 50)
"""A colour that nobody may see."""


def shape() -> np.ndarray:
    """Alpha: a square in the middle."""
    alpha = np.zeros((12, 16), np.uint8)
    alpha[4:8, 4:8] = 255
    alpha[4, 4] = 128
    return alpha


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_what_is_transparent_is_black(tmp_path: Path, name: str) -> None:
    rgba = np.dstack([np.full((12, 16, 3), HIDDEN, np.uint8), shape()])
    Image.fromarray(rgba).save(tmp_path / name, **({"lossless": True, "exact": True} if "webp" in name else {}))
    image = read_image(tmp_path / name)
    assert (image[:4] == 0).all() and tuple(image[6, 6]) == HIDDEN and tuple(image[4, 4]) == (100, 50, 25)


def test_grey_with_alpha(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([np.full((12, 16), 255, np.uint8), shape()]), "LA").save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[:4] == 0).all() and (image[6, 6] == 255).all() and (image[4, 4] == 128).all()


def test_palettes_and_single_transparent_colours(tmp_path: Path) -> None:
    palette = Image.fromarray((shape() > 0).astype(np.uint8), "P")
    palette.putpalette([*HIDDEN, 255, 255, 255])
    palette.save(tmp_path / "p.png", transparency=0)
    palette.save(tmp_path / "pa.png", transparency=bytes([0, 128]))
    Image.fromarray(np.full((12, 16), 77, np.uint8)).save(tmp_path / "l.png", transparency=77)
    Image.fromarray(np.full((12, 16, 3), HIDDEN, np.uint8)).save(tmp_path / "rgb.png", transparency=HIDDEN)
    assert (read_image(tmp_path / "p.png")[0, 0] == 0).all() and (read_image(tmp_path / "p.png")[6, 6] == 255).all()
    assert (read_image(tmp_path / "pa.png")[6, 6] == 128).all()
    assert not read_image(tmp_path / "l.png").any() and not read_image(tmp_path / "rgb.png").any()


def test_floats_from_black_to_white(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 16, dtype=np.float32)[None].repeat(12, 0)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == np.round(255 * ramp[0]).astype(int).tolist()
    Image.fromarray(np.round(255 * ramp)).save(tmp_path / "b.tif")
    assert read_image(tmp_path / "b.tif")[0, :, 0].tolist() == np.round(255 * ramp[0]).astype(int).tolist()


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        (np.linspace(0, 7.5, 16, dtype=np.float32), "floats from 0 to 7.5; scale them to 0..1"),
        (np.linspace(-1, 1, 16, dtype=np.float32), "floats from -1 to 1"),
        (np.full(16, np.nan, np.float32), "not finite"),
        (np.arange(16, dtype=np.int32) * 10_000_000, "integers from 0 to 150000000"),
    ],
)
def test_values_that_nobody_can_scale_are_refused(tmp_path: Path, values: np.ndarray, cause: str) -> None:
    Image.fromarray(values[None].repeat(12, 0)).save(tmp_path / "a.tif")
    with pytest.raises(MediaError, match=r"a\.tif: not a readable picture") as caught:
        read_image(tmp_path / "a.tif")
    assert cause in str(caught.value) and "\n" not in str(caught.value)


def test_sixteen_bits_are_divided_by_256(tmp_path: Path) -> None:
    ramp = (np.arange(16, dtype=np.uint16) * 4000)[None].repeat(12, 0)
    for name in ("a.png", "a.tif"):
        Image.fromarray(ramp).save(tmp_path / name)
        assert read_image(tmp_path / name)[0, :, 0].tolist() == (ramp[0] >> 8).tolist()
    cv2.imwrite(str(tmp_path / "rgb.png"), np.dstack([ramp, ramp // 2, ramp // 4]))
    assert read_image(tmp_path / "rgb.png")[0, 15].tolist() == [60000 // 4 >> 8, 60000 // 2 >> 8, 60000 >> 8]


def test_other_modes(tmp_path: Path) -> None:
    Image.fromarray(shape() > 0).save(tmp_path / "one.png")
    assert (read_image(tmp_path / "one.png")[6, 6] == 255).all() and not read_image(tmp_path / "one.png")[0, 0].any()
    Image.new("CMYK", (16, 12), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[0, 0].tolist() == [255, 0, 0]
