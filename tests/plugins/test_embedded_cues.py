"""Whether each of the embedded extractors sees what it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from gazenet.assets import asset_path
from gazenet.cues.extractor import CueMaps, Face, VideoContext, Windows
from gazenet.cues.registry import get
from gazenet.errors import UsageError
from gazenet.media.frames import Waveform
from tests.cues.test_gaze import head

SIZE, MAP = (480, 800), (48, 80)


@pytest.fixture
def extractor() -> Callable[..., Any]:
    """A loaded extractor by name; skips where its weights are not installed."""

    def load(name: str, **parameters: Any) -> Any:
        made = get(name).load()(**parameters)
        made.load(torch.device("cpu"), torch.float32, installed)
        made.begin(VideoContext("ab", *SIZE, 25.0, None))
        return made

    return load


def installed(asset: str) -> Path:
    try:
        return asset_path(asset)
    except UsageError as error:
        pytest.skip(str(error))


def one_window(faces: Sequence[Face] = (), image: np.ndarray | None = None, **maps: torch.Tensor) -> Windows:
    frames = None if image is None else torch.from_numpy(image).permute(2, 0, 1)[None, None].contiguous()
    index, times = np.array([0]), np.array([[0.0]])
    return Windows(index, times, SIZE, MAP, 0, frames, [[tuple(faces)]], maps)


def centre_of(maps: torch.Tensor) -> tuple[float, float]:
    """(x, y) of the centre of mass in parts of the picture."""
    weights = maps[0].double() / maps[0].double().sum()
    rows, columns = torch.meshgrid(
        *(torch.linspace(0, 1, n, dtype=torch.double) for n in weights.shape), indexing="ij"
    )
    return float((weights * columns).sum()), float((weights * rows).sum())


def test_saliency_prefers_the_thing_on_the_empty_table(extractor: Callable[..., Any]) -> None:
    scene = pytest.importorskip("skimage.data").astronaut()[:256, 100:356]
    cue = extractor("saliency")
    for column, side in ((60, "left"), (484, "right")):
        image = np.full((*SIZE, 3), 128, np.uint8)
        image[112:368, column : column + 256] = scene
        out: CueMaps = cue.extract(one_window(image=cv2.resize(image, (480, 288), interpolation=cv2.INTER_AREA)))
        x, y = centre_of(out.maps**4)
        assert (x < 0.45) == (side == "left") and (x > 0.55) == (side == "right"), x
        assert 0.2 < y < 0.8
        assert float(out.maps.max()) == pytest.approx(1) and float(out.maps.min()) >= 0


@pytest.mark.parametrize(("yaw", "side"), [(40, 1), (-40, -1)])
def test_the_gaze_cone_opens_to_the_side_looked_at(extractor: Callable[..., Any], yaw: float, side: int) -> None:
    out = extractor("gaze_direction").extract(one_window([head(yaw, 0, yaw, 0)]))
    assert np.sign(centre_of(out.maps)[0] - 0.5) == side
    assert abs(out.records[0]["faces"][0]["yaw"] - yaw) < 8


def test_a_gaze_into_the_camera_points_nowhere(extractor: Callable[..., Any]) -> None:
    away = extractor("gaze_direction").extract(one_window([head(40, 0, 40, 0)])).maps.sum()
    ahead = extractor("gaze_direction").extract(one_window([head(0, 0, 0, 0)])).maps.sum()
    assert ahead < 0.2 * away


def test_gaze_following_finds_what_is_looked_at_and_not_what_is_behind(extractor: Callable[..., Any]) -> None:
    salient = torch.zeros(1, *MAP)
    salient[0, 26:34, 68:76] = 1
    salient[0, 26:34, 4:12] = 1
    out = extractor("gaze_following").extract(one_window([head(40, 0, 40, 0)], saliency=salient))
    assert out.maps[0, 26:34, 68:76].mean() > 5 * out.maps[0, 26:34, 4:12].mean()
    (told,) = out.records[0]["faces"]
    assert told["target"][0] > 600


def test_a_smile_is_happy_and_brighter_than_a_blank_face(extractor: Callable[..., Any]) -> None:
    picture = pytest.importorskip("skimage.data").astronaut()
    crop = cv2.resize(picture[60:220, 150:310], (get("facial_expression").spec.needs.face_crops,) * 2)
    smiling = Face(3, (300, 100, 500, 300), 0.9, crop=np.ascontiguousarray(crop))
    cue = extractor("facial_expression")
    out = cue.extract(one_window([smiling]))
    (told,) = out.records[0]["faces"]
    scores = {name: value for name, value in told.items() if name != "track"}
    assert told["track"] == 3 and max(scores, key=lambda name: scores[name]) == "happy"
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)
    blank = cue.extract(one_window([Face(3, smiling.box, 0.9)]))
    assert out.maps.max() > 2 * blank.maps.max() > 0


def talking(track: int, x: float, time: float, moves: bool) -> Face:
    """A head whose lips open and close four times a second, or stay shut."""
    face = head(0, 0, 0, 0)
    assert face.landmarks is not None
    mesh = face.landmarks.copy()
    gap = 14 * (1 + np.sin(2 * np.pi * 4 * time)) if moves else 0.0
    mesh[10, :2], mesh[152, :2], mesh[1, :2] = (400, 120), (400, 480 + gap), (400, 320)
    mesh[13, :2], mesh[14, :2] = (400, 400), (400, 402 + gap)
    mesh[0, :2], mesh[17, :2] = (400, 385), (400, 420 + gap)
    mesh[78, :2], mesh[308, :2] = (360, 401), (440, 401)
    mesh[:, 0] += x
    return Face(track, (x + 250, 120, x + 550, 480), 0.9, mesh, 1.0)


def test_who_moves_the_lips_while_a_voice_is_heard_speaks() -> None:
    from gazenet_plugins.active_speaker.extractor import ActiveSpeaker
    from gazenet_plugins.active_speaker.voice import VoiceTrack

    cue = ActiveSpeaker()
    cue.load(torch.device("cpu"), torch.float32, installed)
    span = get("active_speaker").spec.window
    times = np.arange(span.length) / 25
    frames = [[talking(0, -150, t, moves=True), talking(1, 150, t, moves=False)] for t in times]
    loud = np.sin(2 * np.pi * 4 * times)

    def speaking(voice: float) -> dict[int, float]:
        cue._voice = VoiceTrack(times, np.full(len(times), voice), times, loud)
        return cue.speaking(frames, times, span.before)

    heard, silent = speaking(1.0), speaking(0.0)
    assert heard[0] > 0.5 > heard[1] and heard[0] > heard[1] + 0.3
    assert silent[0] < heard[0]


def test_a_voice_reaches_to_the_edges_of_the_sound() -> None:
    """The blocks at both ends count in full: a cut in mid-sentence is no silence."""
    from gazenet_plugins.active_speaker.voice import BLOCK, RATE, voice_track

    rng = np.random.default_rng(0)
    sound = Waveform(rng.normal(0, 0.1, (1, 10 * BLOCK + 100)).astype(np.float32), RATE, start=2.0)
    track = voice_track(sound, asset_path("silero_vad"))
    end = 2.0 + sound.duration
    inside = track.activity(np.array([2.0, 2.0 + 0.5 * BLOCK / RATE, end - 1e-6, end - 1e-3]))
    assert inside[0] == inside[1] > 0 and inside[2] == pytest.approx(inside[3]) and inside[2] > 0
    assert track.activity(np.array([1.99, end + 0.01])).tolist() == [0.0, 0.0]


def test_the_detector_and_the_mesh_find_the_portrait() -> None:
    from gazenet.cues.faces.face_specs import FaceModelSpec
    from gazenet.cues.faces.face_stage import FaceStage

    picture = pytest.importorskip("skimage.data").astronaut()
    mesh = get("facemesh", "gazenet.face_landmarks", FaceModelSpec)
    stage = FaceStage(get("centerface", "gazenet.face_detectors", FaceModelSpec), installed, mesh)
    stage.load()
    (found,) = stage.detect([picture], (1024, 1024))[0]
    left, top, right, bottom = (edge / 2 for edge in found["box"])
    assert 150 < left < 200 and 230 < right < 290 and 50 < top < 110 and 160 < bottom < 240
    assert found["score"] > 0.6
