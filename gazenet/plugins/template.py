"""The package that ``gasp_plugins new`` writes: a plugin that works, with a test that can fail."""

from __future__ import annotations

import re
from pathlib import Path

from gazenet.errors import UsageError
from gazenet.files import write_text

SETUP = '''"""{Noun} for gazenet."""

from setuptools import setup

setup(
    name="{distribution}",
    version="0.1.0",
    py_modules=["{module}"],
    install_requires=["gazenet"],
    entry_points={{"{group}": ["{name} = {module}:{cls}"]}},
)
'''

EXTRACTOR = '''"""The cue {name}: bright things. Replace ``extract`` by your own idea."""

import torch
from torch.nn import functional as F

from gazenet.plugins import CueMaps, ExtractorSpec, InputSpec


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

EXTRACTOR_TEST = """

def test_the_bright_disc_is_brightest():
    import numpy as np

    from gazenet.testing.conformance import run
    from gazenet.testing.synthetic import SyntheticVideo

    video = SyntheticVideo(frames=1)
    maps, _ = run(ENTRY, video)
    row, column = np.unravel_index(maps[0].argmax(), maps[0].shape)
    x = (column + 0.5) * video.size[1] / maps.shape[2]
    y = (row + 0.5) * video.size[0] / maps.shape[1]
    assert video.image(0)[int(y), int(x)].sum() > 300
"""

INTEGRATOR = '''"""The integrator {name}: a weighted mean of two cues. Replace ``fuse`` by your own idea."""

import numpy as np

from gazenet.plugins import Fused, Integrator, IntegratorSpec


class {cls}(Integrator):
    """``weight`` of the first cue, the rest of the second."""

    spec = IntegratorSpec(
        name="{name}",
        summary="A weighted mean of two cues",
        cues=("saliency", "gaze_following"),
        implementation="{module}:{cls}",
        parameters={{"weight": 0.5}},
    )

    def __init__(self, weight=0.5):
        self.weight = weight

    def fuse(self, maps):
        first, second = (maps[cue].astype(np.float32) / 255 for cue in self.spec.cues)
        gates = np.tile(np.float32([self.weight, 1 - self.weight]), (len(first), 1))
        return Fused(self.weight * first + (1 - self.weight) * second, gates)
'''

INTEGRATOR_TEST = """

def test_gates_are_the_weights():
    from {module} import {cls}
    from gazenet.testing.integrator_checks import cue_maps

    fused = {cls}(0.25).fuse(cue_maps(ENTRY.spec, 3))
    assert fused.gates.tolist() == [[0.25, 0.75]] * 3
"""

SINK = '''"""The sink {name}: the highest value of every map. Replace ``write`` by your own idea."""

from gazenet.plugins import ConfigModel, Sink, SinkSpec, writing


class Settings(ConfigModel):
    """What ``outputs.{name}`` of a config may say."""

    digits: int = 3


class {cls}(Sink):
    """A line per frame."""

    spec = SinkSpec(
        name="{name}",
        summary="The highest value of every map",
        implementation="{module}:{cls}",
        files=("{name}.txt",),
        settings=Settings,
    )

    def __init__(self, settings):
        self.digits, self.lines = settings.digits, []

    def open(self, context):
        self.path = context.folder / self.files[0]

    def write(self, chunk):
        self.lines += [f"{{saliency.max():.{{self.digits}}f}}\\n" for saliency in chunk.saliency]

    def close(self, summary):
        with writing(self.path):
            self.path.write_text("".join(self.lines))
'''

SINK_TEST = """

def test_there_is_a_line_per_frame(tmp_path):
    from gazenet.inference.sinks.sink import make_sink
    from gazenet.testing.sink_checks import chunk, context
    from gazenet.testing.synthetic import SyntheticVideo

    video, sink = SyntheticVideo(frames=4), make_sink(ENTRY, {{"digits": 1}})
    sink.open(context(tmp_path, video))
    sink.write(chunk(video, 0, 4))
    sink.close({{}})
    assert (tmp_path / "{name}.txt").read_text() == "0.0\\n" * 4
"""

READER = '''"""The data set {name}: videos with a table of fixations each. Replace ``fixations`` by your own files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gazenet.plugins import Dataset, FrameFixations, ReaderSpec, UsageError

SIZE, RATE = (360, 640), 25


@dataclass(frozen=True)
class Video:
    """A video and, beside it, ``<name>.csv`` with lines ``frame,x,y`` in pixels."""

    path: Path
    still = False
    size = SIZE

    @property
    def name(self):
        return self.path.stem

    def fixations(self, times):
        rows = np.loadtxt(self.path.with_suffix(".csv"), delimiter=",", ndmin=2)
        frames = np.round(np.asarray(times) * RATE)
        points = [rows[rows[:, 0] == frame, 1:] for frame in frames]
        return FrameFixations(SIZE, points, np.array([len(one) for one in points]))


class {cls}(Dataset):
    """All ``.mp4`` files of a folder."""

    spec = ReaderSpec(name="{name}", summary="Videos with a table of fixations each", implementation="{module}:{cls}")
    name, sigma, reference_width = "{name}", 20.0, 640

    def __init__(self, root):
        self.root = Path(root)

    def items(self):
        videos = sorted(self.root.glob("*.mp4"))
        if not videos:
            raise UsageError(f"{{self.root}}: holds no .mp4 file")
        return [Video(path) for path in videos]
'''

READER_TEST = """

