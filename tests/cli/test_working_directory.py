"""A laid-out working directory: the published tree, and the commands of the release unchanged from within it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazenet.assets.asset_store import installed_catalogue, remedy
from gazenet.cli import download_manager
from gazenet.config.inference_experiments import infer_names
from gazenet.config.load import load_config
from gazenet.config.training_experiments import experiment_names
from gazenet.data.splits import read_split, social, split_names

FLAGSHIP = "GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"
VISUALISE = "InferVisualizeGASPSeqDAMALSTMGMU1x1Conv_10Norm"
STEMS = ("captured", *(f"det_transformed_{name}" for name in ("dave", "esr9", "vidgaze", "gaze360")))
TRUTH = ("transformed_salmap", "transformed_fixmap")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as gasp_download_manager leaves it, with the pictures of two frames of every video of the test."""
    folder = tmp_path_factory.mktemp("gasp")
    assert command(folder, f"gasp_download_manager --working_dir {folder}").returncode == 0
    picture = Image.fromarray(np.full((20, 30, 3), 90, np.uint8))
    for row in social(read_split("test_ave")):
        for frame in (1, 2):
            place = folder / "datasets/processed/Grouped_frames" / row.dataset / row.video_id / str(frame)
            place.mkdir(parents=True)
            for stem in (*STEMS, *TRUTH):
                picture.save(place / f"{stem}_1.jpg")
    return folder


def command(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in a folder, without any variable of this project."""
    name, *words = shlex.split(line)
    free = {key: value for key, value in os.environ.items() if not key.startswith(("GASP_", "COMET_"))}
    env = {**free, "GAZENET_ASSETS": str(folder / "no assets"), "OMP_NUM_THREADS": "1"}
    program = str(Path(sys.executable).parent / name)
    return subprocess.run([program, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def test_the_tree_is_the_published_one(work: Path) -> None:
    assert {path.name for path in work.iterdir()} == {"datasets", "gazenet", "logs", "temp"}
    assert {path.name for path in (work / "gazenet").iterdir()} == {"configs", "models"}
    assert {path.name for path in (work / "gazenet/configs").iterdir()} == {"infer_configs", "train_configs"}
    assert (work / "logs/metrics").is_dir()
    tables = {path.stem for path in (work / "datasets/processed").glob("*.csv")}
    assert tables == {*split_names(), "wtmsimgaze2020_video_conditions"} and len(tables) == 23
    trained = {path.stem for path in (work / "gazenet/configs/train_configs").glob("*.json")}
    inferred = {path.stem for path in (work / "gazenet/configs/infer_configs").glob("*.json")}
    assert len(experiment_names()) == 134 and trained >= set(experiment_names())
    assert len(infer_names()) == 17 and inferred >= set(infer_names())
    assert not list(work.rglob("*.py"))


def test_files_of_configs_are_the_configs(work: Path) -> None:
    for name in (FLAGSHIP, "GASPExp003_SeqDAMALSTMGMU1x1Conv_10Norm_STAViS_2", "TrainPlayground001"):
        assert load_config("train", work / f"gazenet/configs/train_configs/{name}.json") == load_config("train", name)
    for name in (VISUALISE, "InferGeneratorAllModelsDIEM", "default"):
        assert load_config("infer", work / f"gazenet/configs/infer_configs/{name}.json") == load_config("infer", name)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "gasp_download_manager --working_dir . --datasets processed/Grouped_frames/coutrot1 "
            "processed/Grouped_frames/coutrot2 processed/Grouped_frames/diem "
            "--models 'saliency_prediction/gasp/<...>' "
            "'emotion_recognition/esr9/<...>' 'gaze_estimation/gaze360/<...>' 'gaze_following/videogaze/<...>' "
            "'saliency_prediction/dave/<...>' --dry_run",
            "to be fetched",
        ),
        (
            f"gasp_train --train_config {FLAGSHIP} --infer_configs InferMetricsGASPTrain --max_epochs 2000 "
            "--gpus '0,' --check_val_every_n_epoch 49 --checkpoint_save_every_n_epoch 50 --checkpoint_save_n_top 5 "
            '--logger_name "comet" --compute_metrics --val_store_image_samples --dry_run',
            '"max_epochs": 2000',
        ),
        (
            f"gasp_train --train_config_file gazenet/configs/train_configs/{FLAGSHIP}.json --max_epochs 7 --dry_run",
            '"max_epochs": 7',
        ),
        (f"gasp_scripts --working_dir . --scripts clean_temp generate_config_files --configs {VISUALISE}", "empty: "),
    ],
)
def test_published_commands_run_unchanged(work: Path, line: str, said: str) -> None:
    done = command(work, line)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


@pytest.mark.parametrize(
    ("line", "planned"),
    [
        (f"gasp_infer --infer_config_file gazenet/configs/infer_configs/{VISUALISE}.json", False),
        ("gasp_infer --infer_config InferMetricsGASP --dry_run", True),
    ],
)
def test_without_weights_the_embedded_way_stands_beside_the_download(work: Path, line: str, planned: bool) -> None:
    done = command(work, line)
    assert done.returncode == 2
    if planned:
        assert "weights saliency_prediction/gasp/checkpoints" in done.stdout and "missing" in done.stdout
        return
    assert done.stderr.count("\n") == 1
    assert (
        "run: gasp_download_manager --models saliency_prediction/gasp/checkpoints/pretrained_sequence" in done.stderr
    )
    assert "without any download" in done.stderr and "--infer_config default --input VIDEO" in done.stderr


def test_every_published_cue_names_what_is_embedded() -> None:
    said = {asset.id: remedy(asset) for asset in installed_catalogue() if asset.role == "model"}
    orig = {name: text for name, text in said.items() if name.endswith("_orig")}
    assert len(orig) >= 7 and all("without it: the embedded extractor" in text for text in orig.values())
    assert "embedded integrator" in next(text for name, text in said.items() if "GASPDAMEncGMUConv" in name)


def test_an_edited_split_of_the_directory_is_the_one_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(read_split("test_ave")) == 29
    assert download_manager.main(["--working_dir", str(tmp_path)]) == 0
    path = tmp_path / "datasets/processed/test_ave.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:3]) + "\n")
    assert len(read_split("test_ave")) == 2


def test_a_catalogue_is_looked_for_where_the_command_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    asset = {"id": "net", "kind": "published", "role": "model", "result": ["net.bin"], "licence": "MIT", "source": "t"}
    asset["files"] = [{"save_as": "net.bin", "sources": [{"kind": "http", "url": "https://localhost/net.bin"}]}]
    (tmp_path / "mine.json").write_text(json.dumps({"assets": [asset]}))
    monkeypatch.chdir(tmp_path)
    assert download_manager.main(["--catalogue", "mine.json", "--working_dir", "work", "--list"]) == 0
    assert "\nnet " in capsys.readouterr().out
