"""Scores of the frames of one video: geometry, counts, folders of predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from prediction_samples import SHAPE, SIZE, TIMES, looks, right_maps, write_result

from gazenet.data.fixations import Fixations, per_frame
from gazenet.errors import CacheError
from gazenet.evaluation import score
from gazenet.evaluation.ground_truth import FixationSet, OtherFixations, OtherVideos
from gazenet.evaluation.predictions import read_prediction
from gazenet.evaluation.score import METRICS_OF_ONE_VIDEO, Scores, ScoringOptions, enlarged_shape, score_frames
from gazenet.evaluation.scoring_grid import on_grid
from gazenet.metrics import functional


def scored(maps: np.ndarray, table: Fixations, others: OtherFixations | None = None, **changes: object) -> Scores:
    """Scores of maps of the made-up video by all metrics that need nothing else, or as the changes say."""
    options = ScoringOptions(**{"metrics": METRICS_OF_ONE_VIDEO, **changes})  # type: ignore[arg-type]
    truth = per_frame(table, TIMES, SIZE)
    return score_frames(maps, truth, options.frames(truth), 4.0, options, others)


def test_the_ground_truth_scores_best_and_frames_without_people_are_left_out() -> None:
    table = looks()
    found = scored(right_maps(table), table)
    assert found.frames.tolist() == [0, 1, 2, 3, 4]
    assert found.grid == SIZE, "its own size, far below the largest"
    assert found.values["cc"] == pytest.approx(np.ones(5), abs=0.01)
    assert found.values["kld"] == pytest.approx(np.zeros(5), abs=0.05)
    other = scored(right_maps(looks(1))[:, ::-1], table)
    for name in ("nss", "cc", "sim", "auc_judd", "auc_uniform"):
        assert (found.values[name] > other.values[name]).all(), name
    assert not len(scored(right_maps(table), table, min_observers=13).frames)


def test_stride_bad_frames_and_table() -> None:
    table = looks()
    maps = right_maps(table)
    maps[2, 0, 0] = np.nan
    rows = scored(maps, table, stride=2).intervals()
    assert (rows["nss"].count, rows["nss"].invalid) == (2, 1)
    assert rows["cc"].mean == pytest.approx(1, abs=0.01)


def test_shuffled_area_needs_the_fixations_of_others() -> None:
    table = looks()
    others = OtherVideos({str(seed): FixationSet(looks(seed).points, SIZE) for seed in (0, 1, 2)}).of("0", SIZE)
    counts, prior = others.others, others.prior
    assert counts.sum() == 24 and prior[counts > 0].mean() > prior[counts == 0].mean()
    found = scored(right_maps(table), table, others, metrics=("auc_shuffled",))
    plain = scored(right_maps(table), table, metrics=("auc_uniform",))
    assert (found.values["auc_shuffled"] < plain.values["auc_uniform"]).all()
    with pytest.raises(ValueError, match="other videos"):
        scored(right_maps(table), table, metrics=("auc_shuffled",))


def test_wrong_calls() -> None:
    with pytest.raises(ValueError, match="unknown metric luck"):
        scored(right_maps(looks()), looks(), metrics=("luck",))


@pytest.mark.parametrize("broken", ["attention.csv", "run.json", "rows", "npy"])
def test_a_broken_folder_is_named(tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "runs" / "one"
    write_result(folder, right_maps(looks()), rows=9 if broken == "rows" else 10)
    if broken == "npy":
        (folder / "saliency.npy").write_bytes(b"no array")
    elif broken != "rows":
        (folder / broken).unlink()
    with pytest.raises(CacheError, match="runs/one"):
        read_prediction(folder)


def test_a_record_is_not_needed_where_the_size_is_known(tmp_path: Path) -> None:
    write_result(tmp_path / "one", right_maps(looks()))
    assert read_prediction(tmp_path / "one").media == Path("gone.mp4")
    (tmp_path / "one" / "run.json").unlink()
    found = read_prediction(tmp_path / "one", SIZE)
    assert (found.size, found.media, len(found.times)) == (SIZE, None, 10)


@pytest.mark.parametrize("grid", [None, 48])
def test_batches_are_frames_one_by_one(grid: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    table = looks()
    maps = right_maps(table) * np.linspace(1, 0.1, 10)[:, None, None] + np.random.default_rng(0).random((10, *SHAPE))
    truth, frames = per_frame(table, TIMES, SIZE), np.arange(5)
    names = ("nss", "cc", "sim", "kld", "auc_judd", "auc_uniform", "auc_borji")
    whole = score_frames(maps, truth, frames, 4.0, ScoringOptions(names, grid=grid))
    monkeypatch.setattr(score, "BATCH", 2)
    parts = score_frames(maps, truth, frames, 4.0, ScoringOptions(names, grid=grid))
    for name in names:
        np.testing.assert_allclose(parts.values[name], whole.values[name], rtol=1e-12)
        assert np.ptp(whole.values[name]) > 0


@pytest.mark.parametrize(("grid", "shape"), [(None, (9, 16)), (16, (9, 16)), (500, (281, 500)), (64, (36, 64))])
def test_the_published_definitions_judge_maps_enlarged_to_the_grid(grid: int | None, shape: tuple[int, int]) -> None:
    assert enlarged_shape((9, 16), grid) == shape


def test_the_published_definitions_on_request() -> None:
    table, truth = looks(), per_frame(looks(), TIMES, SIZE)
    maps = right_maps(table) + 0.5
    standard = score_frames(maps, truth, np.arange(3), 4.0, ScoringOptions(("sim",)))
    published = score_frames(maps, truth, np.arange(3), 4.0, ScoringOptions(("sim",), definitions="original"))
    assert (published.values["sim"] > standard.values["sim"] + 0.1).all()


def test_information_gain_over_the_fixations_of_others() -> None:
    table, truth = looks(), per_frame(looks(), TIMES, SIZE)
    prior, options = np.ones(SIZE), ScoringOptions(("information_gain",))
    found = score_frames(
        right_maps(table), truth, np.arange(2), 4.0, options, OtherFixations(np.zeros(SIZE, int), prior)
    )
    p, f = on_grid(torch.from_numpy(right_maps(table)[:1]).double(), SIZE)[0], truth.fixation_counts(0, *SIZE)
    want = float(functional.information_gain(p, torch.from_numpy(f), torch.from_numpy(prior), counted=True))
    assert found.values["information_gain"] == pytest.approx([want, want]) and want > 1
    with pytest.raises(ValueError, match="information_gain needs the fixations of other videos"):
        score_frames(right_maps(table), truth, np.arange(2), 4.0, options)
