"""Readers and splits where they are used: sources of a training config, scoring, the entry points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import raw_collections as raw

from gazenet.config.load import validate
from gazenet.config.training import SourceConfig, TrainConfig
from gazenet.data.dataset import installed_datasets, open_dataset, sigma_of
from gazenet.data.reader_spec import DATASETS, ReaderSpec
from gazenet.errors import UsageError
from gazenet.evaluation.ground_truth import dataset_truths
from gazenet.evaluation.score import score_frames
from gazenet.inference.cache.recall import Recalled
from gazenet.maps.frame_folders import FrameFolderWriter
from gazenet.plugin_registry import get
from gazenet.recipes.gasp.extract_cues import choose_items, open_clips

READERS = ("findwho", "coutrot1", "coutrot2", "diem", "summeetmd", "mvva", "fairplay", "wtmsimgaze", "processed")


def config_of(root: Path, **source: object) -> TrainConfig:
    values = {
        "network": {"order": ["gmu"], "in_channels": 1, "latent": 4, "encoder": "Light", "head": "density"},
        "cues": ["saliency"],
        "data": {"root": str(root), "train": [source]},
    }
    return validate(TrainConfig, values, "test", [])


def names_of(root: Path, **source: object) -> list[str]:
    config = config_of(root, **source)
    return [one.item.name for one in choose_items(config, config.data.train)]


def test_every_reader_is_installed_and_can_be_loaded() -> None:
    assert set(READERS) <= set(installed_datasets())
    assert [get(name, DATASETS, ReaderSpec).load().name for name in READERS] == list(READERS)  # type: ignore[attr-defined]


def test_a_published_split_chooses_items(tmp_path: Path) -> None:
    raw.coutrot(tmp_path / "coutrot2", 2)
    (tmp_path / "coutrot2" / "ERB4_Stimuli" / "clip_2.avi").unlink()
    with pytest.raises(UsageError, match=r"data set coutrot2: no item clip_2; there are clip_1"):
        names_of(tmp_path, dataset="coutrot2", split="test_ave")
    mine = tmp_path / "mine.csv"
    mine.write_text("video_id,fps,scene_type,dataset\nclip_1,25,Social,coutrot2\nclip_9,25,Other,coutrot2\n")
    assert names_of(tmp_path, dataset="coutrot2", split=str(mine)) == ["clip_1"]
    with pytest.raises(UsageError, match=r"mine\.csv: has no Social row of data set diem; it has coutrot2"):
        names_of(raw.diem(tmp_path / "diem").parent, dataset="diem", split=str(mine))


def test_a_split_chooses_from_the_cache(tmp_path: Path) -> None:
    for video in ("clip_1", "clip_2"):
        FrameFolderWriter(tmp_path / "processed", "coutrot2", video, size=None).write(
            0, "captured", np.ones((8, 8), np.uint8)
        )
    mine = tmp_path / "mine.csv"
    mine.write_text("video_id,fps,scene_type,dataset\nclip_2,25,Social,coutrot2\n")
    assert names_of(tmp_path, dataset="processed", split=str(mine)) == ["coutrot2/clip_2"]


@pytest.mark.parametrize(("behaviour", "sigma"), [("corrected", 40.0), ("published", 60.0)])
def test_options_of_a_source_reach_reader_and_clip(behaviour: str, sigma: float, tmp_path: Path) -> None:
    raw.diem(tmp_path / "diem")
    config = config_of(tmp_path, dataset="diem", options={"behaviour": behaviour, "eye": "right"})
    times = np.arange(raw.FRAMES) / 30
    maps = {"saliency": np.zeros((raw.FRAMES, 6, 8), np.uint8)}
    clips = open_clips(
        config,
        choose_items(config, config.data.train),
        lambda _, paths: {path: Recalled(maps, times) for path in paths},
    )
    assert clips[0].sigma == sigma
    assert clips[0].truth[0][0].tolist() == ([644.0, 380.0] if behaviour == "published" else [36.0, 24.0])


def test_an_option_that_is_none_is_refused(tmp_path: Path) -> None:
    raw.diem(tmp_path / "diem")
    with pytest.raises(UsageError, match="data set diem: no option eyes; it has behaviour, subjects, spread, eye"):
        names_of(tmp_path, dataset="diem", options={"eyes": "both"})
    assert SourceConfig(dataset="diem").options == {}


def test_scores_against_a_frame_numbered_data_set(tmp_path: Path) -> None:
    data = open_dataset("mvva", raw.mvva(tmp_path))
    truth = data.items()[0].fixations(np.arange(raw.FRAMES) / 25)
    rows, columns = np.mgrid[:48, :64] + 0.5
    blobs = np.stack([np.exp(-((columns - 10.5 - k) ** 2 + (rows - 31) ** 2) / 8) for k in range(raw.FRAMES)])
    frames, sigma = np.arange(raw.FRAMES), sigma_of(data, data.items()[0])
    right = score_frames(blobs, truth, frames, sigma).values
    wrong = score_frames(blobs[::-1], truth, frames, sigma).values
    assert right["nss"].min() > 5 and right["cc"].min() > 0.9
    assert wrong["nss"].mean() < right["nss"].mean() / 2


def test_scoring_takes_fixations_and_sigma_from_the_reader(tmp_path: Path) -> None:
    found = dataset_truths("diem", raw.diem(tmp_path))["vid_64x48"]
    frames = found.frames(np.arange(raw.FRAMES) / 30, (48, 64))
    assert frames[0].tolist() == [[32, 24], [33, 44]]
    # Of the display, not in proportion to the width of the video.
    assert (found.size(), found.sigma((48, 64))) == ((48, 64), 40.0)
