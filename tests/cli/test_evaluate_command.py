"""gasp_evaluate: requests are checked before anything is read; tables are printed and kept."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from gazenet.cli import evaluate
from gazenet.maps.frame_folders import FrameFolderWriter
from gazenet.metrics import saliency_metrics

SIZE, SHAPE = (36, 64), (9, 16)


def write_result(folder: Path, seed: int, noise: float) -> None:
    """Maps that are bright where the made-up people look, and noise."""
    rng = np.random.default_rng(seed)
    maps = noise * rng.random((4, *SHAPE))
    maps[:, 4, 8] += 1
    folder.mkdir(parents=True)
    np.save(folder / "saliency.npy", maps)
    (folder / "attention.csv").write_text("frame,time_s\n" + "".join(f"{k},{k / 10}\n" for k in range(4)))
    (folder / "run.json").write_text(json.dumps({"video": {"width": SIZE[1], "height": SIZE[0]}}))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = ["video,subject,start_ms,duration_ms,x,y"]
    for k, video in enumerate(("a", "b")):
        write_result(tmp_path / "good" / video, k, 0.1)
        write_result(tmp_path / "bad" / video, k, 4.0)
        lines += [f"{video},{who},0,390,{33 + who * 20 * k},{17 + who * 9 * k}" for who in range(2)]
    (tmp_path / "f.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_table_is_printed_and_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--predictions", "good", "--fixations", "f.csv", "--output", "scores.csv", "--metrics", "nss", "cc"]
    assert evaluate.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["video", "frames", "invalid", "nss", "cc"]
    assert [line.split()[0] for line in lines[1:4]] == ["a", "b", "mean"]
    assert lines[4] == "scored at 64x36 pixels, where every fixation counts"
    found = rows(here / "scores.csv")
    assert [row["video"] for row in found] == ["a", "b", "mean"]
    assert float(found[2]["nss"]) == pytest.approx(np.mean([float(row["nss"]) for row in found[:2]]))
    assert f"{float(found[2]['nss']):.3f}" in lines[3]


def test_predictions_are_compared_and_all_tables_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--predictions", "bad", "mine=good", "--fixations", "f.csv", "--output_dir", "out", "--pictures", "1"]
    assert evaluate.main([*argv, "--pysaliency", "other"]) == 0
    out = capsys.readouterr().out
    table = out[out.index("mean rank") :].splitlines()
    assert [line.split()[:2] for line in table[2:]] == [["mine", "1.00"], ["bad", "2.00"]]
    assert "auc_shuffled" in table[1]
    assert [row["predictor"] for row in rows(here / "out" / "overall.csv")] == ["mine", "bad"]
    assert len(rows(here / "out" / "videos.csv")) == 6
    assert len(rows(here / "out" / "frames.csv")) == 16
    assert rows(here / "out" / "differences.csv")[0]["minus"] == "bad"
    assert len(list((here / "out" / "pictures").glob("*.jpg"))) == 4
    assert len(list((here / "other" / "maps" / "mine").iterdir())) == 8


def test_a_single_video_says_what_it_leaves_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "f.csv").write_text("\n".join((here / "f.csv").read_text().splitlines()[:3]) + "\n")
    assert evaluate.main(["--predictions", "good", "--fixations", "f.csv"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("note: auc_shuffled left out: no other video has fixations") and "auc_judd" in out
    assert evaluate.main(["--predictions", "good", "--fixations", "f.csv", "--metrics", "auc_shuffled"]) == 2


def test_the_published_definitions(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mode in ("standard", "original"):
        argv = ["--predictions", "good", "--fixations", "f.csv", "--mode", mode, "--output", f"{mode}.csv"]
        assert evaluate.main(argv) == 0
    found = [rows(here / f"{mode}.csv")[2] for mode in ("standard", "original")]
    assert "auc_uniform" in found[0] and "auc_uniform" not in found[1]
    assert [row["grid"] for row in found] == ["64x36", "16x9"], "the published evaluation judged the maps' own cells"
    assert float(found[0]["nss"]) > float(found[1]["nss"])
    assert float(found[0]["sim"]) < float(found[1]["sim"])


def test_names_are_those_of_the_metrics() -> None:
    assert set(evaluate.NAMES) == set(saliency_metrics.METRICS)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--predictions is missing"),
        (["--predictions", "good"], "nothing to score against"),
        (
            ["--predictions", "good", "--dataset", "osie"],
            "data set osie: datasets/osie is not there; name their folder with --root DIR",
        ),
        (["--predictions", "absent", "--fixations", "f.csv"], "--predictions absent: there is no such folder"),
        (["--predictions", "x=absent", "--fixations", "f.csv"], "--predictions absent: there is no such folder"),
        (["--predictions", "good", "--fixations", "good"], "--fixations good: there is no such file"),
        (["--predictions", "good", "--dataset", "osie", "--root", "x"], "--root x: there is no such folder"),
        (["--predictions", "good", "--fixations", "f.csv", "--baseline", "x.png"], "--baseline x.png: there is no"),
        (["--predictions", "good", "bad/../good", "--fixations", "f.csv"], "another folder is called good too"),
        (
            ["--predictions", "good", "--fixations", "f.csv", "--metrics", "ncs"],
            "--metrics ncs: unknown (did",
        ),
        (["--predictions", "good", "--fixations", "f.csv", "--grid", "0"], "--grid 0: must be at least 16"),
        (
            ["--predictions", "good", "--fixations", "f.csv", "--grid", "99", "--mode", "original"],
            "--grid: the published evaluation scores maps on their own cells",
        ),
        (["--predictions", "good", "--fixations", "f.csv", "--stride", "0"], "--stride 0: must be at least 1"),
        (["--predictions", "good", "--fixations", "f.csv", "--pictures", "2"], "--pictures: add --output_dir"),
        (
            ["--predictions", "good", "--fixations", "f.csv", "--mode", "original", "--metrics", "auc_uniform"],
            "--metrics auc_uniform: the published evaluation did not have it",
        ),
        (["--predictions", ".", "--fixations", "f.csv"], "--predictions: .: no video with fixations"),
    ],
)
def test_wrong_requests(here: Path, argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(argv) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("gasp_evaluate: ") and error.count("\n") == 1


@pytest.fixture
def cached(here: Path) -> Path:
    """Predictions for two videos of a per-frame cache, and a table that lists one of them."""
    for k, video in enumerate(("a", "b")):
        writer = FrameFolderWriter(here / "cache", "diem", video, size=None)
        spot = np.zeros(SIZE, np.uint8)
        spot[16:20, 32 + 8 * k : 36 + 8 * k] = 255
        for frame in range(4):
            for picture in ("captured", "transformed_salmap", "transformed_fixmap"):
                writer.write(frame, picture, spot)
        write_result(here / "predicted" / f"diem-{video}", k, 0.1)
    (here / "mine.csv").write_text("video_id,fps,scene_type,dataset\nb,30,Social,diem\n")
    return here


def test_videos_of_a_split_and_options_of_a_reader(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--predictions", "predicted", "--dataset", "processed", "--root", "cache", "--metrics", "nss"]
    assert evaluate.main([*argv, "--output", "all.csv"]) == 0
    assert [row["video"] for row in rows(cached / "all.csv")] == ["diem-a", "diem-b", "mean"]
    assert evaluate.main([*argv, "--split", "mine.csv", "--output", "one.csv"]) == 0
    assert [row["video"] for row in rows(cached / "one.csv")] == ["diem-b", "mean"]
    published = ["--split", "mine.csv", "--dataset_options", "behaviour=published", "--output", "published.csv"]
    assert evaluate.main([*argv, *published]) == 0
    assert rows(cached / "published.csv")[0]["nss"] != rows(cached / "one.csv")[0]["nss"], "every pixel is a fixation"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--split", "none.csv"], "--split: none.csv: cannot be read"),
        (["--split", "ave", "--subset", "test"], "11 of 11 videos are missing below cache: coutrot1/clip_58"),
        (["--split", "stavis_1", "--subset", "validation"], "--split: split stavis_1: has no part validation"),
        (["--subset", "test"], "--subset: add --split, the family of tables"),
        (["--dataset_options", "behavior=published"], "--dataset_options: data set processed: no option behavior"),
        (["--dataset_options", "behaviour"], "--dataset_options behaviour: write key.path=value"),
        (["--dataset_options", "behaviour=odd"], "behaviour must be corrected or published, not 'odd'"),
    ],
)
def test_wrong_choices_of_videos(cached: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--predictions", "predicted", "--dataset", "processed", "--root", "cache"]
    assert evaluate.main([*argv, *more]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "--set" not in error


def test_a_choice_of_videos_needs_a_data_set(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("split", "root", "dataset_options"):
        assert evaluate.main(["--predictions", "good", "--fixations", "f.csv", f"--{option}", "x=1"]) == 2
        assert f"--{option}: add --dataset NAME" in capsys.readouterr().err


def test_the_human_limit_stands_beside_the_scores(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["video,subject,start_ms,duration_ms,x,y"]
    for k, video in enumerate(("a", "b")):
        lines += [f"{video},P{who},0,390,{30 + who + 3 * k},{16 + who % 3}" for who in range(6)]
    (here / "f.csv").write_text("\n".join(lines) + "\n")
    argv = ["--predictions", "bad", "mine=good", "--fixations", "f.csv", "--output_dir", "out"]
    assert evaluate.main(argv) == 0
    out = capsys.readouterr().out
    table = out[out.index("human limit on the same 8 frames; 95 % intervals over videos") :].splitlines()
    assert [line.split("  ")[0] for line in table[1:7]] == [
        *("predictor", "one by the others", "half by half", "truth by itself", "mine", "bad")
    ]
    found = {(row["predictor"], row["video"]): row for row in rows(here / "out" / "human.csv")}
    assert len(found) == 5 * 3
    mine, people = found["mine", "mean"], found["one by the others", "mean"]
    assert float(mine["nss_of_limit"]) == pytest.approx(float(mine["nss"]) / float(people["nss"]))
    above = (float(mine["auc_judd"]) - 0.5) / (float(people["auc_judd"]) - 0.5)
    assert float(mine["auc_judd_of_limit"]) == pytest.approx(above)
    assert float(mine["cc_of_limit"]) == pytest.approx(float(mine["cc"]) / float(found["half by half", "mean"]["cc"]))
    assert float(people["nss_low"]) <= float(people["nss"]) <= float(people["nss_high"]) and people["cc"] == ""
    assert float(found["truth by itself", "a"]["cc"]) == pytest.approx(1)
    assert float(mine["nss"]) == pytest.approx(float(rows(here / "out" / "overall.csv")[0]["nss"]))
    assert mine["grid"] == "64x36"


def test_one_observer_has_no_human_limit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [line for line in (here / "f.csv").read_text().splitlines() if ",1,0,390," not in line]
    (here / "f.csv").write_text("\n".join(kept) + "\n")
    assert evaluate.main(["--predictions", "good", "--fixations", "f.csv", "--output_dir", "out"]) == 0
    assert capsys.readouterr().out.count("no human limit: ") == 1
    assert not (here / "out" / "human.csv").exists()


def table(*looks: str) -> str:
    return "\n".join(["video,subject,start_ms,duration_ms,x,y", *looks, ""])


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        (
            ["a,1,0,1200,5000,5000", "a,2,0,1200,-5,20"],
            "f.csv: 2 of 2 fixations on a are outside the frame; x and y must",
        ),
        (["a,1,9000,200,33,17", "a,2,9000,200,30,15"], "are outside the time of the video; start_ms must be"),
        (["a,1,0,200,0.5,0.4", "a,2,0,200,0.1,0.9"], "are shares of the frame (0..1), as it seems; x and y must be"),
        (["a,1,0.1,0.2,33,17", "a,2,0.9,0.4,30,15"], "are in seconds, as it seems; start_ms and duration_ms must be"),
    ],
)
def test_a_table_of_which_nothing_can_be_meant(
    here: Path, looks: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (here / "good" / "a" / "attention.csv").read_text().splitlines()
    (here / "good" / "a" / "attention.csv").write_text(
        "\n".join([lines[0], *(f"{k},{k / 2}" for k in range(4))]) + "\n"
    )
    (here / "f.csv").write_text(table(*looks))
    assert evaluate.main(["--predictions", "good", "--fixations", "f.csv"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_some_fixations_that_cannot_be_meant_are_counted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = ["a,P1,0,390,33,17", "a,P2,0,390,34,18"]
    (here / "f.csv").write_text(table(*good))
    argv = ["--predictions", "good", "--fixations", "f.csv", "--metrics", "nss", "--output_dir"]
    assert evaluate.main([*argv, "right"]) == 0
    assert "note" not in capsys.readouterr().out
    (here / "f.csv").write_text(table(*good, "a,P3,0,390,64,17", "a,P4,5000,390,33,17", "a,P5,0,390,33,-1"))
    assert evaluate.main([*argv, "some", "--min_observers", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("note: f.csv: ") == 2
    assert "note: f.csv: 2 of 5 fixations on a are outside the frame; " in out
    assert "note: f.csv: 1 of 5 fixations on a are outside the time of the video; " in out
    assert (here / "some" / "frames.csv").read_bytes() == (here / "right" / "frames.csv").read_bytes()
    assert evaluate.main([*argv, "none", "--min_observers", "3"]) == 0
    assert not (here / "none" / "frames.csv").exists(), "who looks beside the frame is no observer"


def test_the_clock_of_a_table_and_a_picture_that_begins_late(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody looks at the right place exactly while the frames are shown, on the clock that players show."""
    late = here / "good" / "a" / "attention.csv"
    late.write_text("frame,time_s\n" + "".join(f"{k},{1 + k / 10:.4f}\n" for k in range(4)))
    table = "video,subject,start_ms,duration_ms,x,y\na,1,0,1000,2,2\na,1,1000,400,33,17\n"
    (here / "own.csv").write_text(table)
    argv = ["--predictions", "good", "--fixations", "own.csv", "--metrics", "nss", "--output", "scores.csv"]
    found = {}
    for clock in ("container", "first_frame", "frame_index"):
        assert evaluate.main([*argv, *(["--clock", clock] if clock != "container" else [])]) == 0
        found[clock] = float(rows(here / "scores.csv")[0]["nss"])
        note = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("note: a:"))
        assert f"on the clock {clock}" in note and "1.000 s of the container" in note
    assert found["container"] > 5 and found["first_frame"] < 0 and found["frame_index"] < 0


def test_a_data_set_declares_its_own_clock(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--predictions", "good", "--dataset", "findwho", "--root", ".", "--clock", "first_frame"]
    assert evaluate.main(argv) == 2
    assert "--dataset_options clock=first_frame" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--output", "f.csv"],
        ["--output", "good/a/attention.csv"],
        ["--output", "good/a/saliency.npy"],
        ["--output_dir", "truth", "--fixations", "truth/videos.csv"],
        ["--pysaliency", "truth", "--fixations", "truth/fixations.csv"],
    ],
)
def test_no_table_takes_the_place_of_what_is_scored(
    here: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "truth").mkdir()
    for name in ("videos.csv", "fixations.csv"):
        (here / "truth" / name).write_bytes((here / "f.csv").read_bytes())
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    truth = [] if "--fixations" in options else ["--fixations", "f.csv"]
    assert evaluate.main(["--predictions", "good", *truth, *options]) == 2
    assert "would replace the input" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before
