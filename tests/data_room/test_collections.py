"""Readers of data sets, on small made-up folders and, where present, on the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from gazenet.data.dataset import choose, open_dataset
from gazenet.data.findwho import FindWho, read_database
from gazenet.data.image_datasets import Crowd, Osie
from gazenet.errors import UsageError


def cell(names: list[str], row: bool = False) -> np.ndarray:
    values = np.empty(len(names), object)
    values[:] = names
    return values[None, :] if row else values[:, None]


def make_findwho(root: Path) -> Path:
    (root / "raw_videos").mkdir(parents=True)
    for name in ("007", "012"):
        (root / "raw_videos" / f"{name}.mp4").write_bytes(b"")
    rows = np.array([[2, 3, 70000 % 65536, 100, 10, 20], [1, 2, 0, 200, 30, 40]], np.uint16)
    fields = ["SubjectIndex", "VideoIndex", "Timestamp", "GazeDuration", "FixationPointX", "FixationPointY"]
    database = {
        "video_names_list": cell(["001", "007", "012"]),
        "fixdata": rows,
        "fixdata_fields": cell(fields, row=True),
    }
    scipy.io.savemat(root / "video_database.mat", {"video_database": database})
    (root / "annotations").mkdir()
    faces = np.zeros((1, 2), [("face", object)])
    faces["face"][0, 0], faces["face"][0, 1] = np.array([[0], [1], [1]], float), np.array([[1], [0], [0]], float)
    scipy.io.savemat(root / "annotations" / "mouthMotion7.mat", {"mouthMotion": faces})
    return root


def test_findwho_from_the_published_database(tmp_path: Path) -> None:
    data = FindWho(make_findwho(tmp_path))
    assert [item.name for item in data.items()] == ["007", "012"]
    video = data.items()[0]
    assert video.table.points.tolist() == [[30, 40]]
    assert video.fixations(np.arange(10) / 10).observers.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert data.items()[1].table.start.tolist() == [(70000 % 65536) / 1000]
    assert [face.tolist() for face in data.mouth_motion("007")] == [[0, 1, 1], [1, 0, 0]]


def test_findwho_prefers_the_flat_table(tmp_path: Path) -> None:
    root = make_findwho(tmp_path)
    (root / "fixations.csv").write_text("video,subject,start_ms,duration_ms,x,y\n007,1,0,10,5,5\n")
    assert FindWho(root).items()[0].table.points.tolist() == [[5, 5]]
    assert FindWho(root, "mat").items()[0].table.points.tolist() == [[30, 40]]
    assert len(FindWho(root).items()[1].table) == 0


def test_findwho_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="raw_videos"):
        FindWho(tmp_path).items()
    data = FindWho(make_findwho(tmp_path / "d"))
    with pytest.raises(UsageError, match=r"mouthMotion12\.mat"):
        data.mouth_motion("012")
    with pytest.raises(UsageError, match="names are numbers"):
        data.mouth_motion("x")
    (tmp_path / "bad.mat").write_bytes(b"no matlab")
    with pytest.raises(UsageError, match="MATLAB"):
        read_database(tmp_path / "bad.mat")
    scipy.io.savemat(tmp_path / "other.mat", {"a": 1})
    with pytest.raises(UsageError, match="not the published"):
        read_database(tmp_path / "other.mat")


def test_a_video_index_beyond_the_names_is_refused(tmp_path: Path) -> None:
    fields = ["SubjectIndex", "VideoIndex", "Timestamp", "GazeDuration", "FixationPointX", "FixationPointY"]
    database = {"video_names_list": cell(["001"]), "fixdata": np.array([[1, 2, 0, 1, 1, 1]]), "fixdata_fields": None}
    database["fixdata_fields"] = cell(fields, row=True)
    scipy.io.savemat(tmp_path / "d.mat", {"video_database": database})
    with pytest.raises(UsageError, match="VideoIndex reaches 2"):
        read_database(tmp_path / "d.mat")


def test_osie_counts_pixels_from_one(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(b"")
    (tmp_path / "fixations.csv").write_text("image,subject,x,y\n1.jpg,1,1.2,1.6\n1.jpg,2,800,600\n")
    still = Osie(tmp_path).items()[0]
    marked = still.fixations(np.zeros(2)).fixation_map(1, 600, 800)
    assert np.argwhere(marked).tolist() == [[1, 0], [599, 799]]
    assert still.still


def test_crowd_sizes_come_from_its_table(tmp_path: Path) -> None:
    (tmp_path / "stimuli").mkdir()
    (tmp_path / "stimuli" / "1.jpg").write_bytes(b"")
    (tmp_path / "fixations.csv").write_text("image,subject,order,x,y,duration_ms\n1.jpg,1,0,10,20,9\n")
    with pytest.raises(UsageError, match=r"images\.csv"):
        Crowd(tmp_path).items()
    (tmp_path / "images.csv").write_text("image,width,height,faces\n1.jpg,640,480,3\n")
    assert Crowd(tmp_path).items()[0].size == (480, 640)
    (tmp_path / "images.csv").write_text("image,width,height,faces\n2.jpg,640,480,3\n")
    with pytest.raises(UsageError, match=r"no size for 1\.jpg"):
        Crowd(tmp_path).items()


def test_open_by_name_and_choose(tmp_path: Path) -> None:
    data = open_dataset("findwho", make_findwho(tmp_path))
    assert [item.name for item in choose(data.items(), ["012"], "here")] == ["012"]
    with pytest.raises(UsageError, match="here: no item 013; there are 007, 012"):
        choose(data.items(), ["012", "013"], "here")
    with pytest.raises(UsageError, match="did you mean 'findwho'"):
        open_dataset("findwo", tmp_path)


@pytest.mark.data
def test_real_findwho(test_data: Path) -> None:
    table, published = FindWho(test_data / "findwho", "csv"), FindWho(test_data / "findwho", "mat")
    assert [item.name for item in table.items()] == ["011", "012", "021", "022", "023", "025", "035"]
    for a, b in zip(table.items(), published.items(), strict=True):
        rows = [sorted(zip(t.subject, t.start, t.duration, *t.points.T, strict=True)) for t in (a.table, b.table)]
        assert np.allclose(rows[0], rows[1])
    assert [len(face) for face in table.mouth_motion("011")] == [523] * 3


@pytest.mark.data
@pytest.mark.parametrize(("cls", "count"), [(Osie, 500), (Crowd, 400)])
def test_real_stills(test_data: Path, cls: type[Osie] | type[Crowd], count: int) -> None:
    items = cls(test_data / cls.name).items()
    assert len(items) == count
    truth = items[0].fixations(np.zeros(1))
    assert truth.observers[0] >= 14
    assert truth.density(0, 54, 72, 24.0).max() == 1
