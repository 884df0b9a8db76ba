"""The package that ``gasp_plugins new`` writes: an extractor that works, with a test that can fail."""

from __future__ import annotations

import re
from pathlib import Path

from gazenet.errors import UsageError
from gazenet.files import write_text

SETUP = '''"""A social cue for gazenet."""

from setuptools import setup

setup(
    name="{distribution}",
    version="0.1.0",
    py_modules=["{module}"],
    install_requires=["gazenet"],
    entry_points={{"gazenet.extractors": ["{name} = {module}:{cls}"]}},
)
'''

MODULE = '''"""The cue {name}: bright things. Replace ``extract`` by your own idea."""

import torch
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec
from gazenet.cues.extractor import CueMaps
from torch.nn import functional as F


class {cls}:
    """Luminance of the frame, 0..1."""

    spec = ExtractorSpec(
        name="{name}",
        summary="Bright things",
        cue="other",
        implementation="{module}:{cls}",
        input=InputSpec(height=90, width=160),
    )

    def load(self, device, dtype, asset_path):
        self.weights = torch.tensor([0.299, 0.587, 0.114], device=device).view(1, 3, 1, 1)

    def begin(self, video):
        pass

    def extract(self, windows):
        frames = windows.frames[:, windows.anchor].float() / 255
        light = (frames * self.weights).sum(1, keepdim=True)
        return CueMaps(F.interpolate(light, windows.map_size, mode="bilinear")[:, 0].clamp(0, 1))
'''

TEST = '''"""The conformance kit on {name}, and what makes it the cue that it is."""

import numpy as np
import pytest
from gazenet.cues.registry import get
from gazenet.testing.conformance import CHECKS, run
from gazenet.testing.synthetic import SyntheticVideo


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(get("{name}"))


def test_the_bright_disc_is_brightest():
    video = SyntheticVideo(frames=1)
    maps, _ = run(get("{name}"), video)
    row, column = np.unravel_index(maps[0].argmax(), maps[0].shape)
    x = (column + 0.5) * video.size[1] / maps.shape[2]
    y = (row + 0.5) * video.size[0] / maps.shape[1]
    assert video.image(0)[int(y), int(x)].sum() > 300
'''

README = """# {name}

    pip install -e .
    gasp_plugins check {name}
    pytest
    gasp_infer --input my.mp4 --set 'extractors=[{{"name": "{name}"}}]' --set integrator=null
"""


def write_template(name: str, folder: Path) -> list[Path]:
    """Writes the package for a cue ``name`` into ``folder``. Raises UsageError for bad names and existing files."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UsageError(f"{name!r}: a cue's name is lower case letters, digits and _, beginning with a letter")
    fields = {
        "name": name,
        "module": f"gazenet_{name}",
        # The ending keeps a cue called "none" or "true" from becoming a keyword.
        "cls": "".join(part.capitalize() for part in name.split("_")) + "Cue",
        "distribution": f"gazenet-{name.replace('_', '-')}",
    }
    contents = {
        "setup.py": SETUP,
        f"{fields['module']}.py": MODULE,
        f"test_{name}.py": TEST,
        "README.md": README,
    }
    taken = [file for file in contents if (folder / file).exists()]
    if taken:
        raise UsageError(f"{folder}: {', '.join(taken)} exists already; choose another --directory")
    for file, text in contents.items():
        write_text(folder / file, text.format(**fields))
    return [folder / file for file in contents]
