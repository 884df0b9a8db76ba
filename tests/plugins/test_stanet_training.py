"""STANet's data set, samples, optimiser and training chain."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gazenet.errors import UsageError
from gazenet.media import read_image
from gazenet_plugins.stanet import ave, prepare, pretrained
from gazenet_plugins.stanet.classifiers import SpatialAudioClassifier, SpatialClassifier, SpatialTemporalClassifier
from gazenet_plugins.stanet.samples import (
    CURRENT_FIRST,
    IN_ORDER,
    MomentForm,
    Moments,
    SecondSample,
    jittered,
    read_spectrogram,
)
from gazenet_plugins.stanet.sta import STA28, STA32
from gazenet_plugins.stanet.switch import AudioSwitch
from gazenet_plugins.stanet.tasks import FACTORS, answer, factor, optimiser, parameter_groups
from gazenet_plugins.stanet.trunks import SMALL
from gazenet_plugins.stanet.workspace import (
    Confidence,
    Workspace,
    add_confidence,
    read_box,
    read_confidences,
    write_box,
)
from tests.clips import make_clip
from tests.goldens import audio_switch_labels as labels
from tests.goldens.vggsound import VGGSound
from tests.plugins.made_up_ave import batch

NAME = "-abc_DEF 12"


def test_both_numberings_of_the_categories() -> None:
    files, ordered = ave.CATEGORIES, sorted(ave.CATEGORIES)
    assert len(set(files)) == 28 and sorted(files) == ordered
    assert (files.index("Bark"), ordered.index("Bark")) == (2, 4)
    assert (files.index("Mandolin"), ordered.index("Mandolin")) == (27, 18)


def test_a_list_of_videos(tmp_path: Path) -> None:
    line = f"Violin, fiddle&{NAME}&good&2&10"
    for text in (f"{ave.HEADER}\n{line}\n", f"{line}\n\n"):
        (tmp_path / "list.txt").write_text(text)
        assert ave.read_list(tmp_path / "list.txt") == [ave.ListedVideo("Violin, fiddle", NAME, "good", 2, 10)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"Bark&{NAME}&good&0", "list.txt:2: 4 fields"),
        ("Bark&short&good&0&9", "'short' is no id"),
        ("Bark&../../etc/p&good&0&9", "is no id"),
        (f"Bark&{NAME}&good&5&5", "are no range"),
        (f"Bark&{NAME}&good&a&5", "are no range"),
    ],
)
def test_a_wrong_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{ave.HEADER}\n{line}\n")
    with pytest.raises(UsageError, match=message):
        ave.read_list(tmp_path / "list.txt")
    with pytest.raises(UsageError, match="no such file"):
        ave.read_list(tmp_path / "none.txt")


def test_classes_of_videos() -> None:
    videos = [ave.ListedVideo("Bark", NAME, "", 2, 6), ave.ListedVideo("Cat", NAME, "", 0, 3)]
    assert ave.class_ids(videos, sorted(ave.CATEGORIES)) == [4, 6]
    with pytest.raises(UsageError, match="'Cat' is none of the 1"):
        ave.class_ids(videos, ["Bark"])
    with pytest.raises(UsageError, match=r"list.txt:4: 'Catt' .*did you mean 'Cat'.*data.categories"):
        ave.class_ids([ave.ListedVideo("Catt", NAME, "", 0, 3, "list.txt:4")], ["Bark", "Cat"])


def test_one_frame_stands_for_each_second() -> None:
    kept = {n: prepare.frame_number(n, 25) for n in range(1, 300)}
    assert {n: second for n, second in kept.items() if second is not None} == {12 + 25 * k: k for k in range(11)}
    assert [prepare.frame_number(n, 30, 2, 3) for n in (15, 75, 105, 135)] == [None, 2, 3, None]
    assert [prepare.frame_number(n, 1) for n in (1, 2, 12)] == [0, 1, None]


def test_a_video_is_prepared(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=12, size=(48, 64), rate=Fraction(5), sound=2.3)
    pictures = prepare.prepare_frames(clip, tmp_path / "pictures")
    assert [path.name for path in pictures] == ["00.jpg", "01.jpg", "02.jpg"]
    red = [int(read_image(path)[0, 0, 0]) for path in pictures]  # sixteen times the number of the frame
    assert red == pytest.approx([16, 96, 176], abs=16)
    pieces = prepare.prepare_sound(clip, tmp_path / "sounds")
    assert [path.name for path in pieces] == ["00.npy", "01.npy"]
    assert np.load(pieces[1]).shape == (81, 199) and np.load(pieces[1]).dtype == np.float32
    silent = make_clip(tmp_path / "silent.mp4", frames=6, rate=Fraction(5))
    assert prepare.prepare_sound(silent, tmp_path / "none") == []


def test_labels_of_the_switch(tmp_path: Path) -> None:
    (tmp_path / "stat.csv").write_text("playing violin,x\ncattle, bovinae cowbell,3\ncattle mooing,2\n\n")
    assert labels.sound_names(tmp_path / "stat.csv") == ["cattle", "cattle mooing", "playing violin"]
    (tmp_path / "empty.csv").write_text("\n")
    for path in (tmp_path / "empty.csv", tmp_path / "none.csv"):
        with pytest.raises(UsageError, match=path.name):
            labels.sound_names(path)
    assert labels.supports("playing violin, fiddle", "Violin, fiddle")
    assert labels.supports("Church bell ringing", "Church bell") and not labels.supports("helicopter", "Bus")
    for sound_name, category in (("female speech", "Male speech, man speaking"), ("cattle mooing", "Cat")):
        assert labels.supports(sound_name, category) and not labels.supports(sound_name, category, whole_words=True)
    assert labels.supports("male speech, man speaking", "Male speech, man speaking", whole_words=True)


@pytest.mark.parametrize(
    ("build", "sizes"),
    [
        (SpatialClassifier, [(188, 57_915_648), (94, 80_960), (9, 36_540), (8, 196)]),
        (SpatialAudioClassifier, [(252, 269_780_992), (129, 120_592), (15, 130_146_008), (14, 8_417)]),
        (SpatialTemporalClassifier, [(208, 86_640_896), (104, 101_440), (15, 113_340_428), (14, 6_424)]),
        (STA32, [(249, 97_814_528), (126, 114_448), (28, 18_607_296), (26, 2_980)]),
        (STA28, [(252, 269_780_992), (129, 120_592), (22, 17_006_832), (21, 2_561)]),
    ],
)
def test_groups_of_weights_are_the_published_ones(
    build: Callable[[], nn.Module], sizes: list[tuple[int, int]]
) -> None:
    with torch.device("meta"):
        groups = parameter_groups(build())
    assert [(len(group), sum(value.numel() for value in group)) for group in groups] == sizes


def test_rates_of_the_groups_fall_at_the_milestones() -> None:
    network = nn.ModuleDict({"features": nn.Linear(2, 2), "extra_convs": nn.Linear(2, 2)})
    chosen = optimiser(network, 1e-4, 5e-4)
    assert [group["lr"] for group in chosen.param_groups] == pytest.approx([1e-4 * one for one in FACTORS.values()])
    assert all(group["nesterov"] and group["weight_decay"] == 5e-4 for group in chosen.param_groups)
    falls = {1: 1.0, 4: 1.0, 5: 0.1, 9: 0.1, 10: 0.01, 30: 0.01}
    assert {epoch: factor(epoch, (5, 10)) for epoch in falls} == pytest.approx(falls)


def test_the_last_line_of_a_classifier_counts(tmp_path: Path) -> None:
    path = tmp_path / "00.txt"
    for mode, p in (("S", 0.1), ("SA", 0.2), ("S", 0.3)):
        add_confidence(path, Confidence(mode, "00", 3, 0.5, 1, p))  # type: ignore[arg-type]
    assert path.read_text() == "SA&00&3&0.5&1&0.2\nS&00&3&0.5&1&0.3\n"
    assert read_confidences(path, ("S", "SA")) == [0.3, 0.2]
    with pytest.raises(UsageError, match="no confidence of ST"):
        read_confidences(path)
    path.write_text("S&00&3&0.5&1&0.1\nS&00&3&0.5&1&0.4\n")
    assert read_confidences(path, ("S",)) == [0.4]


def test_boxes_are_kept_as_published(tmp_path: Path) -> None:
    write_box(tmp_path / "box.txt", (1, 200, 3, 300))
    assert (tmp_path / "box.txt").read_text() == "1&200&3&300\n"
    assert read_box(tmp_path / "box.txt") == (1, 200, 3, 300)
    (tmp_path / "box.txt").write_text("1&200\n")
    with pytest.raises(UsageError, match="no box of four numbers"):
        read_box(tmp_path / "box.txt")


@pytest.fixture
def files(tmp_path: Path) -> Workspace:
    """Pictures of seconds 0..3 (grey 40, 80, 120, 160), sounds likewise, targets of 0..2 only."""
    found = Workspace(tmp_path)
    for second in range(4):
        for path in (found.picture("coarse", NAME, second), found.sound(NAME, second), found.target(NAME, second)):
            path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((20, 30, 3), 40 * (second + 1), np.uint8)
        prepare.write_picture(found.picture("coarse", NAME, second), picture)
        np.save(found.sound(NAME, second), np.full((81, 199), second))
        if second < 3:
            prepare.write_picture(found.target(NAME, second), np.full((20, 30), 51 * second, np.uint8))
    return found


def test_neighbours_come_in_the_order_of_the_network(files: Workspace) -> None:
    samples = [SecondSample(NAME, second, 7) for second in (0, 1, 2, 3)]
    for around in (CURRENT_FIRST, IN_ORDER):
        moments = Moments(files, "coarse", samples, 16, MomentForm(around, sounds=True, targets=True))
        for second in (0, 1, 2):
            item = moments.sample(second, None)
            wanted = [min(max(second + k, 0), 3) for k in around]
            assert item["images"].shape == (3, 3, 16, 16)
            grey = item["images"][:, 0].mean((1, 2)) * 0.229 + 0.485
            assert (grey * 255 / 40 - 1).round().int().tolist() == wanted
            # There is no target of the last second: what was heard and is to be found there is that of the sample.
            heard = [second if k == 3 else k for k in wanted]
            assert item["audios"].mean((1, 2)).tolist() == heard
            assert (item["targets"].mean((1, 2, 3)) * 5).round().int().tolist() == heard
            assert int(item["class_id"]) == 7 and int(item["index"]) == second


def test_spectrograms_of_the_reimplementation_are_read(tmp_path: Path) -> None:
    files = Workspace(tmp_path)
    path = files.sound(NAME, 3).with_suffix(".h5")
    path.parent.mkdir(parents=True)
    values = np.random.default_rng(0).random((81, 199))
    try:
        import h5py
    except ImportError:
        path.touch()
        with pytest.raises(UsageError, match=r"03\.h5: .* pip install h5py"):
            read_spectrogram(files.sound(NAME, 3))
    else:
        with h5py.File(path, "w") as file:
            file["dataset"] = values
        assert np.array_equal(read_spectrogram(files.sound(NAME, 3)), values.astype(np.float32))
    np.save(path.with_suffix(".npy"), values)
    assert files.sound(NAME, 3).suffix == ".npy"
    assert np.array_equal(read_spectrogram(files.sound(NAME, 3)), values.astype(np.float32))


def test_jitter_changes_colours_reproducibly_and_for_training_only(files: Workspace) -> None:
    image = np.random.default_rng(0).random((6, 7, 3)).astype(np.float32)
    one, again, other = (jittered(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1 and np.abs(one - image).max() < 0.9
    moments = Moments(files, "coarse", [SecondSample(NAME, 0, 0)], 16)
    plain, changed = moments.sample(0, None)["images"], moments.sample(0, np.random.default_rng(1))["images"]
    assert torch.equal(plain, moments.sample(0, None)["images"]) and not torch.equal(plain, changed)


@pytest.mark.parametrize(
    ("mode", "build", "item"),
    [
        ("S", lambda: SpatialClassifier(3, SMALL), batch(64, 1)),
        ("SA", lambda: SpatialAudioClassifier(3, "coarse", trunk=SMALL), batch(225, 1)),
        ("ST", lambda: SpatialTemporalClassifier(3, trunk=SMALL), batch(64, 3)),
        ("STA", lambda: STA32(trunk=SMALL), batch(64, 3)),
    ],
)
def test_every_used_layer_learns(mode: Any, build: Callable[[], nn.Module], item: dict[str, torch.Tensor]) -> None:
    network = build().train()
    answer(network, mode, item).loss().backward()
    idle = {name.split(".")[0] for name, value in network.named_parameters() if value.grad is None}
    unused = {"extra_audio_d", "extra_gate", "extra_refineSA", "extra_conv_stafusion"}
    assert idle == (unused if mode == "STA" else set())


@pytest.mark.parametrize(
    "build", [lambda: SpatialClassifier(3, SMALL), lambda: STA32(trunk=SMALL), lambda: AudioSwitch(4, SMALL)]
)
def test_pretrained_backbones_are_put_where_they_belong(build: Callable[[], nn.Module], tmp_path: Path) -> None:
    from gazenet.backbones.resnet2d import resnet

    seen, heard, network = resnet("resnet18"), VGGSound(classes=3), build()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    torch.save(seen.state_dict(), tmp_path / "seen.pth")
    torch.save({"model_state_dict": heard.state_dict()}, tmp_path / "heard.pth.tar")
    pretrained.load_visual(network, tmp_path / "seen.pth")
    parts = {SpatialClassifier: "features", STA32: "features0", AudioSwitch: "layerV"}
    part, after = parts[type(network)], network.state_dict()
    assert torch.equal(after[f"{part}.0.weight"], seen.conv1.weight)
    assert torch.equal(after[f"{part}.5.1.conv2.weight"], seen.layer2[1].conv2.weight)
    assert all(torch.equal(after[key], before[key]) for key in before if key.startswith(("extra_", "audio", "layerA")))
    if isinstance(network, SpatialClassifier):
        with pytest.raises(UsageError, match="SpatialClassifier has no such part"):
            pretrained.load_sound(network, tmp_path / "heard.pth.tar")
        return
    pretrained.load_sound(network, tmp_path / "heard.pth.tar")
    part = "layerA" if isinstance(network, AudioSwitch) else "audio_model"
    assert torch.equal(network.state_dict()[f"{part}.8.centroids"], heard.audnet.avgpool.centroids)
    with pytest.raises(UsageError, match="missing"):
        pretrained.load_sound(network, tmp_path / "seen.pth")


@pytest.mark.parametrize("way", ["elsewhere", "huge", "absent", "text"])
def test_a_spectrogram_is_read_from_its_own_file_alone(way: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path, secret = tmp_path / "a.h5", tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["dataset"] = np.zeros((81, 199))
    if way == "text":
        path.write_text("no file of numbers")
    else:
        with h5py.File(path, "w") as file:
            if way == "elsewhere":
                file["dataset"] = h5py.ExternalLink(str(secret), "dataset")
            elif way == "huge":
                file.create_dataset("dataset", (1_000_000, 1_000_000), "f4", chunks=(1000, 1000))
    with pytest.raises(UsageError, match=r"a\.h5: is no spectrogram"):
        read_spectrogram(path)
    assert read_spectrogram(secret).shape == (81, 199)
