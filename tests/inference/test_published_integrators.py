"""The released integrators end to end: from a video file through published pictures to saliency and gates.

The extractors are the real ones but for their networks, in whose place stand functions of the frame's number. What
``gasp_infer`` leaves is compared with the release's steps written down here, window by window.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from gazenet.cli.infer import main
from gazenet.fusion.gasp import Gasp, build
from gazenet.fusion.gasp_config import published
from gazenet.inference.engine import stage_graph
from gazenet.media.decode import VideoReader
from gazenet.testing.goldens import filled_state
from gazenet_plugins.dave.extractor import DaveSaliency
from gazenet_plugins.esr9.extractor import Esr9Cue
from gazenet_plugins.esr9.extractor import FaceExpression as Expression
from gazenet_plugins.gaze360 import published_map
from gazenet_plugins.gaze360.extractor import FaceGaze as Gaze
from gazenet_plugins.gaze360.extractor import Gaze360Cue
from gazenet_plugins.videogaze.extractor import VideoGazeCue
from gazenet_plugins.videogaze.people import FollowedGaze
from tests.clips import make_clip

SIZE, CONTEXT = (90, 120), 10
BOX = (30.0, 20.0, 66.0, 56.0)
CORNER = (30, 20)
MEAN = np.array([110.63666788, 103.16065604, 96.29023126]) / 255
STD = np.array([38.7568578, 37.88248729, 40.02898126]) / 255
HEAT = np.exp(-((np.mgrid[:20, :20][0] - 6) ** 2 + (np.mgrid[:20, :20][1] - 14) ** 2) / 20) / 63
GAZE = np.array([0.6, -0.48, 0.64], np.float32)
FIELD = np.arange(36, dtype=np.float64).reshape(6, 6) / 40


def seen(k: int) -> np.ndarray:
    """What stands for DAVE's output for frame k, ``[32, 40]``."""
    y, x = np.mgrid[:32, :40]
    return (np.exp(-((x - 8 - 3 * k) ** 2 + (y - 12) ** 2) / 60) - 0.2).astype(np.float32)


class Eyes:
    """One face that does not move."""

    def detect(self, images: list[np.ndarray], full_size: tuple[int, int], frames: list[int]) -> list[list[dict]]:
        return [[{"box": list(BOX), "score": 0.9}] for _ in images]


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """The four published extractors without their networks, and one face."""

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: object) -> None:
        self.device = self._device = device
        self.dtype = self._dtype = dtype
        self.run = None

    for one in (DaveSaliency, Esr9Cue, Gaze360Cue):
        monkeypatch.setattr(one, "load", load)
    monkeypatch.setattr(
        DaveSaliency, "saliency", lambda self, clip, windows, b: torch.from_numpy(seen(int(windows.index[b])))[None]
    )

    def look(self, windows, b, k):
        return Gaze(windows.faces[b][windows.anchor][k], GAZE, (0.0, 0.0), 0.1)

    monkeypatch.setattr(Gaze360Cue, "_gaze", look)
    labels, affect = np.array([3, 3]), np.zeros((2, 2), np.float32)
    monkeypatch.setattr(
        Esr9Cue,
        "_expression",
        lambda self, frame, face, size: Expression(face, labels, 3, affect, np.stack([FIELD, FIELD / 2])),
    )

    class Follower(SimpleNamespace):
        def answers(self, windows, b, position):
            return iter([FollowedGaze(windows.faces[b][position][0], 3, HEAT.astype(np.float32), 0.7)])

    def follow(self, device: torch.device, dtype: torch.dtype, asset_path: object) -> None:
        self._device = device
        self._follower = Follower(clear=lambda: None, forget_before=lambda frame: None)

    monkeypatch.setattr(VideoGazeCue, "load", follow)
    monkeypatch.setattr(stage_graph, "_faces", lambda config: (Eyes(), "eyes", ()))


def bgr_jet(levels: np.ndarray) -> np.ndarray:
    return cv2.applyColorMap(levels, cv2.COLORMAP_JET)


def stretched(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, SIZE[::-1], interpolation=cv2.INTER_LINEAR)


def dave_picture(k: int) -> np.ndarray:
    relative = (seen(k) - seen(k).min()) / (seen(k).max() - seen(k).min())
    return stretched(bgr_jet((255 * relative).astype(np.uint8)))


def videogaze_picture(k: int) -> np.ndarray:
    """Of the person three frames back, where there is one."""
    heat = HEAT if k >= 3 else np.zeros((20, 20))
    return stretched(bgr_jet((255 * heat).astype(np.uint8)))


def gaze360_picture(k: int) -> np.ndarray:
    depth = published_map.exact_depth(published_map.cone_points(CORNER, GAZE), *SIZE)
    spread = (depth - depth.min()) / (depth.max() - depth.min()) * 255
    coloured = bgr_jet(255 - spread.astype(np.uint8))
    return np.rint(0.5 * coloured).astype(np.uint8)


