"""Training of the DeepLab saliency: its losses, its frames, and runs that are cut and continued."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gazenet.cli import train
from gazenet.training.fixation_videos import FixatedVideo, open_videos
from gazenet.training.recipe_config import SourceConfig
from gazenet_plugins.deeplab_saliency import losses, training
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency
from gazenet_plugins.deeplab_saliency.frames import FixedFrames, RandomFrames, SampleChanges, recoloured, sources
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency, normalised
from gazenet_plugins.deeplab_saliency.recipe import LossWeights
from gazenet_plugins.deeplab_saliency.training import DeeplabTask, weighted
from gazenet_plugins.deeplab_saliency.variant import PUBLISHED, Variant
from tests.clips import make_clip

SIZE = (16, 32)


@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0.05, 50))
@settings(max_examples=30, deadline=None)
def test_losses_are_the_formulas(seed: int, batch: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    p, g = (rng.random((batch, 6, 7)) for _ in range(2))
    hit = np.zeros((batch, 6, 7))
    hit[:, rng.integers(6), rng.integers(7)] = 3
    cc = [1 - np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(p, g, strict=True)]
    nss = [-((one - one.mean()) / one.std())[where > 0].mean() for one, where in zip(p, hit, strict=True)]
    a, b, c = (torch.from_numpy(one) for one in (p * scale, g, hit))
    assert float(losses.decorrelation(a, b)) == pytest.approx(np.mean(cc), abs=1e-6)
    assert float(losses.missed_fixations(a, c)) == pytest.approx(np.mean(nss), abs=1e-4)
    assert float(losses.decorrelation(b, b)) == pytest.approx(0, abs=1e-6)
    found = weighted(a, b, c, LossWeights(kld=2, cc=0, nss=0.5))
    assert set(found) == {"loss_kld", "loss_nss"}
    assert float(found["loss_kld"]) == pytest.approx(2 * float(losses.divergence(a, b)))
    assert float(found["loss_nss"]) == pytest.approx(0.5 * np.mean(nss), abs=1e-4)


def test_a_map_that_is_the_same_everywhere_has_finite_slopes() -> None:
    flat = torch.full((2, 1, 4, 5), 0.3, requires_grad=True)
    target, hit = torch.rand(2, 1, 4, 5), torch.ones(2, 1, 4, 5)
    (losses.decorrelation(flat, target) + losses.missed_fixations(flat, hit)).backward()
    assert flat.grad is not None and torch.isfinite(flat.grad).all()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two FindWho videos and three OSIE pictures, where people look at a blob; in picture 1 at its left."""
    folder = tmp_path / "sets" / "findwho"
    (folder / "raw_videos").mkdir(parents=True)
    rows = ["video,subject,start_ms,duration_ms,x,y"]
    for video in ("001", "002"):
        make_clip(folder / "raw_videos" / f"{video}.mp4", frames=20, size=SIZE, rate=Fraction(10))
        rows += [f"{video},1,{100 * k},100,{1280 * (0.2 + 0.02 * k):.0f},360" for k in range(20) if k not in (7, 8)]
    (folder / "fixations.csv").write_text("\n".join(rows) + "\n")
    stills = tmp_path / "sets" / "osie"
    (stills / "images").mkdir(parents=True)
    rows = ["image,subject,order,x,y,duration_ms"]
    for number in (1, 2, 3):
        image = np.zeros((24, 32, 3), np.uint8)
        image[:, : 8 * number] = (10, 60, 200)
        cv2.imwrite(str(stills / "images" / f"{number}.png"), image)
        rows.append(f"{number}.png,1,1,{200 * number - 100},300,200")
    (stills / "fixations.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "sets"


def videos(root: Path, dataset: str, **keys: Any) -> list[FixatedVideo]:
    source = SourceConfig.model_validate({"dataset": dataset, **keys})
    return open_videos([source], root, SIZE, root.parent / "cache")


def test_a_mirrored_sample_is_mirrored_in_all_its_parts(root: Path) -> None:
    (still,) = sources(videos(root, "osie", items=("1.png",)), SIZE, PUBLISHED, 1, "train")
    sample = still.sample(0)
    frames, density, fixations = (sample[name] for name in ("frames", "density", "fixations"))
    assert frames.shape == (3, *SIZE) and density.shape == fixations.shape == SIZE
    assert frames[0, 8, 2] > 150 > frames[0, 8, 20] and density.argmax() % 32 in (3, 4)
    seen = []
    for seed in range(8):
        changed = SampleChanges(flip=True)(sample, np.random.default_rng(seed))
        mirrored = not torch.equal(changed["frames"], frames)
        seen.append(mirrored)
        for name, value in sample.items():
            assert torch.equal(changed[name], value.flip(-1) if mirrored else value), name
        assert (changed["fixations"].argmax() % 32 > 16) == mirrored
    assert {True, False} == set(seen)


def test_colours_change_as_they_are_told() -> None:
    frames = torch.randint(60, 120, (2, 3, 5, 6), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert torch.equal(recoloured(frames, 1, 1, 1), frames)
    assert torch.equal(recoloured(frames, 2, 1, 1), 2 * frames)
    grey = recoloured(frames, 1, 1, 0).float()
    assert float((grey - grey.mean(1, keepdim=True)).abs().max()) <= 0.5
    harder = recoloured(frames, 1, 1.5, 1).float()
    assert float(harder.std() / frames.float().std()) == pytest.approx(1.5, rel=0.02)
    assert float(harder.mean()) == pytest.approx(float(frames.float().mean()), abs=2)
    sample = {"frames": frames, "density": torch.rand(5, 6)}
    changed = SampleChanges(photometric=0.5)(sample, np.random.default_rng(0))
    assert torch.equal(changed["density"], sample["density"]) and not torch.equal(changed["frames"], frames)
    ratio = changed["frames"].float().mean((1, 2, 3)) / frames.float().mean((1, 2, 3))
    assert float(ratio[0]) == pytest.approx(float(ratio[1]), rel=0.05)  # the frames of a window change alike


def test_a_window_ends_with_its_frame_and_begins_with_copies_of_the_first(root: Path) -> None:
    (video,) = sources(videos(root, "findwho", items=("001",)), SIZE, Variant(frames=3, spacing=4), 1, "train")
    levels = [int(x) for x in video.sample(11)["frames"][:, 0, 1, 1]]
    assert levels == pytest.approx([16 * 3, 16 * 7, 16 * 11], abs=12)
    early = video.sample(2)["frames"]
    assert torch.equal(early[0], early[1]) and not torch.equal(early[1], early[2])
    assert torch.equal(video.sample(11)["frames"][2], torch.from_numpy(video.video.clip(11)[0]).permute(2, 0, 1))


def test_an_epoch_shows_pictures_once_and_videos_as_often_as_wanted(root: Path) -> None:
    given_sources = sources([*videos(root, "osie"), *videos(root, "findwho")], SIZE, PUBLISHED, 1, "train")
    frames = RandomFrames(given_sources, SampleChanges(), repeats=4)
    assert len(frames) == 3 + 2 * 4
    one, again, other = (frames.sample(5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one["frames"], again["frames"]) and not torch.equal(one["density"], other["density"])
    assert torch.equal(frames.sample(0, None)["frames"], normalised(given_sources[0].sample(0)["frames"]))
    drawn = RandomFrames(given_sources, SampleChanges(), repeats=4, draws=5)
    assert len(drawn) == 5
    assert len({float(drawn.sample(0, np.random.default_rng(k))["frames"].sum()) for k in range(12)}) > 4
    fixed = FixedFrames(given_sources, 5)
    assert [frame for _, frame in fixed.places] == [0, 0, 0, *(0, 5, 10, 15) * 2]
    assert 8 not in {frame for _, frame in FixedFrames(given_sources, 1).places}


class Small(nn.Module):
    """In place of the network: a convolution as trunk, and as head; it is random in training as dropout is."""

    def __init__(self, variant: Variant = PUBLISHED) -> None:
        super().__init__()
        self.variant = variant
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.head = nn.Sequential(nn.Dropout2d(0.3), nn.Conv2d(4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.backbone(image)).sigmoid()


@pytest.fixture
def mine(root: Path, tmp_path: Path) -> Path:
    """A config that learns from the pictures and a video, and validates on the other video."""
    config = {
        "recipe": "deeplab_saliency",
        "input_size": list(SIZE),
        "cache_dir": str(tmp_path / "cache"),
        "data": {
            "root": str(root),
            "train": [{"dataset": "findwho", "items": ["001"]}, {"dataset": "osie"}],
            "validation": [{"dataset": "findwho", "items": ["002"]}],
            "frames_per_video": 6,
            "validation_stride": 8,
            "flip": True,
            "photometric": 0.3,
        },
        "loss": {"kld": 1, "cc": 1, "nss": 0.1},
        "trainer": {"max_epochs": 3, "batch_size": 4},
        "logger": "",
        "output": str(tmp_path / "out"),
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("sets", [[], ['trainer.optimizer="adamw"', 'trainer.keep="best"']])
def test_a_cut_training_continues_to_the_same_weights(
    sets: list[str], mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "DeepLabSaliency", Small)
    argv = ["--train_config_file", str(mine), "--set", *sets]
    assert train.main([*argv, f"output={tmp_path / 'whole'}", "trainer.val_store_image_samples=true"]) == 0
    outcome = DeeplabTask.outcome

    def dies(self: DeeplabTask, batch: Any) -> Any:
        if self.current_epoch == 1 and self.training:
            raise RuntimeError("killed")
        return outcome(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(DeeplabTask, "outcome", dies)
        assert train.main([*argv, f"output={tmp_path / 'cut'}"]) == 1
    assert not (tmp_path / "cut" / "deeplab_saliency.pth").exists()
    assert train.main([*argv, f"output={tmp_path / 'cut'}", "--resume"]) == 0
    paths = [tmp_path / name / "deeplab_saliency.pth" for name in ("whole", "cut")]
    one, other = (torch.load(path, weights_only=True) for path in paths)
    assert set(one) == {"state_dict"} and one["state_dict"].keys() == Small().state_dict().keys()
    assert all(torch.equal(one["state_dict"][key], other["state_dict"][key]) for key in one["state_dict"])
    header = (tmp_path / "whole" / "epochs.csv").read_text().splitlines()[0].split(",")
    assert {"val_nss", "val_sim", "val_cc", "val_loss", "train_loss_kld", "train_loss_nss"} <= set(header)
    picture = cv2.imread(str(tmp_path / "whole" / "samples" / "epoch-001_batch-00_map.png"))
    assert picture.shape == (SIZE[0], 3 * SIZE[1], 3)


def test_incomplete_batches_are_left_out_and_a_frozen_trunk_stays(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    outcome = DeeplabTask.outcome

    def looks(self: DeeplabTask, batch: Any) -> Any:
        if self.training:
            seen.append(len(batch["frames"]))
        return outcome(self, batch)

    first = Small()
    monkeypatch.setattr(training, "DeepLabSaliency", Small)
    monkeypatch.setattr(training, "begin_with", lambda network, path: network.load_state_dict(first.state_dict()))
    monkeypatch.setattr(DeeplabTask, "outcome", looks)
    sets = ["freeze=true", f"backbone={mine}", "trainer.max_epochs=1"]
    assert train.main(["--train_config_file", str(mine), "--set", *sets]) == 0
    assert seen == [4, 4]  # of 9
    made = torch.load(tmp_path / "out" / "deeplab_saliency.pth", weights_only=True)["state_dict"]
    for key, value in first.state_dict().items():
        assert torch.equal(made[key], value) == key.startswith("backbone."), key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("input_size=[108,192]", "input_size must be [height, width], both multiples of 8"),
        ("data.train=[]", "data.train"),
        ("backbone=none.pth", "backbone: none.pth: no such file"),
        ("freeze=true", "freeze: a trunk of random weights learns nothing: name a backbone"),
        ("trainer.batch_size=1", "trainer.batch_size"),
        ("trainer.batch_size=16", "9 frames an epoch are no batch of 16"),
        ("trainer.drop_last=false", "an incomplete batch may be of one frame"),
        ("data.draws=3", "data.draws 3 gives no batch of 4"),
        ("data.min_observers=3", "data.train: no frame that 3 or more people looked at"),
        ('loss={"kld":0}', "all weights of the loss are 0"),
        ('network={"frames":4,"spacing":3}', "a window of 4 frames 3 apart: it may reach 8 frames back"),
        ('network.trunk="vgg"', "network.trunk"),
        ('data.train.0.items=["007"]', "no item 007"),
    ],
)
def test_wrong_requests(change: str, said: str, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config_file", str(mine), "--set", change]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_best_needs_something_to_validate_on(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = ["data.validation=[]", 'trainer.keep="best"']
    assert train.main(["--train_config_file", str(mine), "--set", *change]) == 2
    assert "data.validation names nothing" in capsys.readouterr().err.splitlines()[-1]


def test_the_network_itself_learns_and_is_loaded_as_what_it_is(mine: Path, tmp_path: Path) -> None:
    network = {"trunk": "resnet50_thin", "skips": True, "frames": 2, "spacing": 3, "dropout": 0.2}
    sets = [f"network={json.dumps(network)}", "trainer.max_epochs=1", "trainer.checkpoint_save_n_top=0"]
    assert train.main(["--train_config_file", str(mine), "--set", *sets]) == 0
    found = load_saliency(tmp_path / "out" / "deeplab_saliency.pth")
    assert isinstance(found, DeepLabSaliency) and found.variant == Variant.model_validate(network)
    assert found(torch.zeros(1, 2, 3, *SIZE)).shape == (1, 1, *SIZE)
    values = json.loads((tmp_path / "out" / "result.json").read_text())["values"]
    assert np.isfinite([values["train_loss"], values["val_kld"]]).all()
    more = [f"backbone={tmp_path / 'out' / 'deeplab_saliency.pth'}", f"output={tmp_path / 'more'}"]
    assert train.main(["--train_config_file", str(mine), "--set", *sets, *more, "trainer.learning_rate=1e-9"]) == 0
    again = load_saliency(tmp_path / "more" / "deeplab_saliency.pth")
    assert torch.allclose(again.conv1[0].weight, found.conv1[0].weight, atol=1e-6)
