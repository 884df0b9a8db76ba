"""Several predictions side by side: tables, ranks, intervals, what stands for other videos, pictures, hand-over."""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas
import pytest
from prediction_samples import SHAPE, SIZE, looks, right_maps, write_result, write_table

from gazenet.data.fixations import Fixations
from gazenet.errors import UsageError
from gazenet.evaluation import tables
from gazenet.evaluation.evaluation import Evaluation, evaluate, write_scores
from gazenet.evaluation.ground_truth import dataset_truths, from_picture, table_truths
from gazenet.evaluation.human_limit import LIMIT
from gazenet.evaluation.predictions import PredictedVideo
from gazenet.evaluation.pysaliency_files import write_for_pysaliency
from gazenet.evaluation.score import ScoringOptions
from gazenet.report import prediction_examples
from gazenet.report.prediction_examples import pick, write_examples

TABLES = {"one": looks(1), "two": looks(2, low=(10, 40)), "three": looks(3, low=(90, 10))}


def noisy(table: Fixations, amount: float, seed: int = 0) -> np.ndarray:
    return right_maps(table) + amount * np.random.default_rng(seed).random((10, *SHAPE))


@pytest.fixture
def compared(tmp_path: Path) -> Evaluation:
    """Three predictors of falling quality; the worst has one video more."""
    for name, amount in (("best", 0.1), ("middle", 1.0), ("worst", 9.0)):
        for k, (video, table) in enumerate(TABLES.items()):
            write_result(tmp_path / name / video, noisy(table, amount, k))
    write_result(tmp_path / "worst" / "extra", noisy(looks(), 1))
    write_result(tmp_path / "best" / "unknown", noisy(looks(), 1))
    known = table_truths(write_table(tmp_path / "f.csv", {**TABLES, "extra": looks(7)}))
    folders = {name: tmp_path / name for name in ("worst", "best", "middle")}
    return evaluate(folders, known, ScoringOptions(stride=2), human_limit=True)


def intervals(*metrics: str) -> list[str]:
    return [column for metric in metrics for column in (metric, f"{metric}_low", f"{metric}_high")]


def test_videos_that_all_predicted_are_compared(compared: Evaluation) -> None:
    assert compared.videos == ["one", "three", "two"] and compared.left_out == ("extra",)
    assert compared.unavailable == ()
    rows = compared.with_means
    assert rows.video.tolist() == 3 * ["one", "three", "two", "mean"]
    assert rows.frames[:4].tolist() == [3, 3, 3, 9]
    assert rows.cc[3] == pytest.approx(rows.cc[:3].mean())
    assert ((rows.nss_low <= rows.nss) & (rows.nss <= rows.nss_high)).all()
    assert rows[rows.video != "mean"].reset_index(drop=True).equals(compared.per_video)
    frames = compared.per_frame
    assert len(frames) == 27 and set(frames.frame) == {0, 2, 4}
    own, mean = (table[(table.predictor == "best") & (table.video == "two")].nss for table in (frames, rows))
    assert own.mean() == pytest.approx(mean.item())


def test_one_schema_of_tables(compared: Evaluation, tmp_path: Path) -> None:
    metrics, video, how = compared.metrics, ["predictor", "part", "dataset", "video"], ["grid", "definitions"]
    shares = [c for m in metrics for c in intervals(m, *([f"{m}_of_limit"] if m in LIMIT else []))]
    ranks = ["mean_rank", "rank_nss", "rank_sim", "rank_cc"]
    schema = {
        "videos": [*video, "frames", "invalid", *intervals(*metrics), *how, "seen_by"],
        "frames": [*video, "frame", *metrics, *how],
        "overall": ["predictor", "part", *ranks, "videos", "frames", "invalid", *intervals(*metrics), *how],
        "differences": ["predictor", "minus", "part", "videos", *intervals(*metrics), *how],
        "human": [*video, "frames", "invalid", *shares, *how],
    }
    compared.write(tmp_path / "tables")
    assert sorted(path.stem for path in (tmp_path / "tables").iterdir()) == sorted(schema)
    for name, columns in schema.items():
        text = (tmp_path / "tables" / f"{name}.csv").read_text()
        assert text.splitlines()[0].split(",") == columns, name
        assert "nan" not in text
    written = pandas.read_csv(tmp_path / "tables" / "frames.csv")
    assert np.array_equal(written.nss, compared.per_frame.nss), "with full precision"
    assert set(written.grid) == {"128x72"} and set(written.definitions) == {"standard"}


