"""Training of ST-ABN: what is read, what is shown to the network, and that it learns to see motion."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from gazenet.cli.train import main
from gazenet.errors import MediaError, UsageError
from gazenet.media.encode import VideoWriter
from gazenet_plugins.st_abn import colour
from gazenet_plugins.st_abn.clips import ActionClips, evaluation_starts, frame_numbers
from gazenet_plugins.st_abn.drawing import BAR, LEAST, enlarged, grid, marked, with_attention
from gazenet_plugins.st_abn.motion_set import CLASSES, film, scene, write_set
from gazenet_plugins.st_abn.network import STABN
from gazenet_plugins.st_abn.recipe import ActionConfig, ActionSet
from gazenet_plugins.st_abn.training import ActionTask, ActionTraining, hits, load_start, scores
from gazenet_plugins.st_abn.videos import read_classes, read_videos


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("motions")
    write_set(folder / "train", 1, 64, 8)
    write_set(folder / "validation", 1, 64, 8, seed=1)
    return folder


def settings(folder: Path, **more: object) -> ActionConfig:
    parts = {
        part: {"root": str(folder / part / "frames"), "labels": str(folder / part / "labels.txt")}
        for part in ("train", "validation")
    }
    data = {**parts, "classes": str(folder / "train/classes.txt"), "frames": 8, "size": 64, "colour": False}
    data |= more.pop("data", {})  # type: ignore[arg-type]
    trainer = {"max_epochs": 1, "batch_size": 4, "lr_steps": [], **more.pop("trainer", {})}  # type: ignore[dict-item]
    base = {"recipe": "st_abn", "depth": 18, "dropout": 0.0, "logger": "", "data": data, "trainer": trainer}
    return ActionConfig.model_validate({**base, "output": str(folder / "run"), **more})


@given(st.integers(1, 200), st.integers(2, 64), st.integers(1, 10))
def test_evaluation_clips_lie_inside_and_in_order(length: int, frames: int, clips: int) -> None:
    starts = evaluation_starts(length, frames, clips)
    assert len(starts) == clips and starts == sorted(starts)
    assert all(0 <= start <= max(length - frames, 0) for start in starts)


def test_evaluation_clips_as_published() -> None:
    assert evaluation_starts(50, 32, 1) == [9]
    assert evaluation_starts(50, 32, 2) == [4, 14]
    assert evaluation_starts(10, 32, 3) == [0, 0, 0]


def test_frames_beyond_the_end() -> None:
    assert frame_numbers(1, 4, 3, "first") == [1, 2, 1, 1]
    assert frame_numbers(1, 4, 3, "last") == [1, 2, 2, 2]


def test_the_light_of_a_clip_is_the_published_formula() -> None:
    amounts = np.array([0.1, -0.2, 0.3])
    values, vectors = colour.EIGENVALUES, colour.EIGENVECTORS
    rgb = [sum(vectors[channel][k] * amounts[k] * values[k] for k in range(3)) for channel in range(3)]
    assert colour.light(amounts) == pytest.approx(rgb[::-1], rel=1e-5)


def test_colours_change_as_they_should() -> None:
    random = np.random.default_rng(0)
    frame = random.uniform(0, 255, (4, 5, 3)).astype(np.float32)
    assert colour.saturated(frame, 1.0) == pytest.approx(frame)
    grey = colour.saturated(frame, 0.0)
    assert grey[..., 0] == pytest.approx(frame @ colour.GREY) and np.ptp(grey, axis=-1).max() < 1e-3
    assert colour.turned(frame, 2.0) == pytest.approx(frame, abs=1.5), "one turn"
    assert colour.turned(colour.turned(frame, 0.3), -0.3) == pytest.approx(frame, abs=1.5)
    clip = np.stack([frame] * 6)
    changed = colour.jitter(clip, np.random.default_rng(3))
    assert changed.shape == clip.shape and changed.dtype == np.float32
    assert np.array_equal(changed, colour.jitter(clip, np.random.default_rng(3)))
    assert len({one.tobytes() for one in changed}) > 1, "frames of a clip get different changes"


def test_samples_are_crops_in_bgr(motions: Path) -> None:
    config = settings(motions, data={"size": 48, "clips": 3})
    videos, names = read_videos(config.data.train, read_classes(config.data.classes), "data.train")
    assert names == list(CLASSES) and [video.label for video in videos] == [0, 1, 2, 3]
    samples = ActionClips(videos, config.data)
    held = samples.sample(2, None)
    assert held["clips"].shape == (3, 3, 8, 48, 48) and int(held["label"]) == 2
    one = samples.sample(2, np.random.default_rng(1))["clips"]
    assert one.shape == (1, 3, 8, 48, 48)
    assert torch.equal(one, samples.sample(2, np.random.default_rng(1))["clips"])
    rgb = np.asarray(Image.open(videos[2].files[0]))[8:56, 8:56].astype(np.float32)
    expected = (rgb[..., ::-1] - [103.53, 116.28, 123.675]) / [57.375, 57.12, 58.395]
    assert held["clips"][0, :, 0].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-5)


def test_small_pictures_are_enlarged_and_flips_are_chosen(motions: Path) -> None:
    config = settings(motions, data={"size": 96, "flip": "horizontal"})
    videos, _ = read_videos(config.data.train, None, "data.train")
    plain = ActionClips(videos, config.data).sample(0, None)["clips"][0]
    assert plain.shape == (3, 8, 96, 96)
    flipped = [ActionClips(videos, config.data).sample(0, np.random.default_rng(k))["clips"][0] for k in range(8)]
    kinds = {torch.equal(one, plain) or (2 if torch.equal(one, plain.flip(3)) else 0) for one in flipped}
    assert kinds == {True, 2}


def test_films_and_folders_are_videos(tmp_path: Path) -> None:
    for label, (name, way) in enumerate(CLASSES.items()):
        (tmp_path / name).mkdir()
        pictures, _ = film(way, 6, scene(6, 64, np.random.default_rng(label)))
        with VideoWriter(tmp_path / name / "a.mp4", 64, 64, Fraction(25)) as writer:
            for k, picture in enumerate(pictures):
                writer.write(picture, k / 25)
    videos, names = read_videos(ActionSet(root=str(tmp_path)), None, "data.train")
    assert names == sorted(CLASSES) and [video.count for video in videos] == [6] * 4
    assert videos[0].frames([5, 0, 5]).shape == (3, 64, 64, 3)
    labels = tmp_path / "labels.txt"
    labels.write_text("left/a 0\nright/a 1\n")
    found, _ = read_videos(ActionSet(root=str(tmp_path), labels=str(labels)), None, "data.train")
    assert [video.label for video in found] == [0, 1] and found[0].files[0].name == "a.mp4"


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("00000 8 0\n00000 eight 1\n", r"line 2: '00000 eight 1' is not"),
        ("00000 8 0 9\n", "line 1: .* is not"),
        ("../00000 8 0\n", "line 1: .* is not"),
        ("00000 8 4\n", r"line 1: class 4, but data.classes names 4 \(0 to 3\)"),
        ("00000 9 0\n", r"line 1: 9 frames, but .*00000 holds 8"),
        ("99999 8 0\n", "line 1: there is neither a folder nor a film"),
        ("\n", "names no video"),
    ],
)
def test_wrong_rows_are_named(motions: Path, tmp_path: Path, labels: str, said: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(labels)
    source = ActionSet(root=str(motions / "train/frames"), labels=str(path))
    with pytest.raises(UsageError, match=said):
        read_videos(source, list(CLASSES), "data.train")


def test_classes_and_folders_that_disagree(tmp_path: Path) -> None:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    source = ActionSet(root=str(tmp_path))
    with pytest.raises(UsageError, match="the folder 'right' is no class"):
        read_videos(source, ["left"], "data.train")
    with pytest.raises(UsageError, match="the class 'up' has no folder"):
        read_videos(source, ["left", "right", "up"], "data.train")
    with pytest.raises(UsageError, match="holds no videos"):
        read_videos(source, None, "data.train")
    classes = tmp_path / "classes.txt"
    classes.write_text("a\nb\na\n")
    with pytest.raises(UsageError, match="names 'a' twice"):
        read_classes(classes)


def test_frames_of_unequal_size_are_refused(motions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "left" / "a"
    folder.mkdir(parents=True)
    for k, size in enumerate([(32, 24), (32, 25)]):
        Image.new("RGB", size).save(folder / f"{k:06d}.png")
    videos, _ = read_videos(ActionSet(root=str(tmp_path)), None, "data.train")
    with pytest.raises(MediaError, match="frames of unequal size \\(32x24 and 32x25\\)"):
        videos[0].frames([0, 1])


def test_several_clips_are_averaged() -> None:
    torch.manual_seed(0)
    network = STABN(18, 8, 5).eval()
    clips = torch.randn(2, 3, 3, 8, 32, 32)
    with torch.inference_mode():
        means = scores(network, clips)
        single = [network(clips[:, k]) for k in range(3)]
    assert means[0] == pytest.approx(torch.stack([one[0].softmax(1) for one in single]).mean(0), abs=1e-5)
    assert means[1].shape == (2, 174)
    probabilities = torch.tensor([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]])
    assert hits(probabilities, torch.tensor([2, 0]), 1).tolist() == [0, 1]
    assert hits(probabilities, torch.tensor([2, 1]), 2).tolist() == [1, 0]
    assert hits(probabilities, torch.tensor([2, 1]), 5).tolist() == [1, 1]


def test_a_picture_network_is_spread_over_time(tmp_path: Path) -> None:
    network = STABN(18, 8, 5)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    flat = {
        "conv1.weight": torch.randn(64, 3, 7, 7),
        "bn1.running_mean": torch.randn(64),
        "layer3.0.conv1.weight": torch.randn(256, 128, 3, 3),
        "fc.weight": torch.randn(1000, 512),
    }
    torch.save(flat, tmp_path / "resnet18.pth")
    load_start(network, tmp_path / "resnet18.pth")
    after = network.state_dict()
    assert torch.equal(after["conv1.weight"][:, :, 0], flat["conv1.weight"])
    kernel = after["layer3.0.conv1.weight"]
    assert kernel.shape[2] == 3 and torch.allclose(kernel.sum(2), flat["layer3.0.conv1.weight"], atol=1e-5)
    assert torch.equal(after["bn1.running_mean"], flat["bn1.running_mean"])
    assert torch.equal(after["fc.weight"], before["fc.weight"])


@pytest.mark.slow
def test_one_published_step(motions: Path) -> None:
    """Both cross-entropies, weight 1 each, one Nesterov step: against the formulas by hand."""
    torch.manual_seed(0)
    config = settings(motions, trainer={"momentum": 0.9})
    task = ActionTask(config, 4).train()
    samples = ActionClips(read_videos(config.data.train, None, "x")[0], config.data)
    one = samples.sample(0, np.random.default_rng(0))
    batch = {"clips": torch.stack([one["clips"]] * 2), "label": torch.tensor([0, 3])}
    found = task.outcome(batch)
    assert set(found.terms) == {"per", "att"}
    optimizer = task.configure_optimizers()["optimizer"]
    weight = task.network.fc.weight
    before = weight.detach().clone()
    sum(found.terms.values()).backward()
    gradient = weight.grad + 5e-4 * before
    optimizer.step()
    assert weight.detach() == pytest.approx(before - 0.01 * (gradient + 0.9 * gradient), abs=1e-6)


def test_the_drawing_is_the_published_one() -> None:
    frame = np.full((32, 64, 3), 100, np.uint8)
    picture = with_attention(frame, np.zeros((2, 4), np.float32), 1.0)
    assert picture.shape == (32 + BAR, 64, 3)
    assert picture[0, 0].tolist() == [128, 0, 0], "the weight 1 in JET, RGB"
    assert picture[-1, -1].tolist() == [60, 60, 60 + int(0.4 * 128)], "0.6 of the frame and 0.4 of JET's blue"
    assert grid([frame] * 9).shape == (64, 8 * 64, 3) and grid([frame] * 3).shape == (32, 3 * 64, 3)


def test_drawings_are_large_and_marked() -> None:
    frame = np.arange(64 * 80 * 3, dtype=np.uint8).reshape(64, 80, 3)
    large = enlarged(frame)
    assert large.shape == (4 * 64, 4 * 80, 3) and np.array_equal(large[::4, ::4], frame)
    assert enlarged(large).shape == large.shape and min(large.shape[:2]) >= LEAST
    spatial = np.zeros((4, 5), np.float32)
    spatial[1, 2] = 1
    plain = with_attention(large, spatial, 0.5)
    changed = (marked(plain, spatial, 0.5) != plain).any(-1)
    assert changed[:BAR].any(), "the weight is written on its bar"
    rows, columns = np.nonzero(changed[BAR:])
    assert rows.min() >= 60 and rows.max() <= 132 and columns.min() >= 124 and columns.max() <= 196, "the ring"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"only_evaluate": True}, "only_evaluate needs start"),
        ({"trainer": {"momentum": 0.0}}, "nesterov needs a momentum"),
        ({"depth": 20}, "Input should be 18, 34, 50, 101 or 152"),
    ],
)
def test_wrong_configs(motions: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(motions, **change)


def test_too_many_classes_for_the_attention_branch(motions: Path, tmp_path: Path) -> None:
    classes = tmp_path / "classes.txt"
    classes.write_text("\n".join(f"class {k}" for k in range(175)))
    with pytest.raises(UsageError, match="175 classes: the attention branch of ST-ABN has 174"):
        ActionTraining(settings(motions, data={"classes": str(classes)}))
    ActionTraining(settings(motions, data={"classes": str(classes)}, network="resnet3d"))


@pytest.mark.slow
def test_a_plain_network_through_the_command(motions: Path, tmp_path: Path) -> None:
    config = settings(motions, network="resnet3d", data={"size": 32, "clips": 2}, output=str(tmp_path / "run"))
    path = tmp_path / "config.json"
    path.write_text(config.model_dump_json())
    assert main(["--train_config_file", str(path)]) == 0
    told = json.loads((tmp_path / "run/result_val/accuracy_num_segment_2.json").read_text())
    assert told["top-5_accuracy"] == {"per": 1.0, "att": 0.0}, "four classes are all among the first five"
    again = {**config.model_dump(mode="json"), "only_evaluate": True, "start": str(tmp_path / "run")}
    path.write_text(json.dumps({**again, "output": str(tmp_path / "again")}))
    assert main(["--train_config_file", str(path)]) == 0
    assert json.loads((tmp_path / "again/result_val/accuracy_num_segment_2.json").read_text()) == told
