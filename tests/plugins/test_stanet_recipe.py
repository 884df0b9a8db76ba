"""STANet through ``gasp_train``: its steps, its configs, what is refused, what a resume continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.cli import train
from gazenet.config.load import config_names
from gazenet.media import read_image
from gazenet.training.recipe_loading import find_recipe
from gazenet_plugins.stanet.checkpoints import load_saliency
from gazenet_plugins.stanet.classifiers import SpatialClassifier
from gazenet_plugins.stanet.losses import soft_margin
from gazenet_plugins.stanet.recipe import FITS, STEPS, StanetConfig
from gazenet_plugins.stanet.report import as_text, report
from gazenet_plugins.stanet.sta import STA32
from gazenet_plugins.stanet.tasks import StanetTask
from gazenet_plugins.stanet.training import NETWORKS
from gazenet_plugins.stanet.trunks import SMALL
from gazenet_plugins.stanet.workspace import (
    Confidence,
    Workspace,
    read_box,
    read_confidences,
)
from tests.plugins.made_up_ave import KINDS, MadeUp, batch, made_up_ave


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    return made_up_ave(tmp_path_factory.mktemp("ave"), per_category=3)


def config_of(made: MadeUp, folder: Path, **keys: Any) -> Path:
    """A config of a small network on the made-up set, with output ``<folder>/out``."""
    data = {"videos": str(made.videos), "lists": str(made.lists), "validation": "valSet.txt", "categories": [*KINDS]}
    trainer = {"max_epochs": 4, "sta_epochs": 2, "batch_size": 5, "learning_rate": 0.003, "milestones": []}
    config = {
        "recipe": "stanet",
        "data": {**data, **keys.pop("data", {})},
        "trunk": "resnet18",
        "sound": "fusion",
        "coarse_size": 96,
        "fine_size": 96,
        "trainer": {**trainer, "gradient_clip": 5.0, "save_weights_every_n_epoch": 2, **keys.pop("trainer", {})},
        "logger": "",
        "output": str(folder / "out"),
    }
    path = folder / "stanet.json"
    path.write_text(json.dumps({**config, **keys}))
    return path


def test_every_step_has_a_config_and_one_does_all() -> None:
    names = [name for name in config_names("train") if name.startswith("stanet")]
    configs = {name: find_recipe(name).config() for name in names}
    assert sorted(names) == sorted(["stanet", *(f"stanet_{step}" for step in STEPS)])
    for name, config in configs.items():
        assert isinstance(config, StanetConfig)
        assert config.steps == (STEPS if name == "stanet" else (name.removeprefix("stanet_"),))
        assert config.output == configs["stanet"].output
    assert set(FITS) == set(NETWORKS)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"coarse_size": 96, "sound": "deconvolution"}, "coarse_size must be 225 to 256 with sound deconvolution"),
        ({"choose": {"coarse_x": 3}}, "choose: no network coarse_x; there are coarse_s,"),
        ({"choose": {"sta": 3}}, "choose: sta has the epochs 1 to 2, not 3"),
        ({"choose": {"fine_s": "best"}, "data": {"validation": ""}}, "data.validation, which names no list"),
        ({"data": {"categories": ["Bark", "Bark", "Bus"]}}, "categories: 'Bark' is listed more than once"),
        ({"data": {"categories": ["Bark", "Bus"]}}, "trainSet.txt:2: 'Violin, fiddle' is none of the 2 known"),
        ({"data": {"train": "none.txt"}}, "none.txt: no such file; it is part of the AVE data set"),
        ({"data": {"videos": "none"}}, "data.videos: none: no such folder"),
        ({"visual": "none.pth"}, "visual: none.pth: no such file"),
        ({"steps": ["coarse"]}, "steps.0: input should be 'prepare',"),
        ({"steps": ["coarse_s"]}, "run the step prepare"),
        ({"steps": ["fine_maps"]}, "no finished network; run the step fine_s first"),
    ],
)
def test_wrong_requests(
    keys: dict[str, Any], said: str, made: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if keys.get("steps") == ["fine_maps"]:
        assert train.main(["--train_config_file", str(config_of(made, tmp_path, steps=["prepare"]))]) == 0
        capsys.readouterr()
    assert train.main(["--train_config_file", str(config_of(made, tmp_path, **keys))]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_lists_and_folders_that_disagree(made: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    videos, lists = tmp_path / "videos", tmp_path / "lists"
    lists.mkdir()
    lines = (made.lists / "trainSet.txt").read_text().splitlines()
    (lists / "trainSet.txt").write_text("\n".join(lines[:2]))
    for line in lines[:2]:
        category, name = line.split("&")[:2]
        (videos / category).mkdir(parents=True)
        (videos / category / f"{name}.mp4").write_bytes((made.videos / f"{name}.mp4").read_bytes())
    own = {"videos": str(videos), "lists": str(lists), "validation": ""}
    path = config_of(made, tmp_path, data=own, steps=["prepare"])
    assert train.main(["--train_config_file", str(path)]) == 0
    assert json.loads((tmp_path / "out" / "steps" / "prepare.json").read_text())["seconds"] == 10
    capsys.readouterr()
    for text, said in (
        (f"{lines[0]}\nBark&-video00001&good&0&5", "trainSet.txt:2: lists -video00001 as 'Bark', but its file is"),
        (f"{lines[0]}\nBark&-video00099&good&0&5", "trainSet.txt:2: "),
        (f"{lines[0]}\nBark&-video00001&good", "trainSet.txt:2: 3 fields separated by &"),
    ):
        (lists / "trainSet.txt").write_text(text)
        assert train.main(["--train_config_file", str(path)]) == 2
        assert said in capsys.readouterr().err


def test_a_video_without_sound_is_named_or_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = made_up_ave(tmp_path / "set", per_category=2, silent=1)
    path = config_of(silent, tmp_path, steps=["prepare"])
    assert train.main(["--train_config_file", str(path)]) == 2
    error = capsys.readouterr().err
    assert "-video00001.mp4: has no second of sound (" in error and "trainSet.txt:2" in error
    assert train.main(["--train_config_file", str(path), "--set", "data.silent=skip"]) == 0
    done = json.loads((tmp_path / "out" / "steps" / "prepare.json").read_text())
    assert done == {"videos": 6, "silent": ["-video00001"], "seconds": 25}


def test_soft_margin_is_another_loss(made: MadeUp, tmp_path: Path) -> None:
    config = find_recipe(config_of(made, tmp_path, trainer={"loss": "soft_margin"})).config()
    assert isinstance(config, StanetConfig)
    task = StanetTask(config, "coarse", "S").eval()
    item = {**batch(64, 1), "class_id": torch.tensor([0, 2])}
    out = task.network(item["images"][:, 0])
    want = soft_margin(out.logits1, item["class_id"]) + soft_margin(out.logits2, item["class_id"])
    found = task.outcome(item)
    assert torch.allclose(found.terms["class"], want) and 0 <= float(found.values["accuracy"]) <= 1
    assert task.pictures(item)["maps"].shape == (64, 128, 3)


def test_a_report_counts_right_answers_per_class() -> None:
    said = [(0, 0), (0, 0), (0, 1), (1, 1), (2, 1)]
    answers = [Confidence("S", "00", predicted, 0.5, true, 0.5) for true, predicted in said]
    found = report(answers, ("dog", "bus", "cat", "bell"))
    assert found["accuracy"] == 0.6
    assert found["classes"]["dog"] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "f1": 0.8, "support": 3}
    assert found["classes"]["bus"]["precision"] == pytest.approx(1 / 3) and found["classes"]["cat"]["f1"] == 0
    text = as_text(found)
    assert "dog" in text and "bell" not in text and text.splitlines()[-1].split() == ["accuracy", "0.600", "5"]


def test_a_classifier_cut_in_an_epoch_continues_to_the_same_weights(
    made: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = {"max_epochs": 2, "milestones": [2], "save_weights_every_n_epoch": 1}
    path = config_of(made, tmp_path, steps=["prepare", "coarse_s"], coarse_size=64, trainer=trainer)
    argv = ["--train_config_file", str(path), "--set"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert train.main([*argv, f"output={whole}", 'logger="tensorboard"', "trainer.val_store_image_samples=true"]) == 0
    outcome = StanetTask.outcome

    def dies(self: StanetTask, batch: Any) -> Any:
        if self.training and self.trainer.global_step == 8:
            raise RuntimeError("killed")
        return outcome(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(StanetTask, "outcome", dies)
        assert train.main([*argv, f"output={cut}"]) == 1
    assert train.main([*argv, f"output={cut}", "--resume"]) == 0
    files = [Workspace(folder).weights("coarse", "S", 2) for folder in (whole, cut)]
    one, other = (torch.load(file, weights_only=True) for file in files)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert SpatialClassifier(3, SMALL).state_dict().keys() == one.keys()
    assert json.loads(files[0].with_name("classes.json").read_text()) == list(KINDS)
    assert sorted(file.name for file in files[0].parent.glob("*.pth")) == ["AVE_S_001.pth", "AVE_S_002.pth"]
    assert (whole / "coarse_s" / "samples" / "epoch-001_batch-00_maps.png").exists()
    (events,) = (whole / "coarse_s" / "log").glob("events*")
    assert b"maps" in events.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_whole_chain_finds_the_object_and_resumes_at_the_step_where_it_stopped(
    made: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_of(made, tmp_path, choose={"coarse_s": "best", "fine_sa": 2}, data={"test": "valSet.txt"})
    with monkeypatch.context() as patched:
        patched.setattr("gazenet_plugins.stanet.training.crop", lambda *_: 1 / 0)
        assert train.main(["--train_config_file", str(path)]) == 1
    capsys.readouterr()
    assert train.main(["--train_config_file", str(path), "--resume"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:5] == [f"{step}: done before" for step in STEPS[:5]] and not told[5].endswith("before")
    files = Workspace(tmp_path / "out")
    seconds = {file: (file.parent.name, int(file.stem)) for file in sorted((files.root / "GT").glob("*/*.png"))}
    assert len(seconds) == 9 * 5
    pointed = [made.hit(*second, read_image(file)[..., 0]) for file, second in seconds.items()]
    assert np.mean(pointed) >= 2 * made.chance
    for file, (video, second) in seconds.items():
        top, bottom, left, right = read_box(files.box(video, second))
        crop = read_image(files.picture("fine", video, second))
        assert crop.shape == (bottom - top + 1, right - left + 1, 3)
        target = read_image(file)[..., 0].copy()
        assert target.shape == (356, 356) and target.max() >= 200  # shrunk to the box, the peak loses a little
        target[top : bottom + 1, left : right + 1] = 0
        assert not target.any()
        assert len(read_confidences(files.confidences("fine", video, second))) == 3
    assert "Violin, fiddle" in (tmp_path / "out" / "coarse" / "S" / "report_train.txt").read_text()
    assert any((tmp_path / "out" / "coarse" / "SA").glob("*_train.png"))
    plain, over = files.results("-video00006", 2)
    assert read_image(plain).shape == read_image(over).shape == (356, 356, 3)
    network = load_saliency(files.weights("fine", "STA", 2))
    assert isinstance(network, STA32) and network.extra_linearv.in_features == SMALL.channels[2]
