"""VideoGaze: reference values, geometry, which frames answer, the extractor from a published container to maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_extractors import videogaze_with_patches

from gazenet.cues.extractor import Face, Windows
from gazenet.cues.registry import PluginEntry, get
from gazenet.errors import UsageError
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, find, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.videogaze import extractor, people, published_map
from gazenet_plugins.videogaze.extractor import VideoGazeCue
from gazenet_plugins.videogaze.geometry import cone, rotation
from gazenet_plugins.videogaze.network import VideoGaze, loaded
from gazenet_plugins.videogaze.people import FollowedGaze, Follower, eyes, network_picture
from tests.checkpoints import EXTRACTORS
from tests.goldens.videogaze import peak_of

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"
LARGE = ("videogaze", "videogaze_clamped", "videogaze_transformation", "videogaze_head_pose")
ALL = [golden for golden in find([GOLDENS]) if golden.path.stem.startswith(("videogaze", "map_follow"))]


def marked(golden: Golden):
    return pytest.param(golden, marks=[pytest.mark.slow] if golden.path.stem in LARGE else [], id=golden.path.stem)


@pytest.mark.parametrize("golden", [marked(golden) for golden in ALL])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["videogaze"].save(tmp_path_factory.mktemp("videogaze"))


def entry_with(weights: Path, **parameters: object) -> PluginEntry:
    entry = get("videogaze")
    given = {**entry.spec.parameters, "weights": str(weights), **parameters}
    return replace(entry, spec=entry.spec.model_copy(update={"parameters": given}))


def test_records_and_maps_with_the_real_towers(weights: Path) -> None:
    maps, records = run(entry_with(weights), SyntheticVideo(frames=2, people=1))
    assert maps.max() > 10
    (face,) = records[1]["faces"]
    assert face["frame_offset"] in range(-3, 4) and 0 <= face["probability"] <= 1
    assert 0 <= face["target"][0] <= 128 and 0 <= face["target"][1] <= 72


def test_scores_that_old_numpy_wrote_are_read(tmp_path: Path) -> None:
    state = VideoGaze().state_dict()

    class Old:
        def __reduce__(self) -> tuple[object, ...]:
            return np.float64(0.25).__reduce__()

    torch.save(
        {"state_dict": state, "best_prec1": Old()}, tmp_path / "model.pth.tar", _use_new_zipfile_serialization=False
    )
    raw = (tmp_path / "model.pth.tar").read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "model.pth.tar").write_bytes(raw)
    torch.testing.assert_close(loaded(tmp_path).last_conv.weight, state["last_conv.weight"])


def test_code_and_foreign_files_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "score": print}, tmp_path / "code.pth")
    with pytest.raises(UsageError, match=r"code\.pth: not a readable checkpoint"):
        loaded(tmp_path / "code.pth")
    torch.save({"state_dict": {"fc.weight": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth: is not a checkpoint of VideoGaze"):
        loaded(tmp_path / "other.pth")


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="published, corrected"):
        VideoGazeCue(mode="legacy")


def test_no_turn_is_no_rotation_and_rotations_keep_lengths() -> None:
    torch.testing.assert_close(rotation(torch.zeros(1, 3))[0], torch.eye(3))
    turn = rotation(torch.randn(5, 3))
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(5, 3, 3), atol=1e-5, rtol=0)


def test_cells_along_the_gaze_lie_inside_the_cone() -> None:
    eye, shift = torch.tensor([[0.0, 0.0, 0.0]]), torch.zeros(1, 3)
    axis = torch.tensor([[1.0, 0.0, 0.0]])
    inside = cone(eye, axis, torch.eye(3)[None], shift, torch.tensor([0.75]))[0].view(13, 13)
    assert inside[12, 6] > 0 and inside[6, 12] < 0, "the first coordinate runs along rows"


def test_colours_and_eyes() -> None:
    crop = np.zeros((2, 2, 3), np.uint8)
    crop[..., 0] = 255
    assert network_picture(crop, published=True)[:, 0, 0].tolist() == [0, 0, 1]
    assert network_picture(crop, published=False)[:, 0, 0].tolist() == [1, 0, 0]
    assert eyes((10, 20, 30, 40), (100, 200)) == (0.1, 0.3, 0.0)


def windows(index: int, last: int = 1000) -> Windows:
    """A window of 13 frames of one person; his place tells the frame."""
    frames = np.clip(np.arange(index - 6, index + 7), 0, last)
    faces = [(Face(0, (float(f), 1.0, f + 9.0, 12.0), 0.9),) for f in frames]
    return Windows(
        index=np.array([index]),
        times=frames[None] / 25,
        size=(40, 60),
        map_size=(20, 20),
        anchor=6,
        frames=torch.zeros(1, 13, 3, 40, 60, dtype=torch.uint8),
        faces=[faces],
    )


class Unasked(torch.nn.Identity):
    """What stands for the network where nobody asks it."""

    frame_features = cone_pathway = torch.nn.Identity.forward


@pytest.fixture
def cue(monkeypatch: pytest.MonkeyPatch) -> VideoGazeCue:
    """A cue whose people all look two frames ahead, those of frame 20 three."""

    def ask(self: Follower, windows: Windows, b: int, position: int, face: Face) -> FollowedGaze:
        heat = np.zeros((20, 20), np.float32)
        heat[int(face.box[0]) % 20, 5] = 1
        return FollowedGaze(face, 3 if int(face.box[0]) == 20 else 2, heat, 0.5)

    monkeypatch.setattr(Follower, "_ask", ask)
    monkeypatch.setattr(extractor, "loaded", lambda path: Unasked())
    made = VideoGazeCue(weights="x")
    made.load(torch.device("cpu"), torch.float32, Path)
    return made


def rows(found: torch.Tensor) -> list[int]:
    return sorted(set(torch.nonzero(found[0])[:, 0].tolist()))


def test_maps_gather_everybody_whose_answer_is_this_frame(cue: VideoGazeCue) -> None:
    maps = {k: cue.extract(windows(k)).maps for k in (10, 22, 23, 1, 2)}
    assert rows(maps[10]) == [8] and float(maps[10].max()) == 0.5
    assert rows(maps[22]) == [] and rows(maps[23]) == [0, 1]
    assert rows(maps[1]) == [] and rows(maps[2]) == [0], "frames before the first are nobody's"


def test_at_the_end_the_last_frame_takes_what_lies_beyond(cue: VideoGazeCue) -> None:
    assert rows(cue.extract(windows(12, last=12)).maps) == [10, 11, 12]


def test_published_maps_need_the_last_of_seven_frames(cue: VideoGazeCue) -> None:
    cue._published = True
    assert rows(cue.extract(windows(10)).maps) == [] and rows(cue.extract(windows(23)).maps) == [0]
    assert rows(cue.extract(windows(2)).maps) == []


def test_shared_work_is_done_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor, "loaded", videogaze_with_patches)
    cut: list[int] = []
    real = people.cut
    monkeypatch.setattr(people, "cut", lambda *given: (cut.append(1), real(*given))[1])
    run(entry_with(weights), SyntheticVideo(frames=6, people=1))
    # Frames, three repetitions beyond the end, and the face of each frame; nobody is asked beyond the end.
    assert len(cut) == 6 + 3 + 6


def test_sums_above_one_wrap() -> None:
    heat = np.full((20, 20), 0.6)
    assert published_map.levels(published_map.total([heat, heat]))[0, 0] == 306 % 256
    assert published_map.picture(published_map.total([]))[0, 0].tolist() == [128, 0, 0]
    assert peak_of(np.eye(20)[::-1] * np.arange(20), 60, 80) == (76, 0)
