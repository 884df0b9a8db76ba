"""Clips with a real face, fake plugins, and a runner of the real pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gazenet.assets import asset_path
from gazenet.config.inference import InferConfig
from gazenet.config.load import load_config
from gazenet.errors import UsageError
from tests.clips import make_clip
from tests.inference.calls import BODY, Calls

EMBEDDED = ("centerface", "face_landmarks", "expression_manifest", "expression_weights", "open_nsfw", "silero_vad")


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    """A public-domain portrait, 128x160 RGB."""
    import cv2

    data = pytest.importorskip("skimage.data")
    return cv2.resize(data.astronaut()[:320, :400], (160, 128), interpolation=cv2.INTER_AREA)


@pytest.fixture
def clip(tmp_path: Path, face: np.ndarray) -> Path:
    """40 frames of a moving portrait with sound."""
    return make_clip(tmp_path / "clip.mp4", 40, (128, 160), image=face, sound=1.6)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., InferConfig]:
    """The default config with small chunks and its results below the test's folder."""

    def make(*sets: str) -> InferConfig:
        return load_config("infer", "default", ["chunk=8", f"output_dir={tmp_path / 'out'}", *sets])

    return make


@pytest.fixture
def embedded_weights() -> None:
    """For tests that run the embedded extractors: skips where their weights are not installed."""
    for name in EMBEDDED:
        try:
            asset_path(name)
        except UsageError as error:
            pytest.skip(str(error))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Installs a distribution with an extractor ``odd`` whose ``extract`` has the given body."""

    def install(body: str) -> None:
        folder = tmp_path / "site"
        info = folder / "odd_cue-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-cue\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[gazenet.extractors]\nodd = odd_cue:Odd\n")
        (folder / "odd_cue.py").write_text(
            "import torch\n"
            "from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec\n"
            "from gazenet.cues.extractor import CueMaps\n"
            "class Odd:\n"
            "    spec = ExtractorSpec(name='odd', summary='odd', cue='other', implementation='odd_cue:Odd',\n"
            "                         input=InputSpec(height=8, width=8))\n"
            "    def load(self, device, dtype, asset_path): pass\n"
            "    def begin(self, video): pass\n"
            "    def extract(self, windows):\n"
            "        n, size = len(windows), windows.map_size\n"
            f"        {body}\n"
        )
        monkeypatch.syspath_prepend(str(folder))
        import sys

        monkeypatch.delitem(sys.modules, "odd_cue", raising=False)

    return install


@pytest.fixture
def odd(plugin: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Installs an extractor that notes what it computes, here and in processes that are started from here."""
    plugin(BODY)
    site = tmp_path / "site"
    module = site / "odd_cue.py"
    module.write_text(
        module.read_text().replace(
            "def begin(self, video): pass", "def begin(self, video): self.source = video.source_id"
        )
    )
    monkeypatch.setenv("ODD_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(Path.cwd())]))
    return Calls(tmp_path / "log")


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three short videos without faces."""
    return [make_clip(tmp_path / f"clip{k}.mp4", 20 + k, (48, 64)) for k in range(3)]