def test_ranks_and_intervals(compared: Evaluation) -> None:
    summary = compared.summary
    assert summary.predictor.tolist() == ["best", "middle", "worst"]
    assert summary.mean_rank.tolist() == summary.rank_nss.tolist() == [1.0, 2.0, 3.0]
    assert summary.videos.tolist() == [3, 3, 3] and summary.frames.tolist() == [9, 9, 9]
    assert ((summary.nss_low <= summary.nss) & (summary.nss <= summary.nss_high)).all()
    minus = compared.differences
    assert minus.minus.tolist() == ["middle", "worst"]
    assert minus.cc[0] == pytest.approx(summary.cc[0] - summary.cc[1])
    assert minus.cc_low[1] > 0


def test_equal_predictions_share_their_rank(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        maps = noisy(TABLES["one"], 0.1 if name != "c" else 5)
        write_result(tmp_path / name / "one", maps)
    known = table_truths(write_table(tmp_path / "f.csv", {"one": TABLES["one"]}))
    folders = {name: tmp_path / name for name in "abc"}
    found = evaluate(folders, known, ScoringOptions(metrics=("nss", "kld")))
    assert found.mean_ranks() == {"a": 1.5, "b": 1.5, "c": 3.0}
    by_divergence = evaluate(folders, known, ScoringOptions(metrics=("kld",)))
    assert by_divergence.mean_ranks() == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert found.summary.nss_low[0] < found.summary.nss[0], "frames are resampled where there is one video"


def test_predictions_may_be_in_memory_and_have_gates(tmp_path: Path) -> None:
    gates = {"face": np.array([0.25, 0.75] * 5), "speaker": np.full(10, np.nan)}
    known = table_truths(write_table(tmp_path / "f.csv", TABLES))
    mine = {
        name: PredictedVideo(name, right_maps(table), np.arange(10) / 10, SIZE, gates=gates)
        for name, table in TABLES.items()
    }
    found = evaluate({"mine": mine}, known, ScoringOptions(("cc",)), part="test")
    assert found.videos == ["one", "two", "three"] and (found.per_video.cc > 0.99).all()
    assert found.gates.columns.tolist()[4:] == ["frames", "gate_face", "gate_speaker"]
    assert found.gates.gate_face.tolist() == [0.5] * 3 and found.gates.gate_speaker.isna().all()
    write_scores([found, replace(found, part="validation")], tmp_path / "evaluation.csv")
    rows = pandas.read_csv(tmp_path / "evaluation.csv")
    assert rows.part.tolist() == 4 * ["test"] + 4 * ["validation"] and rows.seen_by.isna().all()
    assert len(pandas.read_csv(tmp_path / "evaluation_gate_scores.csv")) == 6


def test_names_that_are_not_utf8_are_escaped_and_no_video_is_an_empty_table(tmp_path: Path) -> None:
    tables.write_table(
        tables.table([{"video": "bad\udcff", "nss": 1 / 3}], ["video", "cc", "nss"]), tmp_path / "t.csv"
    )
    assert (tmp_path / "t.csv").read_text() == "video,cc,nss\nbad\\xff,,0.3333333333333333\n"
    nothing = evaluate({"mine": {}}, {})
    assert nothing.videos == [] and nothing.with_means.empty and nothing.gates.empty


def test_a_baseline_is_read_as_published_with_the_original_definitions(tmp_path: Path) -> None:
    picture = np.full((40, 40), 10, np.uint8)
    picture[:20], picture[-1] = 90, 0
    cv2.imwrite(str(tmp_path / "prior.png"), picture)
    assert from_picture(tmp_path / "prior.png", (40, 40), "original").others.sum() == 39 * 40


def test_shuffled_negatives_are_the_fixations_of_the_other_videos(compared: Evaluation, tmp_path: Path) -> None:
    plain = evaluate({"best": tmp_path / "best"}, table_truths(tmp_path / "f.csv"), ScoringOptions(stride=2))
    for video, one in plain.scores["best"].items():
        assert (one.scores.values["auc_shuffled"] > 0.8).all(), video
    everybody = {"one": TABLES["one"], "same": TABLES["one"]}
    same = evaluate(
        {"best": tmp_path / "best"}, table_truths(write_table(tmp_path / "g.csv", everybody)), ScoringOptions()
    )
    assert same.unavailable == ("auc_shuffled",), "the size of a video that nobody predicted is not known"
    write_result(tmp_path / "best" / "same", noisy(TABLES["one"], 0.1))
    same = evaluate({"best": tmp_path / "best"}, table_truths(tmp_path / "g.csv"), ScoringOptions())
    assert same.scores["best"]["one"].scores.values["auc_shuffled"] == pytest.approx(np.full(5, 0.5), abs=0.02)


def test_one_video_alone_has_no_shuffled_area(tmp_path: Path) -> None:
    write_result(tmp_path / "runs" / "one", noisy(TABLES["one"], 0.1))
    known = table_truths(write_table(tmp_path / "f.csv", {"one": TABLES["one"]}))
    options = ScoringOptions(metrics=("nss", "auc_shuffled", "information_gain"))
    found = evaluate({"runs": tmp_path / "runs"}, known, options)
    assert found.metrics == ("nss",) and found.unavailable == ("auc_shuffled", "information_gain")
    prior = np.zeros((60, 80), np.uint8)
    prior[20:40, 30:50] = 200
    cv2.imwrite(str(tmp_path / "prior.png"), prior)
    found = evaluate(
        {"runs": tmp_path / "runs"}, known, ScoringOptions(metrics=options.metrics, baseline=tmp_path / "prior.png")
    )
    assert found.metrics == options.metrics
    assert np.isfinite(found.scores["runs"]["one"].scores.values["auc_shuffled"]).all()


def test_a_baseline_is_the_bright_half_of_a_picture(tmp_path: Path) -> None:
    picture = np.full((40, 40), 10, np.uint8)
    picture[:20] = 90
    cv2.imwrite(str(tmp_path / "prior.png"), picture)
    found = from_picture(tmp_path / "prior.png", (10, 20))
    assert found.others[:5].all() and not found.others[5:].any()
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((4, 4), 7, np.uint8))
    (tmp_path / "no.png").write_bytes(b"nothing")
    for name, said in (
        ("flat", "the same everywhere"),
        ("no", "no readable|not a readable"),
        ("absent", "No such file"),
    ):
        with pytest.raises(UsageError, match=said):
            from_picture(tmp_path / f"{name}.png", (10, 20))


