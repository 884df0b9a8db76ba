"""The published layout as an output: what appears, when, and what is left in trouble."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from filelock import FileLock

from gazenet.config.inference_data import PublishedConfig
from gazenet.data.drawn_truth import PublishedFixations
from gazenet.data.fixations import FrameFixations
from gazenet.errors import GazenetError
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.results import SinkContext
from gazenet.inference.sinks.frame_folder_sink import PublishedSink, truth_pictures
from gazenet.maps.frame_folders import FrameFolderReader, FrameFolderWriter
from tests.inference.test_sinks import INFO, chunk

SUMMARY: dict[str, Any] = {}


class Looked:
    """An item whose fixations are known: (20, 10) in every frame but the second, which nobody saw."""

    name, path, still, size = "party", Path("party.mp4"), False, (72, 128)

    def fixations(self, times: np.ndarray) -> FrameFixations:
        points = [np.array([[20.0, 10.0]]) if k != 1 else np.empty((0, 2)) for k in range(len(times))]
        return FrameFixations(self.size, points, np.array([len(one) for one in points]))


def settings(folder: Path, **published: Any) -> PublishedConfig:
    return PublishedConfig(root=str(folder / "frames"), size=(50, 60), **published)


def context(folder: Path, known: bool = True) -> SinkContext:
    result = folder / "party"
    result.mkdir(exist_ok=True)
    item = DatasetVideo("party", "diem", Looked(), 4.0) if known else None  # type: ignore[arg-type]
    return SinkContext(result, Path("party.mp4"), INFO, (36, 64), (9, 16), ("voice",), (), {}, item)


def write(folder: Path, frames: int = 8, known: bool = True, **published: Any) -> PublishedSink:
    sink = PublishedSink(settings(folder, **published))
    sink.open(context(folder, known))
    for start in range(0, frames, 4):
        sink.write(chunk(start, saliency=np.zeros((0, 0, 0), np.float32)))
    sink.close(SUMMARY)
    return sink


def test_a_video_appears_as_a_whole(tmp_path: Path) -> None:
    sink = PublishedSink(settings(tmp_path))
    sink.open(context(tmp_path))
    sink.write(chunk(0))
    assert not (tmp_path / "frames").exists()
    sink.close(SUMMARY)
    reader = FrameFolderReader(tmp_path / "frames", "diem", "party")
    names = ["captured", "det_transformed_gasp", "det_transformed_voice", "transformed_fixmap", "transformed_salmap"]
    assert reader.pictures == names and reader.frames == 4
    assert reader.missing("transformed_salmap") == reader.missing("transformed_fixmap") == [1]
    assert reader.read("captured").shape == (4, 50, 60, 3)
    told = json.loads((tmp_path / "party" / "published.json").read_text())
    assert told.pop("bytes") > 0 and len(told.pop("sha256")) == 64
    assert told == {"folder": str(tmp_path / "frames/diem/party"), "frames": 4, "pictures": names}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "party"]


def test_ground_truth_lies_where_people_looked(tmp_path: Path) -> None:
    write(tmp_path)
    reader = FrameFolderReader(tmp_path / "frames", "diem", "party")
    for picture in ("transformed_salmap", "transformed_fixmap"):
        shown = reader.read(picture, 3, 4)[0].max(axis=2)
        row, column = np.unravel_index(int(cv2.blur(shown, (3, 3)).argmax()), shown.shape)
        assert abs(row - 10 / 72 * 50) < 2 and abs(column - 20 / 128 * 60) < 2, picture


def test_pictures_of_a_video_that_is_there_are_replaced_or_added(tmp_path: Path) -> None:
    other = FrameFolderWriter(tmp_path / "frames", "diem", "party", size=None)
    for k in range(8):
        for picture in ("det_transformed_dave", "det_transformed_voice", "transformed_salmap"):
            other.write(k, picture, np.full((50, 60), 200, np.uint8))
    write(tmp_path)
    reader = FrameFolderReader(tmp_path / "frames", "diem", "party")
    assert reader.missing("det_transformed_dave") == [] and reader.missing("captured") == []
    assert reader.missing("transformed_salmap") == [1], "what is black now is taken away"
    assert (reader.read("det_transformed_voice", 0, 1) != 200).any()


def test_another_video_of_that_name_is_not_touched(tmp_path: Path) -> None:
    other = FrameFolderWriter(tmp_path / "frames", "diem", "party", size=None)
    other.write(0, "captured", np.ones((5, 5), np.uint8))
    with pytest.raises(GazenetError, match="holds 1 frames, the video has 8: it is of another one; remove it or"):
        write(tmp_path)
    assert FrameFolderReader(tmp_path / "frames", "diem", "party").pictures == ["captured"]
    assert not (tmp_path / "party" / "published.json").exists()


def test_what_was_begun_is_taken_back(tmp_path: Path) -> None:
    sink = PublishedSink(settings(tmp_path))
    sink.open(context(tmp_path))
    sink.write(chunk(0))
    sink.abort()
    assert [path.name for path in tmp_path.rglob("*")] == ["party"]


def test_two_runs_do_not_write_one_video(tmp_path: Path) -> None:
    folder = tmp_path / "frames.part" / "diem"
    folder.mkdir(parents=True)
    sink = PublishedSink(settings(tmp_path))
    with FileLock(str(folder / "party.lock")), pytest.raises(GazenetError, match="another run is writing its pic"):
        sink.open(context(tmp_path))
    sink.abort()
    write(tmp_path)


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "frames.part").write_text("in the way")
    with pytest.raises(GazenetError, match=r"frames/diem/party: "):
        PublishedSink(settings(tmp_path)).open(context(tmp_path))


def test_whether_the_pictures_are_still_there(tmp_path: Path) -> None:
    sink = write(tmp_path)
    assert sink.kept(tmp_path / "party")
    (tmp_path / "frames").rename(tmp_path / "elsewhere")
    assert not sink.kept(tmp_path / "party") and not sink.kept(tmp_path)


def test_videos_from_no_data_set_have_a_folder_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, known=False)
    assert FrameFolderReader(tmp_path / "frames", "videos", "party").pictures == ["captured", "det_transformed_voice"]


def test_colours_are_those_of_the_config(tmp_path: Path) -> None:
    write(tmp_path, colour="grey", truth_colour="hot")
    reader = FrameFolderReader(tmp_path / "frames", "diem", "party")
    grey = reader.read("det_transformed_voice", 0, 1)[0].astype(int)
    assert np.abs(grey[..., 0] - grey[..., 2]).max() < 12
    density = reader.read("transformed_salmap", 0, 1)[0].reshape(-1, 3).astype(int)
    assert (density[:, 0] - density[:, 2]).max() > 150, "hot is red before it is white"


def test_published_fixations_are_drawn_at_the_size_of_the_frame() -> None:
    points = [np.array([[100.4, 50.9]])]
    config = PublishedConfig(size=(50, 60))
    published = PublishedFixations((72, 128), points, np.array([1]), [np.ones(1)])
    (one,) = truth_pictures(published, 4.0, config)
    assert one["transformed_fixmap"].shape == (72, 128) and np.count_nonzero(one["transformed_fixmap"]) == 5
    assert one["transformed_fixmap"][50, 100] == 255
    (other,) = truth_pictures(FrameFixations((72, 128), points, np.array([1])), 4.0, config)
    assert other["transformed_fixmap"].shape == (50, 60) and other["transformed_fixmap"][35, 47] == 255
