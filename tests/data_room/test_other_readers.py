"""FindWho as published, and the two data sets that have no fixations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import raw_collections as raw
import scipy.io

from gazenet.data.dataset import open_dataset, sigma_of
from gazenet.data.fairplay import FairPlay
from gazenet.data.findwho import FindWho, read_rates
from gazenet.data.wtmsimgaze import StudyConditions, WtmSimGaze, read_conditions
from gazenet.errors import UsageError

# subject, video, start ms, duration ms, x, y
ROWS = [[1, 2, 100, 100, 640, 360], [2, 2, 150, 200, 10, 20], [3, 1, 0, 1000, 5, 5]]


def test_findwho_published_clock_and_weights(tmp_path: Path) -> None:
    data = FindWho(raw.findwho(tmp_path, ROWS, rate=20), behaviour="published")
    item = data.items()[0]
    # Frame k, from 1, is at k / 20 s, both ends included: 0.1 s is frame 2, 0.35 s is frame 7; no other time counts.
    truth = item.fixations(np.arange(8) * 7.7)
    assert truth.observers.tolist() == [0, 1, 2, 2, 1, 1, 1, 0]
    assert truth.weights is not None and [w.tolist() for w in truth.weights[1:3]] == [[100.0], [100.0, 200.0]]
    assert sigma_of(data, item) == 66.0
    # The longer look is the brighter one.
    drawn = truth.density(2, 720, 1280, 66.0)
    assert drawn[20, 10] == 1.0 and drawn[360, 640] == pytest.approx(0.5, abs=0.01)


def test_findwho_corrected_uses_the_times_of_the_frames(tmp_path: Path) -> None:
    data = FindWho(raw.findwho(tmp_path, ROWS, rate=20))
    item = data.items()[0]
    truth = item.fixations(np.arange(8) / 20)
    assert truth.observers.tolist() == [0, 0, 1, 2, 1, 1, 1, 0] and truth.weights is None
    drifting = item.fixations(np.arange(8) / 23.976)
    assert drifting.observers.tolist() == [0, 0, 0, 1, 2, 1, 1, 1]
    assert sigma_of(data, item) == 40.0
    assert FindWho(tmp_path, subjects=[2]).items()[0].fixations(np.arange(8) / 20).observers.sum() == 4


def test_findwho_counts_on_the_clock_of_the_container(tmp_path: Path) -> None:
    """The picture may begin after the sound: fixations do not wait for it."""
    root = raw.findwho(tmp_path, ROWS, rate=20)
    late = np.arange(2, 8) / 20
    assert FindWho(root).items()[0].fixations(late).observers.tolist() == [1, 2, 1, 1, 1, 0]
    assert FindWho(root, clock="first_frame").items()[0].fixations(late).observers.tolist() == [0, 0, 1, 2, 1, 1]
    with pytest.raises(UsageError, match="clock must be one of container, first_frame, frame_index, not 'wall'"):
        FindWho(root, clock="wall")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="leave out clock"):
        FindWho(root, behaviour="published", clock="container")


def test_findwho_names_and_sizes_of_the_table_of_videos(tmp_path: Path) -> None:
    (tmp_path / "raw_videos").mkdir()
    (tmp_path / "raw_videos" / "001.mp4").write_bytes(b"")
    fields = ["SubjectIndex", "VideoIndex", "Timestamp", "GazeDuration", "FixationPointX ", "FixationPointY"]
    info = {"size": np.array([[64, 48]]), "framerate_fps": np.array([[25]], np.uint8), "name_list": raw.cell(["001"])}
    database = {
        "videos_info": info,
        "fixdata": np.array([[1, 1, 0, 100, 63, 47], [1, 1, 200, 100, 64, 10]], np.uint16),
        "fixdata_fields": raw.cell(fields, row=True),
    }
    scipy.io.savemat(tmp_path / "video_database.mat", {"video_database": database})
    item = FindWho(tmp_path).items()[0]
    assert item.size == (48, 64) and item.table.points.tolist() == [[63, 47]]
    info["size"] = np.array([[64, 0]])
    scipy.io.savemat(tmp_path / "video_database.mat", {"video_database": database})
    with pytest.raises(UsageError, match=r"videos_info\.size must be \[1, 2\]"):
        FindWho(tmp_path).items()


def test_findwho_points_outside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = [*ROWS, [4, 2, 0, 10, 1280, 20]]
    assert len(FindWho(raw.findwho(tmp_path, outside)).items()[0].table) == 2
    assert "002: 1 of 3 fixations are outside the frame of 1280 x 720" in caplog.text
    assert len(FindWho(tmp_path, behaviour="published").items()[0].table) == 3


def test_findwho_rates(tmp_path: Path) -> None:
    root = raw.findwho(tmp_path, ROWS)
    assert read_rates(root / "video_database.mat") == {"001": 30.0, "002": 23.0, "003": 25.0}
    (root / "raw_videos" / "077.mp4").write_bytes(b"")
    with pytest.raises(UsageError, match="has no framerate_fps of 077"):
        FindWho(root, behaviour="published").items()
    (root / "video_database.mat").unlink()
    (root / "fixations.csv").write_text("video,subject,start_ms,duration_ms,x,y\n002,1,0,10,5,5\n")
    assert len(FindWho(root).items()[0].table) == 1
    with pytest.raises(UsageError, match=r"video_database\.mat: the published annotation file is missing"):
        FindWho(root, behaviour="published").items()


@pytest.mark.data
def test_real_findwho_behaviours_differ_as_known(test_data: Path) -> None:
    root = test_data / "findwho"
    rates = read_rates(root / "video_database.mat")
    assert rates["012"] == 23 and rates["022"] == 23
    published = {item.name: item for item in FindWho(root, "mat", "published").items()}
    corrected = {item.name: item for item in FindWho(root, "mat").items()}
    times = np.arange(400) / (9600 / 401)
    a, b = published["022"].fixations(times), corrected["022"].fixations(times)
    lengths = [len(item.table) for item in published.values()]
    assert sum(lengths) == 12885 and lengths == [len(item.table) for item in corrected.values()]
    # The truncated rate stretches the clock: what is corrected to frame k is found about 4 % earlier.
    last = {k: min(range(400), key=lambda f: _distance(a, f, b, k)) for k in (200, 300)}
    assert all(0.93 * k < found < 0.98 * k for k, found in last.items())


def _distance(a: object, f: int, b: object, k: int) -> float:
    one, other = (set(map(tuple, t[n].tolist())) for t, n in ((a, f), (b, k)))  # type: ignore[index]
    return -len(one & other) / max(len(one | other), 1)


def fairplay(root: Path) -> Path:
    for name in ("000001", "000002"):
        raw.clip(root / "videos" / f"{name}.mp4")
    (root / "maps").mkdir()
    picture = np.zeros((24, 32), np.uint8)
    picture[6:12, 16:24] = 200
    cv2.imwrite(str(root / "maps" / "000001_x.png"), picture)
    return root


@pytest.mark.parametrize("behaviour", ["corrected", "published"])
def test_fairplay_has_one_map_per_video(behaviour: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (item,) = open_dataset("fairplay", fairplay(tmp_path), behaviour=behaviour).items()
    assert item.name == "000001" and "000002: no ID_*.png" in caplog.text
    truth = item.fixations(np.arange(3) / 60)
    assert truth.observers.tolist() == [0, 0, 0] and truth.size == (48, 64)
    found = truth.density(2, 48, 64, 1.0)
    assert found.shape == (48, 64) and found[18, 40] == 1.0 and found[30, 40] == 0.0
    assert np.array_equal(truth.density(0, 4, 4, 1.0) > 0, np.array([[0] * 4, [0, 0, 1, 0], [0] * 4, [0] * 4], bool))


def test_fairplay_maps_that_are_damaged(tmp_path: Path) -> None:
    item = FairPlay(fairplay(tmp_path)).items()[0]
    assert item.sound_path == tmp_path / "binaural_audios" / "000001.wav"
    item.map_path.write_bytes(item.map_path.read_bytes()[:40])
    with pytest.raises(UsageError, match=r"000001_x\.png.*download the maps again"):
        item.fixations(np.arange(3) / 60)


def test_gaze_study_conditions(tmp_path: Path) -> None:
    names = [
        "LL-100-700",
        "neutral_gaze_center_sound_left",
        "inc_gaze_left_sound_right",
        "con_gaze_left_sound_left",
        "x",
    ]
    for name in names:
        raw.clip(tmp_path / "videos" / f"{name}.mp4", frames=2)
    found = {item.name: item.conditions for item in WtmSimGaze(tmp_path).items()}
    assert found == {
        "LL-100-700": StudyConditions("left", "left", "congruent"),
        "neutral_gaze_center_sound_left": StudyConditions("left", "normal", "neutral"),
        "inc_gaze_left_sound_right": StudyConditions("right", "left", "incongruent"),
        "con_gaze_left_sound_left": StudyConditions("left", "left", "congruent"),
        "x": None,
    }
    published = {item.name: item.conditions for item in WtmSimGaze(tmp_path, "published").items()}
    assert [name for name, conditions in published.items() if conditions] == ["LL-100-700"]
    item = WtmSimGaze(tmp_path).items()[0]
    assert item.size == (48, 64) and item.fixations(np.zeros(2)).observers.tolist() == [0, 0]


def test_gaze_study_table_of_its_own(tmp_path: Path) -> None:
    raw.clip(tmp_path / "videos" / "mine.mp4", frames=2)
    table = tmp_path / "video_conditions.csv"
    header = "video_id,auditory_localization,visualcue_localization,conditions_congruency"
    table.write_text(f"{header}\nmine,left,normal,neutral\n")
    assert WtmSimGaze(tmp_path).items()[0].conditions == StudyConditions("left", "normal", "neutral")
    with pytest.raises(UsageError, match=r"t\.csv: column conditions_congruency is missing"):
        read_conditions(header.rsplit(",", 1)[0] + "\n", "t.csv")


@pytest.mark.data
def test_real_gaze_study_clips(test_data: Path, tmp_path: Path) -> None:
    clips = sorted((test_data / "media").glob("neutral_gaze_center_sound_*.mp4"))
    if not clips:
        pytest.skip("the two clips of the gaze study are absent")
    (tmp_path / "videos").symlink_to(clips[0].parent)
    items = {item.name: item for item in WtmSimGaze(tmp_path).items()}
    assert {items[clip.stem].conditions for clip in clips} == {
        StudyConditions("left", "normal", "neutral"),
        StudyConditions("right", "normal", "neutral"),
    }
    assert min(items[clips[0].stem].size) > 100
