"""gasp_compare: numbers that can be checked by hand, files that hold them, refusals in one line."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from gazenet.cli import compare


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three frames; in the last one the only bright pixel is 3 rows and 4 columns away."""
    monkeypatch.chdir(tmp_path)
    first = np.zeros((3, 10, 12), np.uint8)
    first[:, 2, 3] = 240
    second = first.copy()
    second[2] = np.roll(first[2], (3, 4), (0, 1))
    np.save("a.npy", first)
    np.save("b.npy", second)
    for name, maps in (("a", first), ("b", second)):
        Path(name).mkdir()
        for k, one in enumerate(maps):
            cv2.imwrite(f"{name}/frame_{k}.png", one)
    return tmp_path


def row(printed: str, label: str) -> list[float]:
    line = next(line for line in printed.splitlines() if line.startswith(label))
    return [float(value) for value in line.removeprefix(label).split()]


@pytest.mark.parametrize(("first", "second"), [("a.npy", "b.npy"), ("a", "b")])
def test_measures_are_printed(here: Path, first: str, second: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([first, second]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("3 matched frames\n")
    assert row(printed, "MAE") == pytest.approx([4 / 3, 4 * 2**0.5 / 3, 0, 4], abs=1e-4)
    for offset in ("peak offset", "focal offset"):
        assert row(printed, offset) == pytest.approx([5 / 3, 5 * 2**0.5 / 3, 0, 5], abs=1e-4)
    assert row(printed, "CC")[2:] == pytest.approx([-1 / 119, 1], abs=1e-4)


def test_files_hold_frames_and_the_worst_of_them(here: Path) -> None:
    assert compare.main(["a", "b", "--output", "out", "--worst", "1"]) == 0
    with (here / "out/frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(one["focal offset"]) for one in rows] == [0, 0, 5]
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "frames.csv",
        "frames.png",
        "worst_1_frame_2.png",
    ]
    picture = cv2.imread("out/worst_1_frame_2.png", cv2.IMREAD_GRAYSCALE)
    assert picture is not None and picture.shape == (10, 28)
    assert picture[2, 3] == 240 and picture[5, 16 + 7] == 240
    plot = cv2.imread("out/frames.png")
    assert plot is not None and plot.std() > 0


def test_result_folders_stand_for_their_maps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        Path(f"run_{name}").mkdir()
        np.save(f"run_{name}/saliency.npy", (np.load(f"{name}.npy") / 255).astype(np.float16))
    assert compare.main(["run_a", "run_b"]) == 0
    assert row(capsys.readouterr().out, "MAE")[3] == pytest.approx(4)


def test_definitions_of_the_port_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["a", "b", "--definitions", "port", "--output", "out"]) == 0
    printed = capsys.readouterr().out
    assert row(printed, "offset (port)")[3] == 5
    assert "focal" not in printed and "CC" not in printed
    assert (here / "out/frames.csv").read_text().startswith("frame,MAE (port),offset (port)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "none"], "none: there is no such file or folder"),
        (["a", "b.npy"], "compare two folders or two files"),
        (["a", "b", "--worst", "-1"], "--worst must be at least 0"),
    ],
)
def test_refusals(here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_what_is_compared_is_not_written_to(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    (here / "link").symlink_to(here / "b")
    for output in ("a", "b", "link", "a.npy"):
        first, second = ("a.npy", "b.npy") if output == "a.npy" else ("a", "b")
        assert compare.main([first, second, "--output", output]) == 2
        assert "would replace the input" in capsys.readouterr().err
    after = [path for path in here.rglob("*") if path.is_file() and "link" not in path.parts]
    assert {path: path.read_bytes() for path in after} == before


def test_a_damaged_file_is_named_without_advice_to_trust_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("b.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert compare.main(["a.npy", "b.npy"]) == 2
    line = capsys.readouterr().err
    assert "b.npy: not a readable .npy file (it does not hold an array of numbers" in line and "pickle" not in line


def test_names_that_are_not_utf_8(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        for k in range(3):
            Path(f"{name}/frame_{k}.png").rename(f"{name}/{os.fsdecode(bytes([255]))}{k}.png")
    assert compare.main(["a", "b", "--output", os.fsdecode(b"out\xff"), "--worst", "1"]) == 0
    assert "3 matched frames" in capsys.readouterr().out
    table = Path(os.fsdecode(b"out\xff"), "frames.csv").read_text(encoding="utf-8")
    assert r"\xff2.png" in table or r"\xff2" in table
