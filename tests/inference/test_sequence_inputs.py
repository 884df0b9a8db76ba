"""Folders of pictures as inputs of a run: each is one video, with its results and scores."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from gazenet.cli import infer

FRAMES = 3


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for video in ("one", "two"):
        for k in range(FRAMES):
            frame = cv2.resize(rng.integers(0, 255, (4, 6, 3), dtype=np.uint8), (64, 36))
            fixated = (np.arange(36 * 64).reshape(36, 64) == 900).astype(np.uint8) * 255
            drawn = cv2.GaussianBlur(fixated, (0, 0), 4) * 20
            for kind, picture in (("frames", frame), ("maps", drawn), ("fixations", fixated)):
                path = tmp_path / "data" / video / kind / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_sequence_is_one_video_and_is_scored(here: Path) -> None:
    told = ["data.reader=sequences", "data.root=data", "integrator=null", 'extractors=[{"name":"captured"}]']
    scored = 'metrics={"names":["nss","sim","cc"],"prediction":"captured"}'
    assert infer.main(["--output_dir", "out", "--set", *told, scored]) == 0
    assert sorted(path.name for path in (here / "out").iterdir() if path.name in ("one", "two", "0")) == ["one", "two"]
    with (here / "out" / "evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["predictor"], row["dataset"], row["video"], row["frames"]) for row in rows] == [
        ("captured", "sequences", "one", str(FRAMES)),
        ("captured", "sequences", "two", str(FRAMES)),
        ("captured", "", "mean", str(2 * FRAMES)),
    ]
    assert all(0 < float(row["sim"]) < 1 for row in rows)
