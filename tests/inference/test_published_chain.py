"""From a raw data set by name to pictures, a trained integrator and its scores: the published chain, by commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from gazenet.cli import infer, train
from gazenet.data.dataset import open_dataset
from gazenet.maps.frame_folders import FrameFolderReader
from tests.inference.chain import CUES, HEAD, fake_stages, install, lay_out
from tests.inference.chain_weights import published_weights

GENERATOR, METRICS = "InferGeneratorAllModelsCoutrot1", "InferMetricsGASP"
FRAMES = "datasets/processed/Grouped_frames"
STEMS = ["captured", *(f"det_transformed_{cue}" for cue in CUES)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two raw clips and made-up plugins."""
    install(tmp_path / "site", monkeypatch)
    folder = tmp_path / "work"
    lay_out(folder)
    monkeypatch.chdir(folder)
    return folder


def generate(split: str = "all.csv", *more: str) -> int:
    return infer.main(["--infer_config", GENERATOR, "--set", f"data.split={split}", *fake_stages(), *more])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def tiny_training(folder: Path, split: str) -> Path:
    """A training config on pictures: a static network, four steps."""
    sources = [{"dataset": "coutrot1", "split": split}]
    config = {
        "network": {"class": "GASPEncGMUConv"},
        "cues": STEMS,
        "rendering": "published",
        "input_size": [16, 16],
        "data": {
            "frames_root": FRAMES,
            "train": sources,
            "validation": sources,
            "test": sources,
            "validation_min_observers": 1,
            "sampling": "videos",
            "window": "starts",
            "augment": {"flip": False, "shift": 0.0, "scale": 0.0},
        },
        "trainer": {"max_epochs": 2, "batch_size": 1, "drop_last": False, "schedule": "constant"},
        "logger": "",
        "output": "runs/train/tiny",
    }
    path = folder / "tiny.json"
    path.write_text(json.dumps(config))
    return path


def test_generator_pictures_training_and_scores(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate() == 0
    items = {item.name: item for item in open_dataset("processed", here / "datasets" / "processed").items()}
    assert list(items) == ["coutrot1/clip_1", "coutrot1/clip_2"]
    one = items["coutrot1/clip_1"]
    assert len(one.reader) == 20 and one.size == (500, 500)
    assert one.reader.pictures == sorted([*STEMS, "transformed_fixmap", "transformed_salmap"])
    truth = one.fixations(one.times)
    # Observer j looks at (10 + frame, 30 + j - 20) of 64 x 48; two of three see something, one spot above the other.
    assert truth.observers.tolist()[:3] and np.abs(truth[3].mean(0) - [13.5 / 64 * 500, 11 / 48 * 500]).max() < 8
    drawn = one.pictures(f"det_transformed_{CUES[1]}", 4, 5)[0]
    assert np.abs(drawn.astype(int).mean((0, 1)) - [250, 40, 5]).max() < 3, "the pictures that the extractor draws"

    argv = ["--train_config_file", str(tiny_training(here, "all.csv")), "--compute_metrics"]
    assert train.main([*argv, "--infer_configs", "InferMetricsGASPTrain"]) == 0
    measured, other, _ = rows(here / "runs/train/tiny/infer/0/evaluation.csv")
    assert measured["video"] == "coutrot1-clip_1" and other["video"] == "coutrot1-clip_2"
    assert measured["definitions"] == "original" and float(measured["nss"]) == float(measured["nss"])

    weights = "runs/train/tiny/integrator.safetensors"
    capsys.readouterr()
    asked = ["--infer_config", METRICS, "--set", "data.split=all.csv", f"integrator.name={weights}"]
    assert infer.main(asked) == 0
    scores = rows(here / "logs/metrics/defaultgazenet.csv")
    assert scores[0] == measured and scores[0]["frames"] == "20" and scores[0]["dataset"] == "processed"
    gates = rows(here / "logs/metrics/defaultgazenet_gate_scores.csv")
    assert list(gates[0])[5:] == [f"gate_{stem}" for stem in STEMS] and 0 < float(gates[0][f"gate_{STEMS[1]}"]) < 1
    said = capsys.readouterr()
    assert "mean" in said.out and "center_bias_bw.jpg is not there: fixations of the other videos" in said.err


def test_a_training_on_videos_completes_the_template_with_its_own_cues(here: Path) -> None:
    cues = {"extractors": [{"name": name} for name in CUES], "integrator": None, "map_size": 16, "chunk": 8}
    (here / "cues.json").write_text(json.dumps({**cues, "faces": {"detector": "somebody", "mesh": False}}))
    sources = [{"dataset": "coutrot1", "root": "datasets/ave/database1", "split": "all.csv"}]
    config = {
        "network": {"order": ["gmu"], "in_channels": 1, "latent": 4, "encoder": "Light", "head": "density"},
        "cues": CUES,
        "input_size": [12, 16],
        "data": {"train": sources, "test": sources, "augment": {"flip": False, "shift": 0.0, "scale": 0.0}},
        "infer_config": "cues.json",
        "trainer": {"max_epochs": 1, "batch_size": 4},
        "logger": "",
        "output": "out",
    }
    (here / "videos.json").write_text(json.dumps(config))
    assert train.main(["--train_config_file", "videos.json", "--infer_configs", "InferMetricsGASPTrain"]) == 0
    first, second, _ = rows(here / "out/infer/0/evaluation.csv")
    assert (first["video"], first["dataset"], second["video"]) == ("clip_1", "coutrot1", "clip_2")
    assert {"auc_judd", "auc_shuffled", "cc", "nss", "sim"} <= set(first) and 0 <= float(first["auc_judd"]) <= 1


def test_a_test_with_other_cues_than_the_training(here: Path) -> None:
    assert generate() == 0
    path = tiny_training(here, "all.csv")
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "test_cues": [STEMS[0], STEMS[2], STEMS[1]]}))
    argv = ["--train_config_file", str(path), "--infer_configs", "InferMetricsGASPTrain"]
    assert train.main(argv) == 0
    gates = rows(here / "runs/train/tiny/infer/0/evaluation_gate_scores.csv")
    assert list(gates[0])[5:] == [f"gate_{STEMS[k]}" for k in (0, 2, 1)]