def esr9_picture(k: int) -> np.ndarray:
    line = np.array([0, 0.34549150281, 0.90450849719, 0.90450849719, 0.34549150281, 0])
    far = np.hypot(*np.mgrid[-2.5:3, -2.5:3])
    hann = np.interp(2.5 + far, np.arange(6), line, right=0)
    merged = (FIELD + FIELD / 2) * hann
    colours = bgr_jet((255 * merged).astype(np.int64).astype(np.uint8))
    light = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    left, top, right, bottom = map(int, BOX)
    planes = cv2.resize(np.dstack([colours, light]), (right - left, bottom - top)).astype(np.float64)
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[top:bottom, left:right] = (planes[..., 3:] / 255 * planes[..., :3]).astype(np.uint8)
    return picture


def network_input(pictures: list[np.ndarray]) -> torch.Tensor:
    """BGR pictures of one frame, brought to 500 x 500 and then to 120 x 120, as ``[3M, 120, 120]``."""
    found = []
    for picture in pictures:
        small = cv2.resize(cv2.resize(picture, (500, 500)), (120, 120))
        found.append(((small[..., ::-1] / 255 - MEAN) / STD).transpose(2, 0, 1))
    return torch.from_numpy(np.concatenate(found).astype(np.float32))


@torch.no_grad()
def by_hand(network: Gasp, clip: Path, makers: list[Callable[[int], np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Saliency in 0..1 and mean gates of every frame, one window after the other."""
    with VideoReader(clip) as reader:
        frames = [np.ascontiguousarray(frame.image[..., ::-1]) for frame in reader]
    inputs = [network_input([frame, *(maker(k) for maker in makers)]) for k, frame in enumerate(frames)]
    maps, gates = [], []
    for k in range(len(frames)):
        if network.config.sequential:
            window = torch.stack([inputs[max(j, 0)] for j in range(k - CONTEXT + 1, k + 1)])
        else:
            window = inputs[k]
        logits, _, state = network(window[None])
        squashed = torch.sigmoid(logits[0, 0]).double().numpy()
        maps.append((squashed - squashed.min()) / (squashed.max() - squashed.min()))
        gates.append(state[1][0].mean((1, 2, 3)).numpy())
    return np.stack(maps), np.stack(gates)


def weights(network: Gasp, path: Path) -> Gasp:
    """Fills a network reproducibly and saves it in the released container: a bare state dict."""
    state = filled_state(network)
    network.load_state_dict(state)
    torch.save(state, path)
    return network.eval()


MAKERS = {"dave": dave_picture, "esr9": esr9_picture, "videogaze": videogaze_picture, "gaze360": gaze360_picture}


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize(
    ("name", "kind", "cues", "frames"),
    [
        ("damgmu", "GASPDAMEncGMUConv", tuple(MAKERS), 5),
        pytest.param("seqdamgmualstm", "SequenceGASPDAMEncGMUALSTMConv", tuple(MAKERS), 4, marks=pytest.mark.slow),
        pytest.param(
            "seqdamalstmgmu_110nofer",
            "SequenceGASPDAMEncALSTMGMUConv",
            ("dave", "videogaze", "gaze360"),
            2,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_command_equals_the_release_step_by_step(
    name: str, kind: str, cues: tuple[str, ...], frames: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames, SIZE)
    config = published(kind, modalities=len(cues) + 1, sequence_len=CONTEXT, sequence_norm=True)
    network = weights(build(config), tmp_path / "last_model.pt")
    file = tmp_path / "none.pt"
    file.write_bytes(b"not asked for")
    own = {cue: {"weights": str(file), **({"exact": True} if cue == "gaze360" else {})} for cue in reversed(cues)}
    extractors = json.dumps([{"name": cue, "parameters": told} for cue, told in own.items()])
    code = main(
        [
            "--input", str(clip), "--output_dir", str(tmp_path / "out"),
            "--set", f"extractors={extractors}", "--set", f"integrator.name={name}",
            "--set", f"integrator.parameters.weights={tmp_path / 'last_model.pt'}", "--set", "chunk=3",
            "--set", "faces.stride=1", "--set", "outputs.overlay=false",
        ]
    )  # fmt: skip
    assert code == 0, capsys.readouterr().err
    maps, gates = by_hand(network, clip, [MAKERS[cue] for cue in cues])
    found = np.load(tmp_path / "out" / "clip" / "saliency.npy").astype(np.float64)
    assert found.shape == (frames, 60, 60) and maps.std((1, 2)).min() > 0.02
    np.testing.assert_allclose(found, maps, atol=2e-3)
    with (tmp_path / "out" / "clip" / "attention.csv").open() as table:
        rows = list(csv.DictReader(table))
    told = np.array([[float(row[f"gate_{cue}"]) for cue in ("captured", *cues)] for row in rows])
    np.testing.assert_allclose(told, gates, atol=2e-4)
