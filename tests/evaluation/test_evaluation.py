"""Several predictions side by side: tables, places, intervals, what stands for other videos, pictures, hand-over."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from prediction_samples import SHAPE, SIZE, looks, right_maps, write_result, write_table

from gazenet.data.fixations import Fixations
from gazenet.errors import UsageError
from gazenet.report import prediction_examples
from gazenet.evaluation.evaluation import Comparison, Options, compare
from gazenet.report.prediction_examples import chosen, write_pictures
from gazenet.evaluation.ground_truth import from_picture, truths
from gazenet.evaluation.pysaliency_files import write_for_pysaliency

TABLES = {"one": looks(1), "two": looks(2, low=(10, 40)), "three": looks(3, low=(90, 10))}


def noisy(table: Fixations, amount: float, seed: int = 0) -> np.ndarray:
    return right_maps(table) + amount * np.random.default_rng(seed).random((10, *SHAPE))


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    """Three predictors of falling quality; the worst has one video more."""
    for name, amount in (("best", 0.1), ("middle", 1.0), ("worst", 9.0)):
        for k, (video, table) in enumerate(TABLES.items()):
            write_result(tmp_path / name / video, noisy(table, amount, k))
    write_result(tmp_path / "worst" / "extra", noisy(looks(), 1))
    write_result(tmp_path / "best" / "unknown", noisy(looks(), 1))
    known = truths(None, None, write_table(tmp_path / "f.csv", {**TABLES, "extra": looks(7)}))
    return compare({name: tmp_path / name for name in ("worst", "best", "middle")}, known, Options(stride=2))


def test_videos_that_all_predicted_are_compared(compared: Comparison) -> None:
    assert compared.videos == ["one", "three", "two"] and compared.left_out == ("extra",)
    assert compared.unavailable == ()
    rows = compared.by_video()
    assert [row["video"] for row in rows] == 3 * ["one", "three", "two", "mean"]
    assert [row["frames"] for row in rows[:4]] == [3, 3, 3, 9]
    assert rows[3]["cc"] == pytest.approx(np.mean([row["cc"] for row in rows[:3]]))
    frames = list(compared.by_frame())
    assert len(frames) == 27 and {row["frame"] for row in frames} == {0, 2, 4}
    own = [row["nss"] for row in frames if row["predictions"] == "best" and row["video"] == "two"]
    assert np.mean(own) == pytest.approx(next(row["nss"] for row in rows[4:] if row["video"] == "two"))


def test_places_and_intervals(compared: Comparison) -> None:
    overall = compared.overall()
    assert [row["predictions"] for row in overall] == ["best", "middle", "worst"]
    assert [row["mean_place"] for row in overall] == [1.0, 2.0, 3.0]
    for row in overall:
        assert row["nss_low"] <= row["nss"] <= row["nss_high"] and row["videos"] == 3 and row["frames"] == 9
    minus = compared.differences()
    assert [row["minus"] for row in minus] == ["middle", "worst"]
    assert minus[0]["cc"] == pytest.approx(float(str(overall[0]["cc"])) - float(str(overall[1]["cc"])))
    assert minus[1]["cc_low"] > 0


def test_equal_predictions_share_their_place(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        maps = noisy(TABLES["one"], 0.1 if name != "c" else 5)
        write_result(tmp_path / name / "one", maps)
    known = truths(None, None, write_table(tmp_path / "f.csv", {"one": TABLES["one"]}))
    options = Options(metrics=("nss", "kld"))
    found = compare({name: tmp_path / name for name in "abc"}, known, options)
    assert found.places() == {"a": 1.5, "b": 1.5, "c": 3.0}
    by_divergence = compare({name: tmp_path / name for name in "abc"}, known, Options(metrics=("kld",)))
    assert by_divergence.places() == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert found.overall()[0]["nss_low"] < found.overall()[0]["nss"], "frames are resampled where there is one video"


def test_shuffled_negatives_are_the_fixations_of_the_other_videos(compared: Comparison, tmp_path: Path) -> None:
    plain = compare({"best": tmp_path / "best"}, truths(None, None, tmp_path / "f.csv"), Options(stride=2))
    for video, one in plain.judged["best"].items():
        assert (one.scores.values["auc_shuffled"] > 0.8).all(), video
    everybody = {"one": TABLES["one"], "same": TABLES["one"]}
    same = compare(
        {"best": tmp_path / "best"}, truths(None, None, write_table(tmp_path / "g.csv", everybody)), Options()
    )
    assert same.unavailable == ("auc_shuffled",), "the size of a video that nobody predicted is not known"
    write_result(tmp_path / "best" / "same", noisy(TABLES["one"], 0.1))
    same = compare({"best": tmp_path / "best"}, truths(None, None, tmp_path / "g.csv"), Options())
    assert same.judged["best"]["one"].scores.values["auc_shuffled"] == pytest.approx(np.full(5, 0.5), abs=0.02)


def test_one_video_alone_has_no_shuffled_area(tmp_path: Path) -> None:
    write_result(tmp_path / "runs" / "one", noisy(TABLES["one"], 0.1))
    known = truths(None, None, write_table(tmp_path / "f.csv", {"one": TABLES["one"]}))
    options = Options(metrics=("nss", "auc_shuffled", "information_gain"))
    found = compare({"runs": tmp_path / "runs"}, known, options)
    assert found.metrics == ("nss",) and found.unavailable == ("auc_shuffled", "information_gain")
    prior = np.zeros((60, 80), np.uint8)
    prior[20:40, 30:50] = 200
    cv2.imwrite(str(tmp_path / "prior.png"), prior)
    found = compare(
        {"runs": tmp_path / "runs"}, known, Options(metrics=options.metrics, baseline=tmp_path / "prior.png")
    )
    assert found.metrics == options.metrics
    assert np.isfinite(found.judged["runs"]["one"].scores.values["auc_shuffled"]).all()


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
    found = compare({"runs": tmp_path / "runs"}, truths("findwho", root, None), Options())
    means = found.judged["runs"]["001"].means
    assert means["cc"] == pytest.approx(1, abs=3e-3) and means["auc_shuffled"] > 0.99
    with pytest.raises(UsageError, match="nothing to score"):
        truths("findwho", None, None)


def test_examples_are_the_extremes_and_apart(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    best = chosen(compared, "worst", 2, "nss", best=True)
    worst = chosen(compared, "worst", 2, "nss", best=False)
    every = np.concatenate([one.scores.values["nss"] for one in compared.judged["worst"].values()])
    assert best[0].score == every.max() and worst[0].score == every.min()
    assert best[0].video != best[1].video, "all frames of a video lie within one second"
    monkeypatch.setattr(prediction_examples, "APART_S", 0.1)
    assert [one.score for one in chosen(compared, "worst", 3, "nss", best=True)] == sorted(every)[-3:][::-1]


def test_pictures_show_prediction_and_truth(compared: Comparison, tmp_path: Path) -> None:
    paths = write_pictures(compared, tmp_path / "pictures", 1)
    assert sorted(path.name.rsplit("-", 2)[0] for path in paths) == sorted(
        f"{name}-{kind}-1" for name in compared.judged for kind in ("best", "worst")
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
    found = compare(
        {"runs": tmp_path / "runs"},
        truths(None, None, write_table(tmp_path / "f.csv", {"one": TABLES["one"]})),
        Options(metrics=("nss",)),
    )
    frames = prediction_examples._decoded(found.judged["runs"]["one"], [1, 4])
    assert [round(float(frames[k][..., 1].mean()), -1) for k in (1, 4)] == [20, 100]


def test_hand_over_to_pysaliency(compared: Comparison, tmp_path: Path) -> None:
    folder = tmp_path / "handover"
    assert write_for_pysaliency(compared, folder) == 9
    stems = sorted(path.stem for path in (folder / "stimuli").iterdir())
    assert stems[:2] == ["one_000000", "one_000002"]
    assert len({path.read_bytes() for path in (folder / "stimuli").iterdir()}) == 9, "equal pictures are one stimulus"
    for name in compared.judged:
        assert sorted(path.stem for path in (folder / "maps" / name).iterdir()) == stems
    with (folder / "fixations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["stimulus"] for row in rows} == set(stems)
    assert all(stems[int(row["n"])] == row["stimulus"] for row in rows)
    first = compared.judged["best"]["one"].truth.fixation_counts(0, *SIZE)
    cells = [(int(float(row["y"])), int(float(row["x"]))) for row in rows if row["stimulus"] == "one_000000"]
    assert len(cells) == 12 == first.sum(), "every fixation is one"
    assert set(cells) == set(zip(*map(list, np.nonzero(first)), strict=True))
    assert np.load(next((folder / "maps" / "best").iterdir())).shape == SIZE, "as it was scored"


@pytest.mark.skipif(importlib.util.find_spec("pysaliency") is None, reason="pysaliency is not installed")
def test_pysaliency_scores_what_was_handed_over_alike(
    compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    every = {m: np.mean([row[m] for row in compared.by_frame() if row["predictions"] == "middle"]) for m in ("nss",)}
    assert model.NSS(stimuli, fixations, average="image") == pytest.approx(every["nss"], rel=1e-6)