def test_what_is_finished_stays_and_what_is_gone_is_made_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("mine.csv", "on_error=fail") == 0
    picture = here / FRAMES / "coutrot1" / "clip_1" / "7" / "captured_1.jpg"
    stamp = picture.stat().st_mtime_ns
    capsys.readouterr()
    assert generate("mine.csv") == 0
    assert "finished before" in capsys.readouterr().err and picture.stat().st_mtime_ns == stamp
    for file in (here / FRAMES / "coutrot1" / "clip_1" / "20").iterdir():
        file.unlink()
    (here / FRAMES / "coutrot1" / "clip_1" / "20").rmdir()
    assert generate("mine.csv") == 1  # 19 frames there, of a video of 20
    assert "holds 19 frames, the video has 20" in capsys.readouterr().err
    assert not (here / "runs/infer" / GENERATOR / "clip_1" / "run.json").exists()
    assert not list((here / "datasets/processed").glob("*.part"))


def test_an_extractor_is_judged_and_pictures_can_be_frames(here: Path) -> None:
    assert generate() == 0
    asked = ["--infer_config", "InferMetricsDAVE_VisOnly", "--set", "data.split=all.csv", *fake_stages()]
    assert infer.main([*asked, "metrics.prediction=odd_sun", 'metrics.names=["cc","nss"]', "metrics.grid=null"]) == 0
    first, _, mean = rows(here / "logs/metrics/defaultdave_vis.csv")
    assert (first["predictor"], first["video"], mean["video"]) == ("odd_sun", "coutrot1-clip_1", "mean")
    assert list(first)[6:12] == ["cc", "cc_low", "cc_high", "nss", "nss_low", "nss_high"]
    folder = here / "runs/infer/InferMetricsDAVE_VisOnly/coutrot1-clip_1"
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == ["run.json"]


def test_one_more_cue_is_added_to_pictures_that_are_there(here: Path) -> None:
    assert generate("mine.csv") == 0
    sets = ["data.split=mine.csv", *fake_stages(), f'outputs.published={{"root": "{FRAMES}"}}']
    sets[1] = 'extractors=[{"name": "odd_moon", "parameters": {"mode": "corrected"}}]'
    assert infer.main(["--infer_config", "InferMetricsDAVE_VisOnly", "--set", *sets, "metrics=null"]) == 0
    reader = FrameFolderReader(here / FRAMES, "coutrot1", "clip_1")
    assert reader.pictures == sorted([*STEMS, "transformed_fixmap", "transformed_salmap"]) and len(reader) == 20
    picture = reader.read("det_transformed_odd_moon", 3, 4)[0].astype(int)
    assert picture[:, :20, 2].mean() > 100 > picture[:, :20, 0].mean(), "now the map, in jet: blue where it is low"