def test_fixations_are_those_of_the_frame(tmp_path):
    from gazenet.data.dataset import open_entry

    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.csv").write_text("0,10,20\\n2,30,40\\n2,50,60\\n")
    (item,) = open_entry(ENTRY, tmp_path).items()
    points = item.fixations([0.0, 0.04, 0.08]).points
    assert [one.tolist() for one in points] == [[[10, 20]], [], [[30, 40], [50, 60]]]
    for check in checks_of(ENTRY, tmp_path):
        check(ENTRY)
"""

TEST = '''"""The conformance kit on {name}, and what makes it what it is."""

import pytest

from gazenet.plugins.kinds import find
from gazenet.testing.conformance import checks_of

_, ENTRY = find("{name}", "{noun}")


@pytest.mark.parametrize("check", checks_of(ENTRY), ids=lambda check: check.__name__)
def test_conformance(check):
    check(ENTRY)
'''

README = """# {name}

    pip install -e .
    gasp_plugins check {name}
    pytest
    {use}
"""

USE_EXTRACTOR = (
    """gasp_infer --input my.mp4 --set 'extractors=[{{"name": "{name}"}}]' --set integrator=null outputs.report=true"""
)
KINDS = {
    "extractor": ("gazenet.extractors", "Cue", EXTRACTOR, EXTRACTOR_TEST, USE_EXTRACTOR),
    "integrator": (
        "gazenet.integrators",
        "Integrator",
        INTEGRATOR,
        INTEGRATOR_TEST,
        "gasp_infer --input my.mp4 --set integrator.name={name} integrator.parameters.weight=0.7",
    ),
    "sink": (
        "gazenet.sinks",
        "Sink",
        SINK,
        SINK_TEST,
        """gasp_infer --input my.mp4 --set 'outputs.{name}={{"digits": 2}}'""",
    ),
    "reader": (
        "gazenet.datasets",
        "Reader",
        READER,
        READER_TEST,
        "gasp_infer --set data.reader={name} data.root=FOLDER",
    ),
}
"""Noun of a kind: entry-point group, ending of the class, module, test, command that uses it."""


def write_template(name: str, folder: Path, noun: str = "extractor") -> list[Path]:
    """Write the package for a plugin ``name`` into ``folder``.

    Raises UsageError for bad names, kinds without a template and files that exist already.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UsageError(f"{name!r}: a plugin's name is lower case letters, digits and _, beginning with a letter")
    if noun not in KINDS:
        raise UsageError(f"--kind {noun}: there is no template; kinds: {', '.join(KINDS)}")
    group, ending, module, test, use = KINDS[noun]
    fields = {
        "name": name,
        "noun": noun,
        "Noun": f"{'An' if noun[0] in 'aeiou' else 'A'} {noun}",
        "group": group,
        "module": f"gazenet_{name}",
        # The ending keeps a plugin called "none" or "true" from becoming a keyword.
        "cls": "".join(part.capitalize() for part in name.split("_")) + ending,
        "distribution": f"gazenet-{name.replace('_', '-')}",
        "use": use.format(name=name),
    }
    contents = {
        "setup.py": SETUP.format(**fields),
        f"{fields['module']}.py": module.format(**fields),
        f"test_{name}.py": TEST.format(**fields) + (test if noun == "extractor" else test.format(**fields)),
        "README.md": README.format(**fields),
    }
    taken = [file for file in contents if (folder / file).exists()]
    if taken:
        raise UsageError(f"{folder}: {', '.join(taken)} exists already; choose another --directory")
    for file, text in contents.items():
        write_text(folder / file, text)
    return [folder / file for file in contents]
