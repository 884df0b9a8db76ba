"""The picture of a training: what is read from its logs, and where it is drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazenet.errors import UsageError
from gazenet.training.curve import COLOURS, HEIGHT, Panel, draw, panels, read_log, smoothed, ticks, write_curve


def log(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("epoch,step,train_loss,val_loss", *lines)) + "\n")
    return path


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def places(picture: np.ndarray, colour: str) -> np.ndarray:
    """Rows and columns of the curve of a colour, below the legend."""
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    rows, columns = np.nonzero(np.abs(picture.astype(int) - wanted).sum(-1) < 12)
    return np.stack([rows, columns], 1)[rows > 42]


def test_steps_that_were_done_again_count_as_done_last(tmp_path: Path) -> None:
    first = log(tmp_path / "a.csv", "0,0,3.0,", "0,1,2.0,", "0,1,,2.5", "1,2,9.0,")
    second = log(tmp_path / "b.csv", "1,2,1.5,", "1,3,1.0,", "1,3,,1.2")
    found = read_log([first, second])
    assert found["train_loss"] == [(0, 3.0), (1, 2.0), (2, 1.5), (3, 1.0)]
    assert found["val_loss"] == [(1, 2.5), (3, 1.2)]


@pytest.mark.parametrize("text", ["", "step,loss\nx,1\n", "a,b\n1,2\n", "step,loss\n1\n1,2,3\n"])
def test_what_is_no_log(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    if not text:
        assert read_log([path]) == {}
        path = tmp_path / "absent.csv"
    with pytest.raises(UsageError, match="is no log of a training"):
        read_log([path])


def test_smoothing_looks_back_only() -> None:
    assert smoothed([(1, 4.0), (2, 2.0), (5, 6.0), (6, 0.0)], 2) == [(1, 4.0), (2, 3.0), (5, 4.0), (6, 3.0)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 150, [0, 50, 100, 150]), (-6.1, -1.9, [-6, -5, -4, -3, -2]), (0.18, 0.31, [0.2, 0.25, 0.3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_falling_curve_falls_on_the_picture() -> None:
    points = [(float(k), 5.0 - k / 20) for k in range(100)]
    drawn = places(pixels(draw([Panel("loss", {"a": [], "b": points, "c": []})])), COLOURS[1])
    left, right = (drawn[drawn[:, 1] == edge][:, 0].mean() for edge in (drawn[:, 1].min(), drawn[:, 1].max()))
    assert right - left > HEIGHT / 2


def test_only_what_was_logged_has_axes(tmp_path: Path) -> None:
    path = log(tmp_path / "m.csv", "0,0,3.0,", "0,1,nan,", "0,2,2.0,", "0,2,,2.5", "1,4,1.0,")
    assert [panel.title for panel in panels(read_log([path]))] == ["loss (weighted sum)"]
    write_curve([path], tmp_path / "curve.png")
    picture = pixels((tmp_path / "curve.png").read_bytes())
    assert picture.shape[0] == HEIGHT and len(places(picture, COLOURS[0])) > 50
    assert draw([Panel("flat", {"a": [(3.0, 1.0)], "b": [], "c": []})])
