"""The curve of a training: which values have a panel, and that they are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gazenet.training import curves
from gazenet.training.curves import draw_curve, write_table


def rows(count: int) -> list[dict[str, float]]:
    """Epochs whose loss falls, of which every second one is validated."""
    table = [{"epoch": k + 1, "train_loss": 5 - k / 20, "train_cc": 0.5} for k in range(count)]
    return [{**row, "val_loss": 5.0, "val_nss": 1.0} if k % 2 else row for k, row in enumerate(table)]


def test_values_that_were_logged_have_a_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(curves, "draw_panels", lambda path, panels, title: drawn.append(panels))
    draw_curve(tmp_path, rows(4), "mine")
    (panels,) = drawn
    assert {label: list(named) for label, named in panels.items()} == {
        "loss": ["training", "validation"],
        "CC": ["training"],
        "NSS (standard deviations)": ["validation"],
    }
    assert panels["loss"]["validation"] == [(2, 5.0), (4, 5.0)]


def test_a_falling_loss_falls_on_the_picture(tmp_path: Path) -> None:
    draw_curve(tmp_path, [{"epoch": k + 1, "train_loss": 5 - k / 20} for k in range(100)], "mine")
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB")).astype(int)
    found, columns = np.nonzero(picture[..., 2] - picture[..., 0] > 60)
    left, right = (found[columns == edge].mean() for edge in np.quantile(columns, (0.02, 0.9)).astype(int))
    assert right - left > len(picture) / 4


def test_a_table_without_values_is_a_picture_without_curves(tmp_path: Path) -> None:
    draw_curve(tmp_path, [{"epoch": 1}], "mine")
    assert Image.open(tmp_path / "curve.png").size == (600, 400)


def test_an_epoch_without_validation_has_empty_cells(tmp_path: Path) -> None:
    write_table(tmp_path, rows(2))
    lines = (tmp_path / "epochs.csv").read_text().splitlines()
    assert lines == ["epoch,train_loss,train_cc,val_loss,val_nss", "1,5.0,0.5,,", "2,4.95,0.5,5.0,1.0"]
