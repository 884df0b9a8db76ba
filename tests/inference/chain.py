"""A working directory with a raw data set, and plugins that need no weights: what the published chain is tested on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from gazenet.testing.fakes import write_distribution
from tests.data_room import raw_collections as raw

HEAD = "video_id,fps,scene_type,dataset\n"
CUES = ("odd_sun", "odd_moon")
SOURCE = '''
import numpy as np
import torch
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec
from gazenet.cues.extractor import CueMaps

class Odd:
    pictures = False
    def __init__(self, mode="corrected"): self.mode = mode
    def load(self, device, dtype, asset_path): pass
    def begin(self, video): pass

class Sun(Odd):
    """Bright where the blob of the made clips is, ever brighter."""
    spec = ExtractorSpec(name="odd_sun", summary="s", cue="saliency", implementation="odd_plugins:Sun",
                         input=InputSpec(height=12, width=16), parameters={"mode": "corrected"})
    def extract(self, windows):
        h, w = windows.map_size
        spot = torch.zeros(len(windows), h, w)
        for row, index in enumerate(windows.index.tolist()):
            column = min(w - 1, int(w * (0.2 + 0.02 * index)))
            spot[row, h // 2, column] = 1.0
            spot[row, : h // 2] = 0.02 * index
        return CueMaps(spot)

class Moon(Odd):
    """Draws pictures of its own in its published mode."""
    spec = ExtractorSpec(name="odd_moon", summary="m", cue="other", implementation="odd_plugins:Moon",
                         input=InputSpec(height=12, width=16), parameters={"mode": "corrected"}, pictures=True)
    def extract(self, windows):
        h, w = windows.map_size
        maps = torch.linspace(0, 1, w).expand(len(windows), h, w)
        drawn = [np.full((30, 40, 3), (250, 10 * int(k), 5), np.uint8) for k in windows.index]
        return CueMaps(maps, pictures=drawn if self.mode == "published" else None)

class Somebody:
    """One face in the upper left quarter of every frame."""
    def load(self, asset_path): pass
    def detect(self, image):
        h, w = image.shape[:2]
        row = np.zeros((1, 15), np.float32)
        row[0, :5] = w * 0.1, h * 0.1, w * 0.5, h * 0.6, 0.9
        return row

SOMEBODY = FaceModelSpec(name="somebody", summary="one face", implementation="odd_plugins:Somebody")
'''


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up extractors ``odd_sun``, ``odd_moon`` and the face detector ``somebody``."""
    points = {
        "gazenet.extractors": {"odd_sun": "odd_plugins:Sun", "odd_moon": "odd_plugins:Moon"},
        "gazenet.face_detectors": {"somebody": "odd_plugins:SOMEBODY"},
    }
    monkeypatch.syspath_prepend(str(write_distribution(folder, "odd-plugins", points, {"odd_plugins": SOURCE})))
    monkeypatch.delitem(sys.modules, "odd_plugins", raising=False)


def lay_out(folder: Path) -> Path:
    """Coutrot 1, two clips, where the download manager puts it; ``mine.csv`` lists the first, ``all.csv`` both."""
    root = folder / "datasets" / "ave" / "database1"
    root.mkdir(parents=True)
    raw.coutrot(root)
    looks = {f"clip_{k}": {"data": raw.grid() + np.array([5.0 * k, 2.0 * k, 0])[:, None, None]} for k in (0, 1)}
    named = {"clip_1": looks["clip_0"], "clip_2": looks["clip_1"]}
    scipy.io.savemat(root / "coutrot_database1.mat", {"Coutrot_Database1": {"OriginalSounds": named}})
    rows = [f"clip_{k},25,Social,coutrot1\n" for k in (1, 2)]
    (folder / "mine.csv").write_text(HEAD + rows[0])
    (folder / "all.csv").write_text(HEAD + "".join(rows))
    return root


def fake_stages() -> list[str]:
    """``--set`` values that put the made-up plugins into a config."""
    listed = ", ".join(f'{{"name": "{name}", "parameters": {{"mode": "published"}}}}' for name in CUES)
    return [f"extractors=[{listed}]", "faces.detector=somebody", "map_size=16", "chunk=8"]
