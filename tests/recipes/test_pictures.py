"""Training on the published layout: which frames, which pictures, what stands for missing ones."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_cache import train
from made_up_pictures import FRAMES, blob, save, tiny, write_cache
from PIL import Image

from gazenet.data.window_samples import DrawOrder, SampleShape
from gazenet.errors import CacheError, UsageError
from gazenet.fusion.gasp_spec import MEAN, STD
from gazenet.fusion.integrator_files import open_integrator
from gazenet.recipes.gasp.picture_clips import PictureClip, PictureSamples, grey, open_pictures, placeholder, resized

FLAGSHIP = "GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"
STATIC = "GASPExp001_DAMGMU1x1Conv"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "frames", {"diem": ["one", "two", "three"]})


def clips(root: Path, tmp_path: Path, name: str = FLAGSHIP, **changes: object) -> list[PictureClip]:
    config = tiny(name, root, tmp_path / "out", **changes)
    return open_pictures(config.data, config.data.train, config.cues, config.input_size)


def window(clip: PictureClip, frame: int, length: int = 4) -> dict[str, torch.Tensor]:
    shape = SampleShape((8, 8), length, exhaustive=True, starts=True)
    targets = [np.array([frame])]
    return PictureSamples([clip], shape, DrawOrder([clip], targets, 0), random=False)[0]


def test_a_window_begins_at_its_frame_and_repeats_the_last(root: Path, tmp_path: Path) -> None:
    clip = clips(root, tmp_path)[0]
    sample = window(clip, FRAMES - 2)
    assert sample["maps"].shape == (4, 15, 16, 16) and sample["seq_salmap"].shape == (4, 1, 8, 8)
    assert int(sample["frame"]) == FRAMES - 1
    assert torch.equal(sample["maps"][1], sample["maps"][3])
    assert not torch.equal(sample["maps"][0], sample["maps"][1])
    assert torch.equal(sample["salmap"], sample["seq_salmap"][-1])


def test_inputs_are_resized_and_normalised_as_published(root: Path, tmp_path: Path) -> None:
    clip = clips(root, tmp_path)[0]
    path = root / "diem" / clip.video / "3" / "det_transformed_esr9_1.jpg"
    picture = np.asarray(Image.open(path).convert("RGB").resize((16, 16), Image.Resampling.BILINEAR), np.float32)
    expected = (picture / 255 - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    found = window(clip, 2)["maps"][0, 6:9].permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() < 0.06  # two JPEG decoders may differ by a step or two of 255
    assert np.abs(found - expected).mean() < 0.01
    salmap = np.asarray(Image.fromarray(blob(0, 5)).resize((8, 8), Image.Resampling.BILINEAR), np.float32) / 255
    video = next(one for one in clips(root, tmp_path) if one.video == "one")
    assert np.abs(window(video, 2)["salmap"][0].numpy() - salmap).max() < 0.03


def test_missing_maps_repeat_the_one_before_in_the_window(root: Path, tmp_path: Path) -> None:
    for frame in (1, 2, 4):
        (root / "diem" / "one" / str(frame) / "det_transformed_esr9_1.jpg").unlink()
    clip = next(one for one in clips(root, tmp_path) if one.video == "one")
    maps = window(clip, 0)["maps"][:, 6:9]
    empty = torch.tensor(placeholder((16, 16))).permute(2, 0, 1).float() / 255
    empty = (empty - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert torch.allclose(maps[0], empty) and torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[1], maps[2]) and torch.equal(maps[2], maps[3])
    # Outside the window there may be an earlier map, but the released training does not look there.
    assert torch.allclose(window(clip, 3)["maps"][0, 6:9], empty)


def test_the_target_is_the_last_that_exists(root: Path, tmp_path: Path) -> None:
    for frame in (3, 4):
        (root / "diem" / "one" / str(frame) / "transformed_salmap_1.jpg").unlink()
    clip = next(one for one in clips(root, tmp_path) if one.video == "one")
    sample = window(clip, 0)
    assert torch.equal(sample["salmap"], sample["seq_salmap"][1])
    assert sample["seq_salmap"][2:].abs().max() == 0
    alone = window(clip, 2, length=2)["salmap"][0]
    assert torch.equal(alone, torch.from_numpy(resized(grey(placeholder((10, 10))), (8, 8))).float() / 255)
    assert alone[0, 0] > 0 and int((alone > 0).sum()) == 1


def test_splits_choose_videos_of_all_data_sets(root: Path, tmp_path: Path) -> None:
    write_cache(root, {"coutrot1": ["clip_1", "clip_2"]})
    table = tmp_path / "split.csv"
    rows = ["one,30,Social,diem", "two,30,Nature,diem", "clip_2,25,Social,coutrot1"]
    table.write_text("\n".join(["video_id,fps,scene_type,dataset", *rows]) + "\n")
    every = f'[{{"dataset":"*","split":"{table}"}}]'
    assert [one.name for one in clips(root, tmp_path, data__train=every)] == ["diem/one", "coutrot1/clip_2"]
    own = f'[{{"dataset":"diem","split":"{table}"}},{{"dataset":"coutrot1","exclude":["clip_2"]}}]'
    found = clips(root, tmp_path, data__train=own)
    assert [(one.name, one.source) for one in found] == [("diem/one", 0), ("coutrot1/clip_1", 1)]


def test_wrong_folders_are_one_clear_line(root: Path, tmp_path: Path) -> None:
    for changes, said in (
        ({"data__frames_root": tmp_path / "none"}, "no such folder; download or make the pictures"),
        ({"data__train": '[{"dataset":"mvva"}]'}, "mvva: no such folder of videos"),
        ({"data__train": '[{"dataset":"diem","items":["nine"]}]'}, "no video is left"),
        ({"data__augment__flip": "true"}, "data.augment: map pictures are taken as they are"),
    ):
        with pytest.raises(UsageError, match=said):
            clips(root, tmp_path, **changes)
    for frame in range(FRAMES):
        (root / "diem" / "two" / str(frame + 1) / "captured_1.jpg").unlink()
    with pytest.raises(CacheError, match="two: no frame has captured"):
        clips(root, tmp_path)


@pytest.mark.parametrize("name", [pytest.param(FLAGSHIP, marks=pytest.mark.slow), STATIC])
def test_a_published_experiment_trains_and_is_measured(root: Path, tmp_path: Path, name: str) -> None:
    config = tiny(name, root, tmp_path / "out", trainer__val_store_image_samples="true", trainer__max_epochs=8)
    result = train(config, compute_metrics=True)
    network, spec, facts = open_integrator(result.weights)
    assert facts["config"]["experiment"] == name and spec.cues == config.cues
    assert network.config.exhaustive == (name == FLAGSHIP)
    bare = torch.load(tmp_path / "out" / "last_model.pt", weights_only=True)
    assert bare.keys() == network.state_dict().keys()
    rows = list(csv.DictReader((tmp_path / "out" / "evaluation.csv").open()))
    assert [row["video"] for row in rows] == ["one", "three", "two", "mean"]
    assert [int(row["frames"]) for row in rows] == [FRAMES, FRAMES, FRAMES, 3 * FRAMES]
    assert float(rows[-1]["cc"]) == pytest.approx(np.mean([float(row["cc"]) for row in rows[:3]]))
    gates = list(csv.DictReader((tmp_path / "out" / "evaluation_gate_scores.csv").open()))
    assert all(0 < float(gates[0][f"gate_{cue}"]) < 1 for cue in config.cues)
    stored = list((tmp_path / "out" / "samples").glob("epoch-*_batch-*.png"))
    assert 1 <= len(stored) < 16
    assert Image.open(stored[0]).size == (24, 8)


@pytest.mark.slow
def test_the_test_may_show_other_maps(root: Path, tmp_path: Path) -> None:
    for folder in (root / "diem" / "one").iterdir():
        save(folder / "det_transformed_tased_1.jpg", np.zeros((40, 40), np.uint8))
    only = '[{"dataset":"diem","items":["one"]}]'
    name = "GASPExp003_SeqDAMALSTMGMU1x1Conv_10Norm_TASED"
    changes = {"data__train": only, "data__validation": only, "data__test": only, "trainer__max_epochs": 1}
    train(tiny(name, root, tmp_path / "out", **changes), compute_metrics=True)
    rows = list(csv.DictReader((tmp_path / "out" / "evaluation.csv").open()))
    assert [(row["part"], row["video"]) for row in rows] == [
        ("validation", "one"),
        ("validation", "mean"),
        ("test", "one"),
        ("test", "mean"),
    ]
    assert rows[0]["cc"] != rows[2]["cc"]
