"""Readers of gaze that is numbered by frame: fixations, alignment and left-outs in both behaviours."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import raw_collections as raw
import scipy.io

from gazenet.data.coutrot import Coutrot1
from gazenet.data.dataset import open_dataset, sigma_of
from gazenet.data.density import GaussianWidth, ViewingConditions
from gazenet.data.diem import Diem, read_events
from gazenet.data.framewise import FrameTable, FrameVideo, from_grid
from gazenet.data.mvva import Mvva
from gazenet.data.summeetmd import SumMeEtmd
from gazenet.errors import MediaError, UsageError
from gazenet.media.decode import VideoReader

AT_25 = np.arange(raw.FRAMES) / 25


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("behaviour", ["corrected", "published"])
def test_coutrot_frames_and_points(
    number: int, behaviour: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = open_dataset(f"coutrot{number}", raw.coutrot(tmp_path, number), behaviour=behaviour)
    (item,) = data.items()
    assert "clip_2: no fixations in" in caplog.text
    assert (item.name, item.path.name, item.size, item.still) == ("clip_1", "clip_1.avi", (48, 64), False)
    with VideoReader(item.path) as reader:
        times = np.array([frame.time for frame in reader])
    truth = item.fixations(times)
    assert len(truth) == raw.FRAMES and truth.observers.tolist() == [2] * raw.FRAMES
    for frame in range(raw.FRAMES):
        assert truth[frame].tolist() == [[10 + frame, 10], [10 + frame, 11]]
    smooth = truth.density(7, 48, 64, sigma_of(data, item) / 10)
    row, column = np.unravel_index(smooth.argmax(), smooth.shape)
    assert abs(row - 10) <= 1 and abs(column - 17) <= 1
    assert truth.fixation_map(7, 48, 64)[10:12, 17].tolist() == [1, 1]


def test_sigma_is_in_proportion_or_constant_or_an_angle(tmp_path: Path) -> None:
    root = raw.coutrot(tmp_path)
    corrected, published = Coutrot1(root), Coutrot1(root, "published")
    assert (corrected.sigma, published.sigma, corrected.reference_width) == (20.0, 20.0, 720)
    item = corrected.items()[0]
    assert sigma_of(corrected, item) == pytest.approx(20 * 64 / 720)
    assert sigma_of(published, item) == 20.0
    seen = GaussianWidth(1.0, "degrees", viewing=ViewingConditions(screen_cm=64.0, distance_cm=57.3))
    assert sigma_of(Coutrot1(root, spread=seen), item) == pytest.approx(1.0, rel=1e-3)


def test_one_observer_only_and_a_lost_last_axis(tmp_path: Path) -> None:
    item = Coutrot1(raw.coutrot(tmp_path, data=raw.grid()[:, :, 0]), subjects=[1]).items()[0]
    assert item.fixations(AT_25)[3].tolist() == [[13, 10]]
    assert Coutrot1(tmp_path, subjects=[2]).items()[0].fixations(AT_25).observers.tolist() == [0] * raw.FRAMES


def test_a_copy_in_another_rate_is_matched_by_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = raw.coutrot(tmp_path)
    slow = np.arange(10) / 12.5 + 3.0
    truth = Coutrot1(root).items()[0].fixations(slow)
    assert [truth[k][0, 0] for k in range(10)] == [10 + 2 * k for k in range(10)]
    assert "matched by time" in caplog.text
    published = Coutrot1(root, "published").items()[0].fixations(slow)
    assert [published[k][0, 0] for k in range(10)] == [10 + k for k in range(10)]
    # 29.97 and 30 name one count of frames.
    near = FrameVideo("a", Path("a"), Path("a"), lambda size: from_grid(np.ones((3000, 2, 1))), 30.0, declared=(9, 9))
    assert near.fixations(np.arange(3000) * 1001 / 30000).observers.all()
    assert near.fixations(np.zeros(3)).observers.tolist() == [1, 1, 1]


def test_an_annotation_that_counts_from_the_start_of_the_container(tmp_path: Path) -> None:
    root, late = raw.coutrot(tmp_path), AT_25[:10] + 0.2
    by_index = Coutrot1(root).items()[0].fixations(late)
    assert [by_index[k][0, 0] for k in range(10)] == [10 + k for k in range(10)]
    by_time = Coutrot1(root, clock="container").items()[0].fixations(late)
    assert [by_time[k][0, 0] for k in range(10)] == [15 + k for k in range(10)]


def test_points_outside_are_counted_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = raw.grid()
    data[0, :4, 0] = 64.0
    root = raw.coutrot(tmp_path, data=data)
    truth = Coutrot1(root).items()[0].fixations(AT_25)
    assert truth.observers.tolist() == [1] * 4 + [2] * 16
    assert "clip_1: 4 of 40 fixations are outside the frame of 64 x 48 and are left out" in caplog.text
    assert Coutrot1(root, "published").items()[0].fixations(AT_25).observers.tolist() == [2] * 20
    data[0] += 1000
    with pytest.raises(UsageError, match=r"coutrot_database1\.mat: clip_1: 40 of 40 .* other units"):
        Coutrot1(raw.coutrot(tmp_path / "far", data=data)).items()[0].fixations(AT_25)


def test_a_truncated_video_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    item = Mvva(raw.mvva(tmp_path)).items()[0]
    assert len(item.fixations(AT_25[:18])) == 18
    assert "before its fixations" not in caplog.text
    assert len(item.fixations(AT_25[:10])) == 10
    assert "001.mp4: ends 10 frames before its fixations" in caplog.text
    whole = item.path.read_bytes()
    item.path.write_bytes(whole[:200])
    with pytest.raises(MediaError, match=r"001\.mp4"):
        _ = Mvva(tmp_path).items()[0].size


def test_more_frames_than_annotation_are_unwatched(tmp_path: Path) -> None:
    truth = Mvva(raw.mvva(tmp_path)).items()[0].fixations(np.arange(25) / 25)
    assert truth.observers.tolist() == [2] * 20 + [0] * 5
    assert not truth.density(24, 6, 8, 5.0).any()


@pytest.mark.parametrize("behaviour", ["corrected", "published"])
def test_mvva(behaviour: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = open_dataset("mvva", raw.mvva(tmp_path), behaviour=behaviour)
    (item,) = data.items()
    assert item.name == "001" and "002: no NNN.npy in" in caplog.text
    assert item.fixations(AT_25)[0].tolist() == [[10, 30], [10, 31]]
    assert sigma_of(data, item) == (66.0 if behaviour == "published" else pytest.approx(40 * 64 / 1280))


def test_mvva_takes_avi_and_rather_mp4(tmp_path: Path) -> None:
    videos = raw.mvva(tmp_path) / "our_database_video" / "raw_videos"
    (videos / "002.mp4").unlink()
    (videos / "001.avi").write_bytes((videos / "001.mp4").read_bytes())
    assert [item.path.name for item in Mvva(tmp_path).items()] == ["001.mp4"]
    (videos / "001.mp4").unlink()
    (item,) = Mvva(tmp_path).items()
    assert (item.name, item.path.name) == ("001", "001.avi")


def test_mvva_files_that_are_none(tmp_path: Path) -> None:
    item = Mvva(raw.mvva(tmp_path)).items()[0]
    source = tmp_path / "all_videos_all_frames_fixation" / "001.npy"
    whole = source.read_bytes()
    source.write_bytes(whole[:200])
    with pytest.raises(UsageError, match=r"001\.npy: cannot be read .* download it again"):
        item.fixations(AT_25)
    np.save(source, np.zeros((20, 3, 2)))
    with pytest.raises(UsageError, match=r"must hold \[frames, 2, observers\]"):
        item.fixations(AT_25)
    np.save(source, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(UsageError, match=r"001\.npy: cannot be read"):
        item.fixations(AT_25)


def test_summeetmd_coordinates_are_fractions(tmp_path: Path) -> None:
    root = raw.summeetmd(tmp_path)
    item = SumMeEtmd(root).items()[0]
    truth = item.fixations(AT_25)
    assert truth.observers.tolist() == [1] * raw.FRAMES
    assert truth[5] == pytest.approx(np.array([[32.0, 12.96]]))
    published = SumMeEtmd(root, "published").items()[0].fixations(AT_25)
    assert published[5].tolist() == [[32.0, 12.0]]


def test_summeetmd_names_that_matlab_cannot_keep(tmp_path: Path) -> None:
    root = raw.summeetmd(tmp_path)
    (root / "video" / "a.mp4").rename(root / "video" / "300 men-1.mp4")
    scipy.io.savemat(root / "eyetracking" / "all_videos.mat", {"eye_data_all": {"x300_men_1": raw.grid() / 100}})
    item = SumMeEtmd(root).items()[0]
    assert item.name == "300 men-1" and item.fixations(AT_25).observers[0] == 2


def test_diem_display_margins_events_and_eyes(tmp_path: Path) -> None:
    root = raw.diem(tmp_path)
    times = np.arange(raw.FRAMES) / 30
    item = Diem(root).items()[0]
    assert (item.name, item.size) == ("vid_64x48", (48, 64))
    truth = item.fixations(times)
    # The margins of 64 x 48 in the middle of 1280 x 960 are 608 and 456.
    assert truth[0].tolist() == [[32, 24], [33, 44]]
    assert truth.observers.tolist() == [2, 1, 1, 1] + [2] * 16
    assert truth[1].tolist() == [[34, 44]] and truth.weights is None
    right = Diem(root, eye="right").items()[0].fixations(times)
    assert right.observers.tolist() == [2] * 20 and right[1].tolist() == [[36, 24], [38, 44]]


def test_diem_as_published(tmp_path: Path) -> None:
    data = Diem(raw.diem(tmp_path), "published")
    item = data.items()[0]
    truth = item.fixations(np.arange(raw.FRAMES) / 30)
    assert truth[0].tolist() == [[640, 380], [641, 400]]
    assert truth.weights is not None and truth.weights[0].tolist() == [2.0, 1.0]
    assert sigma_of(data, item) == 60.0


def test_diem_events_that_are_broken(tmp_path: Path) -> None:
    data = Diem(raw.diem(tmp_path))
    path = tmp_path / "vid_64x48" / "event_data" / "B_vid_64x48.txt"
    whole = path.read_text()
    path.write_text(whole[:-12])
    with pytest.raises(UsageError, match=r"B_vid_64x48\.txt: line 20: has \d columns, not 9"):
        data.items()[0].fixations(np.arange(3) / 30)
    for text, message in (("", "is empty"), ("0" + "\t1" * 8, "counted from 1"), ("a" + "\t1" * 8, "not a number")):
        path.write_text(text)
        with pytest.raises(UsageError, match=message):
            read_events(path)
    path.write_text(whole.replace("\t500\t", "\tnan\t"))
    assert Diem(tmp_path).items()[0].fixations(np.arange(20) / 30).observers.tolist() == [1, 0, 0, 0] + [1] * 16


def test_diem_without_observers_or_videos(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = raw.diem(tmp_path)
    for path in (root / "vid_64x48" / "event_data").iterdir():
        path.unlink()
    assert Diem(root).items() == []
    assert "vid_64x48: no event_data" in caplog.text
    with pytest.raises(UsageError, match="has no ID/video"):
        Diem(tmp_path / "vid_64x48").items()
    with pytest.raises(UsageError, match="eye must be left or right"):
        Diem(root, eye="middle")  # type: ignore[arg-type]


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="coutrot1: behaviour must be corrected or published, not 'original'"):
        open_dataset("coutrot1", tmp_path, behaviour="original")
    with pytest.raises(UsageError, match="no option eye; it has behaviour, subjects, spread"):
        open_dataset("coutrot1", tmp_path, eye="left")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ERB3_Stimuli: the folder of videos is missing"):
        Coutrot1(tmp_path).items()
    root = raw.coutrot(tmp_path)
    (root / "coutrot_database1.mat").unlink()
    with pytest.raises(UsageError, match=r"coutrot_database1\.mat: the published annotation file is missing"):
        Coutrot1(root).items()
    scipy.io.savemat(
        root / "coutrot_database1.mat", {"Coutrot_Database1": {"OriginalSounds": {"clip_1": {"info": 1}}}}
    )
    with pytest.raises(UsageError, match=r"OriginalSounds\.clip_1\.data is missing; found info"):
        Coutrot1(root).items()[0].fixations(AT_25)
    scipy.io.savemat(root / "coutrot_database1.mat", {"Coutrot_Database1": {"Silence": 1}})
    with pytest.raises(UsageError, match=r"variable Coutrot_Database1\.OriginalSounds is missing; found Silence"):
        Coutrot1(root).items()
    scipy.io.savemat(root / "coutrot_database1.mat", {"Coutrot_Database1": {"OriginalSounds": np.ones(3)}})
    with pytest.raises(UsageError, match="OriginalSounds must be a struct; found an array"):
        Coutrot1(root).items()
    scipy.io.savemat(root / "coutrot_database1.mat", {"Coutrot_Database1": {"OriginalSounds": {"clip_1": np.ones(3)}}})
    with pytest.raises(UsageError, match=r"clip_1\.data is missing; found an array"):
        Coutrot1(root).items()[0].fixations(AT_25)
    with pytest.raises(UsageError, match=r"all_videos\.mat: the published annotation file is missing"):
        raw.clip(tmp_path / "s" / "video" / "a.mp4")
        SumMeEtmd(tmp_path / "s").items()


def test_frames_without_looks_in_the_middle() -> None:
    table = FrameTable(np.array([0, 2, 2]), np.array([1, 1, 2]), np.array([[1.0, 1], [2, 2], [3, 3]]), np.ones(3))
    video = FrameVideo("v", Path("v"), Path("v"), lambda size: table, declared=(9, 9))
    assert video.fixations(np.arange(4) / 10).observers.tolist() == [1, 0, 2, 0]


def test_left_out_lists_are_short(caplog: pytest.LogCaptureFixture) -> None:
    from gazenet.data.framewise import leave_out

    with caplog.at_level(logging.WARNING):
        leave_out([str(k) for k in range(20)], "gone")
    assert caplog.messages == ["0, 1, 2, 3, 4, 5, 6, 7 and 12 more: gone; left out"]


@pytest.mark.parametrize("shape", [(3,), (1, 20, 3), (3, 20, 3, 2)])
def test_coutrot_data_of_another_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    root = raw.coutrot(tmp_path, data=np.ones(shape))
    with pytest.raises(UsageError, match=r"clip_1\.data: must be \[x y \.\.\., frames, observers\], not"):
        Coutrot1(root).items()[0].fixations(AT_25)
