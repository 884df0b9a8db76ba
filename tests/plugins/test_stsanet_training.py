"""Training of STSANet: its loss, its schedule, its clips, and runs of the smallest network."""

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
from gazenet.errors import UsageError
from gazenet.training.recipe_loading import find_recipe
from gazenet_plugins.stsanet import losses, training
from gazenet_plugins.stsanet.clips import FixedClips, RandomClips, learnable
from gazenet_plugins.stsanet.network import STSANet
from gazenet_plugins.stsanet.published_sets import moved, picture_videos
from gazenet_plugins.stsanet.recipe import PublishedSet, StsanetConfig, StsanetFit
from gazenet_plugins.stsanet.training import StsanetTask, StsanetTraining, decays
from tests.clips import make_clip

SIZE = (32, 64)


@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0.01, 50))
@settings(max_examples=30, deadline=None)
def test_losses_are_the_formulas(seed: int, batch: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    p, g = (rng.random((batch, 6, 7)) for _ in range(2))
    kld, cc = [], []
    for one, other in zip(p, g, strict=True):
        q, t = one / one.sum(), other / other.sum()
        kld.append((t * np.log(2.2204e-16 + t / (q + 2.2204e-16))).sum())
        cc.append(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    found = losses.terms(torch.from_numpy(p), torch.from_numpy(g))
    assert found["kld"] == pytest.approx(np.mean(kld)) and found["kld"] >= -1e-9
    assert found["cc"] == pytest.approx(-np.mean(cc))
    scaled = losses.terms(torch.from_numpy(p * scale), torch.from_numpy(g))
    assert {name: float(value) for name, value in scaled.items()} == pytest.approx(
        {name: float(value) for name, value in found.items()}, abs=1e-9
    )
    perfect = losses.terms(torch.from_numpy(g), torch.from_numpy(g))
    assert float(perfect["kld"]) == pytest.approx(0, abs=1e-9) and float(perfect["cc"]) == pytest.approx(-1)


def test_the_rate_falls_at_the_published_epochs() -> None:
    given_settings = StsanetFit()
    falls = [epoch for epoch in range(1, 80) if decays(epoch, given_settings) > decays(epoch - 1, given_settings)]
    assert falls == [12, 18, 27, 36, 45, 54, 63, 72] and decays(18, given_settings) == 2
    assert [decays(epoch, StsanetFit(first_decay=2, decay_period=5)) for epoch in (0, 1, 2, 4, 5, 10)] == [
        0,
        0,
        1,
        1,
        2,
        3,
    ]


def published(root: Path, layout: str, video: str = "001", frames: int = 40, fixated: bool = True) -> PublishedSet:
    """A data set of one video whose red level, map and fixation tell the number of their file, counted from 1."""
    base = {"dhf1k": root / "frames", "diem": root / "training"}.get(layout, root / "training") / video
    notes = {"dhf1k": root / "annotation" / video, "diem": root / "training" / "ann" / video}.get(layout, base)
    folders = {
        "dhf1k": (base / "images", notes / "maps", notes / "fixation"),
        "diem": (base, root / "ann" / video / "maps", root / "ann" / video),
    }.get(layout, (base / "images", base / "maps", base / "fixation"))
    names = {
        "dhf1k": ("{:04d}.png",) * 3,
        "ucf": ("Walk_001_{:03d}.png",) * 3,
        "hollywood2": ("action_{:05d}.png",) * 3,
        "diem": ("img_{:05d}.jpg", "eyeMap_{:05d}.jpg", "fixMap_{:05d}.mat"),
    }[layout]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, frames + 1):
        image = np.zeros((20, 40, 3), np.uint8)
        image[..., 2] = 5 * number
        cv2.imwrite(str(folders[0] / names[0].format(number)), image)
        grey = np.full((20, 40), 4 * number, np.uint8)
        grey[0, 0] = 0
        cv2.imwrite(str(folders[1] / names[1].format(number)), grey)
        points = np.zeros((20, 40), np.uint8)
        points[10, number % 40] = 255 * fixated
        _write_fixations(folders[2] / names[2].format(number), points)
    return PublishedSet(layout=layout, root=str(root), part="train")  # type: ignore[arg-type]


def _write_fixations(path: Path, points: np.ndarray) -> None:
    if path.suffix == ".mat":
        from scipy.io import savemat

        savemat(path, {"eyeMap": points})
    else:
        cv2.imwrite(str(path), points)


VIDEO_OF = {"dhf1k": "001", "ucf": "Walk-001", "hollywood2": "action_clip3", "diem": "one_trailer"}


@pytest.mark.parametrize(("layout", "label", "starts"), [("dhf1k", 16, 8), ("ucf", 16, 8), ("hollywood2", 16, 9)])
def test_published_folders_pair_a_clip_with_its_label(layout: str, label: int, starts: int, tmp_path: Path) -> None:
    (video,) = picture_videos([published(tmp_path, layout, VIDEO_OF[layout])], "train", SIZE)
    assert (len(video), video.starts) == (40, starts)
    clip = video.clip(3, 32)
    assert clip.shape == (32, *SIZE, 3)
    assert clip[:, 5, 5, 0].tolist() == [5 * number for number in range(4, 36)]
    density, fixations = video.label(3)
    assert density[20, 30] == pytest.approx(4 * (3 + label) / 255)
    assert np.argwhere(fixations).tolist() == [[16, round((3 + label) % 40 * 64 / 40)]]
    assert list(video.validation_starts) == {"dhf1k": [0], "ucf": [0, 4, 8], "hollywood2": [0]}[layout]


def test_diem_is_labelled_at_its_first_frame(tmp_path: Path) -> None:
    (video,) = picture_videos([published(tmp_path, "diem", VIDEO_OF["diem"])], "train", SIZE)
    assert video.clip(3, 1)[0, 5, 5, 0] == pytest.approx(20, abs=2)
    density, fixations = video.label(3)
    assert density[20, 30] == pytest.approx(16 / 255, abs=0.01) and fixations[16].argmax() == round(4 * 64 / 40)


def test_folders_that_are_not_as_published_are_named(tmp_path: Path) -> None:
    given_set = published(tmp_path, "dhf1k", frames=3)
    for change, message in (
        ({"items": ("009",)}, "has no train video 009"),
        ({"part": "validation"}, "has no validation video"),
        ({"layout": "ucf"}, "training: no such folder"),
    ):
        wrong = given_set.model_copy(update=change)
        with pytest.raises(UsageError, match=message):
            picture_videos([wrong], wrong.part, SIZE)
    (tmp_path / "annotation" / "001" / "maps" / "0001.png").unlink()
    with pytest.raises(UsageError, match=r"0001\.png: no such file"):
        picture_videos([given_set], "train", SIZE)


def test_no_fixated_pixel_is_lost_when_maps_shrink() -> None:
    points = np.zeros((20, 40), np.uint8)
    points[19, 39] = points[0, 0] = points[7, 12] = 255
    assert np.argwhere(moved(points, 10, 20)).tolist() == [[0, 0], [4, 6], [9, 19]]
    assert np.array_equal(moved(points, 20, 40) > 0, points > 0)


def test_clips_without_a_fixation_are_left_out(tmp_path: Path) -> None:
    videos = picture_videos([published(tmp_path / "a", "ucf", "Walk-001")], "train", SIZE)
    empty = picture_videos([published(tmp_path / "b", "ucf", "Walk-001", fixated=False)], "train", SIZE)
    assert [learnable(one) for one in (*videos, *empty)] == [True, False]
    assert (len(FixedClips(videos)), len(FixedClips(empty))) == (3, 0)
    clips = RandomClips(videos, repeats=2)
    one, again, other = (clips.sample(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(clips) == 2 and one["clip"].shape == (3, 32, *SIZE)
    assert torch.equal(one["clip"], again["clip"]) and not torch.equal(one["clip"], other["clip"])


class Small(nn.Module):
    """In place of the network, which takes a minute: brightness of the target frame, weighted."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.weights = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, clip: Tensor) -> Tensor:
        return self.weights(clip[:, :, 15]).sigmoid()[:, 0]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A config on a FindWho folder of two videos with a moving blob that people look at."""
    folder = tmp_path / "sets" / "findwho"
    (folder / "raw_videos").mkdir(parents=True)
    rows = ["video,subject,start_ms,duration_ms,x,y"]
    for video in ("001", "002"):
        make_clip(folder / "raw_videos" / f"{video}.mp4", frames=40, size=(32, 64), rate=Fraction(10))
        for k in range(40):
            rows += [f"{video},{who},{100 * k},100,{1280 * (0.2 + 0.02 * k):.0f},{340 + 20 * who}" for who in (1, 2)]
    (folder / "fixations.csv").write_text("\n".join(rows) + "\n")
    config = {
        "recipe": "stsanet",
        "input_size": [32, 64],
        "cache_dir": str(tmp_path / "cache"),
        "data": {
            "root": str(tmp_path / "sets"),
            "train": [{"dataset": "findwho", "items": ["001"]}],
            "validation": [{"dataset": "findwho", "items": ["002"]}],
            "clips_per_video": 4,
            "validation_stride": 8,
        },
        "trainer": {"max_epochs": 5, "batch_size": 2, "first_decay": 2, "decay_period": 2, "learning_rate": 0.05},
        "logger": "",
        "output": str(tmp_path / "out"),
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(config))
    return path


def rates(path: Path) -> list[float]:
    content = torch.load(path, weights_only=False)
    return [group["lr"] for group in content["optimizer_states"][0]["param_groups"]]


@pytest.mark.parametrize("sets", [[], ["trainer.forget_moments=true", "trainer.reload_best=false"]])
def test_a_cut_training_continues_to_the_same_weights(
    sets: list[str], mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through two falls of the rate, at which the best weights come back; the second is that of the resume."""
    monkeypatch.setattr(training, "STSANet", Small)
    argv = ["--train_config_file", str(mine), "--set", *sets]
    assert train.main([*argv, f"output={tmp_path / 'whole'}", "trainer.val_store_image_samples=true"]) == 0
    outcome = StsanetTask.outcome

    def dies(self: StsanetTask, batch: Any) -> Any:
        if self.current_epoch == 4 and self.training:
            raise RuntimeError("killed")
        return outcome(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(StsanetTask, "outcome", dies)
        assert train.main([*argv, f"output={tmp_path / 'cut'}"]) == 1
    assert not (tmp_path / "cut" / "stsanet.pth").exists()
    assert train.main([*argv, f"output={tmp_path / 'cut'}", "--resume"]) == 0
    one, other = (torch.load(tmp_path / name / "stsanet.pth", weights_only=True) for name in ("whole", "cut"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert rates(tmp_path / "cut" / "last.ckpt") == pytest.approx([0.05 * 0.1**2])
    header = (tmp_path / "whole" / "epochs.csv").read_text().splitlines()[0].split(",")
    assert {"val_nss", "val_auc_judd", "val_sim", "val_loss", "train_kld", "train_cc"} <= set(header)
    assert (tmp_path / "whole" / "samples" / "epoch-001_batch-00_map.png").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("input_size=[30,64]", "input_size must be [height, width], both multiples of 32"),
        ("data.train=[]", "train and published name nothing to learn from"),
        ("backbone=none.pth", "backbone: none.pth: no such file"),
        ('data.train.0.items=["007"]', "no item 007"),
        ("data.min_observers=3", "no target frame of its videos has a fixation"),
        ('trainer.keep="newest"', "trainer.keep: input should be 'last' or 'best'"),
    ],
)
def test_wrong_requests(change: str, said: str, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--train_config_file", str(mine), "--set", change]) == 2
    error = capsys.readouterr().err
    assert said in error.splitlines()[-1]


def test_best_needs_something_to_validate_on(mine: Path) -> None:
    config = find_recipe(mine).config(["data.validation=[]", 'trainer.keep="best"'])
    assert isinstance(config, StsanetConfig) and not config.validated
    with pytest.raises(UsageError, match="names nothing to validate on"):
        StsanetTraining(config)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_network_itself_learns_and_the_extractor_takes_it(mine: Path, tmp_path: Path) -> None:
    from gazenet_plugins.stsanet.checkpoint import load_stsanet

    torch.manual_seed(1)
    encoder = {key: value for key, value in STSANet((32, 32)).state_dict().items() if key.startswith("base")}
    torch.save({**encoder, "fc.0.weight": torch.zeros(2)}, tmp_path / "S3D_backbone.pth")
    sets = ["trainer.max_epochs=1", "data.clips_per_video=2", "data.validation_stride=40", "trainer.batch_size=1"]
    sets += [f"backbone={tmp_path / 'S3D_backbone.pth'}", "trainer.learning_rate=1e-9"]
    assert train.main(["--train_config_file", str(mine), "--set", *sets]) == 0
    network = load_stsanet(tmp_path / "out" / "stsanet.pth", SIZE)
    state = network.state_dict()
    assert torch.allclose(state["base1.0.conv_s.weight"], encoder["base1.0.conv_s.weight"], atol=1e-6)
    assert not torch.equal(state["base1.0.conv_s.weight"], encoder["base1.0.conv_s.weight"])
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert np.isfinite(result["values"]["train_loss"])
