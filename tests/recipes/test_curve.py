"""The picture of a training: what is read from its logs, and that it is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazenet.errors import UsageError
from gazenet.recipes.gasp.step_curve import curves, read_log, smoothed, write_curve


def log(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("epoch,step,train_loss,val_loss", *lines)) + "\n")
    return path


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


def test_only_what_was_logged_has_axes(tmp_path: Path) -> None:
    path = log(tmp_path / "m.csv", "0,0,3.0,", "0,1,nan,", "0,2,2.0,", "0,2,,2.5", "1,4,1.0,")
    (named,) = curves(read_log([path])).values()
    assert list(named) == ["training", "mean of 10", "validation"]
    assert list(curves({"val_cc": [(3, 0.5)], "other": [(1, 1.0)]})) == ["CC"]


def test_a_falling_curve_falls_on_the_picture(tmp_path: Path) -> None:
    path = log(tmp_path / "m.csv", *(f"0,{k},,{5 - k / 20}" for k in range(100)))
    write_curve([path], tmp_path / "curve.png")
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB")).astype(int)
    rows, columns = np.nonzero(picture[..., 2] - picture[..., 0] > 60)
    left, right = (rows[columns == edge].mean() for edge in np.quantile(columns, (0.02, 0.9)).astype(int))
    assert right - left > len(picture) / 4


def test_a_log_without_values_is_a_picture_without_axes(tmp_path: Path) -> None:
    write_curve([log(tmp_path / "m.csv")], tmp_path / "curve.png")
    assert Image.open(tmp_path / "curve.png").size[0] > 100
