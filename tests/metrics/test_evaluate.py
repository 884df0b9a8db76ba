"""Tables of scores: geometry, counts, folders of predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gazenet.data.density import density
from gazenet.data.fixations import Fixations
from gazenet.errors import CacheError, UsageError
from gazenet.metrics.evaluate import evaluate_maps, evaluate_predictions, fixated_cells

SIZE, SHAPE, TIMES = (72, 128), (18, 32), np.arange(10) / 10


def looks(seed: int = 0, people: int = 12) -> Fixations:
    points = np.random.default_rng(seed).uniform([50, 20], [70, 40], (people, 2))
    return Fixations(np.arange(people), np.zeros(people), np.full(people, 0.45), points)


def right_maps(table: Fixations) -> np.ndarray:
    return np.repeat(density(table.points, SIZE, SHAPE, 4.0)[None], 10, 0)


def test_the_ground_truth_scores_best_and_frames_without_people_are_left_out() -> None:
    table = looks()
    found = evaluate_maps(right_maps(table), TIMES, table, SIZE)
    assert found.frames.tolist() == [0, 1, 2, 3, 4]
    assert found.values["cc"] == pytest.approx(np.ones(5))
    assert found.values["kld"] == pytest.approx(np.zeros(5), abs=1e-6)
    other = evaluate_maps(right_maps(looks(1))[:, ::-1], TIMES, table, SIZE)
    for name in ("nss", "cc", "sim", "auc_judd", "auc_uniform"):
        assert (found.values[name] > other.values[name]).all(), name
    assert not len(evaluate_maps(right_maps(table), TIMES, table, SIZE, min_observers=13).frames)


def test_stride_bad_frames_and_table() -> None:
    table = looks()
    maps = right_maps(table)
    maps[2, 0, 0] = np.nan
    rows = evaluate_maps(maps, TIMES, table, SIZE, stride=2).table()
    assert (rows["nss"].count, rows["nss"].invalid) == (2, 1)
    assert rows["cc"].mean == pytest.approx(1)


def test_shuffled_area_needs_the_fixations_of_others() -> None:
    table = looks()
    others = fixated_cells([looks(1), looks(2)], SIZE, SHAPE)
    found = evaluate_maps(right_maps(table), TIMES, table, SIZE, metrics=["auc_shuffled"], others=others)
    plain = evaluate_maps(right_maps(table), TIMES, table, SIZE, metrics=["auc_uniform"])
    assert (found.values["auc_shuffled"] < plain.values["auc_uniform"]).all()
    with pytest.raises(ValueError, match="other videos"):
        evaluate_maps(right_maps(table), TIMES, table, SIZE, metrics=["auc_shuffled"])


def test_wrong_calls() -> None:
    with pytest.raises(ValueError, match="10 maps for 9 frames"):
        evaluate_maps(right_maps(looks()), TIMES[:9], looks(), SIZE)
    with pytest.raises(ValueError, match="unknown metric luck"):
        evaluate_maps(right_maps(looks()), TIMES, looks(), SIZE, metrics=["luck"])


def write_result(folder: Path, table: Fixations, rows: int = 10) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "saliency.npy", right_maps(table).astype(np.float16))
    lines = ["frame,time_s,peak_x,peak_y", *(f"{k},{k / 10:.4f},0,0" for k in range(rows))]
    (folder / "attention.csv").write_text("\n".join(lines) + "\n")
    (folder / "run.json").write_text(json.dumps({"video": {"width": SIZE[1], "height": SIZE[0]}}))


def write_table(path: Path, tables: dict[str, Fixations]) -> Path:
    lines = ["video,subject,start_ms,duration_ms,x,y"]
    for name, table in tables.items():
        rows = zip(table.subject, table.start, table.duration, table.points, strict=True)
        lines += [f"{name},{s},{1000 * a:.0f},{1000 * d:.0f},{x},{y}" for s, a, d, (x, y) in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_folders_of_predictions_make_a_table(tmp_path: Path) -> None:
    tables = {"one": looks(1), "two": looks(2)}
    for name, table in tables.items():
        write_result(tmp_path / "runs" / name, table)
    write_result(tmp_path / "runs" / "unseen", looks(3))
    (tmp_path / "runs" / ".cache").mkdir()
    rows = evaluate_predictions(tmp_path / "runs", fixations=write_table(tmp_path / "f.csv", tables))
    assert [row["video"] for row in rows] == ["one", "two", "mean"]
    assert [row["frames"] for row in rows] == [5, 5, 10]
    assert rows[2]["cc"] == pytest.approx(1, abs=1e-3)
    assert evaluate_predictions(tmp_path / "runs", fixations=write_table(tmp_path / "g.csv", {"x": looks()})) == []


def test_a_data_set_brings_sizes_and_sigma(tmp_path: Path) -> None:
    root = tmp_path / "findwho"
    (root / "raw_videos").mkdir(parents=True)
    (root / "raw_videos" / "001.mp4").write_bytes(b"")
    table = looks()
    big = Fixations(table.subject, table.start, table.duration, table.points * 10)
    write_table(root / "fixations.csv", {"001": big})
    write_result(tmp_path / "runs" / "001", table)
    rows = evaluate_predictions(tmp_path / "runs", dataset="findwho", root=root)
    assert rows[0]["cc"] == pytest.approx(1, abs=1e-3)
    with pytest.raises(UsageError, match="nothing to score"):
        evaluate_predictions(tmp_path / "runs", dataset="findwho")


@pytest.mark.parametrize("broken", ["attention.csv", "run.json", "rows", "npy"])
def test_a_broken_folder_is_named(tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "runs" / "one"
    write_result(folder, looks(), rows=9 if broken == "rows" else 10)
    if broken == "npy":
        (folder / "saliency.npy").write_bytes(b"no array")
    elif broken != "rows":
        (folder / broken).unlink()
    with pytest.raises(CacheError, match="runs/one"):
        evaluate_predictions(tmp_path / "runs", fixations=write_table(tmp_path / "f.csv", {"one": looks()}))