@pytest.mark.parametrize(
    ("config", "sets", "said"),
    [
        (GENERATOR, ["data.split=none.csv"], "data.split: none.csv: cannot be read"),
        (GENERATOR, ["data.split=empty.csv"], "data.split: empty.csv: lists no video; add a line per video below"),
        (GENERATOR, ["data.split=bad.csv"], "data.split: bad.csv: column scene_type is missing; a split has video_id"),
        (GENERATOR, ["data.split=nature.csv"], "data.split: split nature.csv: has no Social row of data set coutrot1"),
        (GENERATOR, ["data.split=test_mvva"], "has no Social row of data set coutrot1; it has mvva"),
        (GENERATOR, ["data.split=averse"], "data.split: split averse: no such split"),
        (GENERATOR, [], "are missing below datasets/ave/database1: clip_"),
        (GENERATOR, ["data.reader=coutrot"], "data.reader: data set coutrot: not installed (did you mean 'coutrot"),
        (GENERATOR, ['data.options={"behavior": "published"}'], "data.options: data set coutrot1: no option behavior"),
        (GENERATOR, ["data.reader=diem"], "datasets/ave/diem is not there; run: gasp_download_manager --datasets "),
        (GENERATOR, ["data.split=mine.csv"], "weights are missing; run: gasp_download_manager --models saliency_pred"),
        ("InferMetricsDAVE", [], "data.reader is empty: name a data set (--set data.reader=coutrot1)"),
        ("InferMetricsGASPTrain", [], "integrator.name: this config is completed by a training"),
        (METRICS, [], "run: gasp_download_manager --datasets processed/Grouped_frames/coutrot1 processed/"),
    ],
)
def test_what_is_wrong_ends_with_one_line_and_code_2(
    here: Path,
    config: str,
    sets: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GAZENET_ASSETS", str(here / "no_assets"))
    (here / "empty.csv").write_text(HEAD)
    (here / "bad.csv").write_text("video_id,fps,dataset\nclip_1,25,coutrot1\n")
    (here / "nature.csv").write_text(HEAD + "clip_1,25,Nature,coutrot1\n")
    assert infer.main(["--infer_config", config, *(["--set", *sets] if sets else [])]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("gasp_infer")]
    assert len(error) == 1 and said in error[0], error
    assert not (here / "runs").exists()


def test_the_missing_weights_are_named_together_with_the_embedded_way(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAZENET_ASSETS", str(here / "no_assets"))
    assert infer.main(["--infer_config", GENERATOR, "--set", "data.split=mine.csv"]) == 2
    error = capsys.readouterr().err
    for model in ("pretrained_dave_orig", "pretrained_esr9_orig", "pretrained_gaze360_orig", "pretrained_videogaze"):
        assert model in error
    assert "gasp_infer --infer_config default --input VIDEO" in error
    assert infer.main(["--infer_config", GENERATOR, "--dry_run", "--set", "data.split=mine.csv"]) == 2
    plan = capsys.readouterr().out
    assert "writes clip_1/: published.json, run.json" in plan and f"pictures of every frame in {FRAMES}" in plan


def test_videos_of_ones_own_take_the_place_of_the_data_set(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = "datasets/ave/database1/ERB3_Stimuli/clip_1.avi"
    assert infer.main(["--infer_config", GENERATOR, "--input", video, "--set", *fake_stages()]) == 0
    reader = FrameFolderReader(here / FRAMES, "videos", "clip_1")
    assert reader.pictures == sorted(STEMS) and reader.frames == 20
    sets = [*fake_stages(), "metrics.prediction=odd_sun"]
    assert infer.main(["--infer_config", "InferMetricsDAVE", "--input", video, "--set", *sets]) == 0
    assert "note: no scores: --input and inputs name videos without ground truth" in capsys.readouterr().err


@pytest.mark.slow
def test_the_published_extractors_from_pictures_to_scores(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = published_weights(tmp_path / "weights", monkeypatch)
    sets = ["data.split=mine.csv", stages, "faces.detector=somebody", "map_size=32", "chunk=8"]
    assert infer.main(["--infer_config", GENERATOR, "--set", *sets]) == 0
    reader = FrameFolderReader(here / FRAMES, "coutrot1", "clip_1")
    names = ["captured", *(f"det_transformed_{cue}" for cue in ("dave", "esr9", "gaze360", "vidgaze"))]
    assert reader.pictures == sorted([*names, "transformed_fixmap", "transformed_salmap"])
    assert infer.main(["--infer_config", "InferMetricsDAVE", "--set", "data.reader=coutrot1", *sets]) == 0
    scores, _ = rows(here / "logs/metrics/defaultdave.csv")
    assert scores["video"] == "clip_1" and scores["dataset"] == "coutrot1" and scores["frames"] == "20"
    argv = [
        "--train_config",
        "GASPExp001_DAMGMU1x1Conv",
        "--set",
        "trainer.max_epochs=1",
        "logger=",
        "trainer.batch_size=1",
    ]
    source = '[{"dataset": "coutrot1", "split": "mine.csv"}]'
    argv += [f"data.{part}={source}" for part in ("train", "validation", "test")]
    assert train.main([*argv, "output=runs/train/exp", "--infer_configs", "InferMetricsGASPTrain"]) == 0
    row, _ = rows(here / "runs/train/exp/infer/0/evaluation.csv")
    assert row["video"] == "coutrot1-clip_1" and row["frames"] == "20"
    shown = ["--infer_config", "InferVisualizeGASPDAMGMU1x1Conv", "--set", "data.split=mine.csv", "max_side=64"]
    assert infer.main([*shown, "integrator.parameters.weights=runs/train/exp/last_model.pt"]) == 0
    left = here / "runs/infer/InferVisualizeGASPDAMGMU1x1Conv/coutrot1-clip_1"
    assert {"overlay.mp4", "saliency.mp4", "report.html", "saliency.npy"} <= {path.name for path in left.iterdir()}