def test_a_data_set_brings_sizes_sigma_and_other_videos(tmp_path: Path) -> None:
    root = tmp_path / "findwho"
    (root / "raw_videos").mkdir(parents=True)
    for name in ("001", "002"):
        (root / "raw_videos" / f"{name}.mp4").write_bytes(b"")
    far = looks(5, low=(10, 40))
    big = {
        name: Fixations(table.subject, table.start, table.duration, table.points * 10)
        for name, table in (("001", looks()), ("002", far))
    }
    write_table(root / "fixations.csv", big)
    write_result(tmp_path / "runs" / "001", right_maps(looks()))
    found = evaluate({"runs": tmp_path / "runs"}, dataset_truths("findwho", root))
    means = found.per_video
    assert means.cc[0] == pytest.approx(1, abs=3e-3) and means.auc_shuffled[0] > 0.99


def test_examples_are_the_extremes_and_apart(compared: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    best = pick(compared, "worst", "nss", 2, best=True)
    worst = pick(compared, "worst", "nss", 2, best=False)
    every = np.concatenate([one.scores.values["nss"] for one in compared.scores["worst"].values()])
    assert best[0].score == every.max() and worst[0].score == every.min()
    assert best[0].video != best[1].video, "all frames of a video lie within one second"
    monkeypatch.setattr(prediction_examples, "APART_S", 0.1)
    assert [one.score for one in pick(compared, "worst", "nss", 3, best=True)] == sorted(every)[-3:][::-1]


def test_pictures_show_prediction_and_truth(compared: Evaluation, tmp_path: Path) -> None:
    paths = write_examples(compared, tmp_path / "pictures", 1)
    assert sorted(path.name.rsplit("-", 2)[0] for path in paths) == sorted(
        f"{name}-{kind}-1" for name in compared.scores for kind in ("best", "worst")
    )
    name = next(path for path in paths if path.name.startswith("best-best"))
    picture = cv2.imread(str(name))
    half = picture.shape[1] // 2
    assert picture.shape == (SIZE[0], 2 * SIZE[1], 3)
    left, right = (cv2.GaussianBlur(picture[:, part].max(2), (0, 0), 4) for part in (slice(half), slice(half, None)))
    peaks = [np.unravel_index(side.argmax(), side.shape) for side in (left, right)]
    assert np.abs(np.subtract(*peaks)).max() < 16, "a good prediction glows where people looked"


def test_frames_come_from_the_video_that_was_predicted(tmp_path: Path) -> None:
    media = tmp_path / "one.avi"
    writer = cv2.VideoWriter(str(media), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE[::-1])
    for k in range(10):
        writer.write(np.full((*SIZE, 3), (0, 25 * k, 0), np.uint8))
    writer.release()
    write_result(tmp_path / "runs" / "one", np.zeros((10, *SHAPE)) + np.arange(10)[:, None, None], media=str(media))
    found = evaluate(
        {"runs": tmp_path / "runs"},
        table_truths(write_table(tmp_path / "f.csv", {"one": TABLES["one"]})),
        ScoringOptions(metrics=("nss",)),
    )
    frames = prediction_examples._decoded(found.scores["runs"]["one"].prediction, [1, 4])
    assert [round(float(frames[k][..., 1].mean()), -1) for k in (1, 4)] == [20, 100]


def test_hand_over_to_pysaliency(compared: Evaluation, tmp_path: Path) -> None:
    folder = tmp_path / "handover"
    assert write_for_pysaliency(compared, folder) == 9
    stems = sorted(path.stem for path in (folder / "stimuli").iterdir())
    assert stems[:2] == ["one_000000", "one_000002"]
    assert len({path.read_bytes() for path in (folder / "stimuli").iterdir()}) == 9, "equal pictures are one stimulus"
    for name in compared.scores:
        assert sorted(path.stem for path in (folder / "maps" / name).iterdir()) == stems
    with (folder / "fixations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["stimulus"] for row in rows} == set(stems)
    assert all(stems[int(row["n"])] == row["stimulus"] for row in rows)
    first = compared.scores["best"]["one"].truth.fixation_counts(0, *SIZE)
    cells = [(int(float(row["y"])), int(float(row["x"]))) for row in rows if row["stimulus"] == "one_000000"]
    assert len(cells) == 12 == first.sum(), "every fixation is one"
    assert set(cells) == set(zip(*map(list, np.nonzero(first)), strict=True))
    assert np.load(next((folder / "maps" / "best").iterdir())).shape == SIZE, "as it was scored"


@pytest.mark.skipif(importlib.util.find_spec("pysaliency") is None, reason="pysaliency is not installed")
def test_pysaliency_scores_what_was_handed_over_alike(
    compared: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pysaliency  # type: ignore[import-not-found]

    # Its releases up to 0.2.22 ask numpy for a name that numpy 2.4 has no longer.
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    write_for_pysaliency(compared, tmp_path / "handover")
    monkeypatch.chdir(tmp_path / "handover")
    stimuli = pysaliency.FileStimuli([str(path) for path in sorted(Path("stimuli").glob("*.png"))])
    model = pysaliency.SaliencyMapModelFromDirectory(stimuli, "maps/middle")
    rows = np.genfromtxt("fixations.csv", delimiter=",", skip_header=1, usecols=(1, 2, 3), ndmin=2)
    fixations = pysaliency.Fixations.create_without_history(rows[:, 1], rows[:, 2], rows[:, 0].astype(int))
    frames = compared.per_frame
    mean = frames[frames.predictor == "middle"].nss.mean()
    assert model.NSS(stimuli, fixations, average="image") == pytest.approx(mean, rel=1e-6)
