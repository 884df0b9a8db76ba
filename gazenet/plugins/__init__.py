"""The public face for authors of plugins of any kind.

A plugin is a package with an entry point. The entry point leads to a declaration (a spec, data that is read without
importing torch) or to a class that carries one as ``spec``. Names load when they are first used, so that a module that
holds declarations stays light. ``docs/plugins.md`` has a page about every kind and about versions of the contract.

An extractor (group ``gazenet.extractors``) turns windows of frames into the maps of a cue:

>>> import numpy as np
>>> from gazenet.plugins import CueMaps, ExtractorSpec, InputSpec
>>> class Brightness:
...     spec = ExtractorSpec(name="brightness", summary="Bright things", cue="other",
...                          implementation="brightness:Brightness", input=InputSpec(height=36, width=64))
...     def load(self, device, dtype, asset_path): ...
...     def begin(self, video): ...
...     def extract(self, windows):
...         grey = windows.frames[:, windows.anchor].float().mean(1) / 255
...         return CueMaps(grey)
>>> Brightness.spec.window.length
1

An integrator (group ``gazenet.integrators``) fuses the maps of cues; it inherits what it does not need:

>>> from gazenet.plugins import Fused, Integrator, IntegratorSpec
>>> class Loudest(Integrator):
...     spec = IntegratorSpec(name="loudest", summary="The larger of two cues", cues=("saliency", "brightness"),
...                           implementation="brightness:Loudest")
...     def fuse(self, maps):
...         return Fused(np.max([values / 255 for values in maps.values()], axis=0))
>>> frames = {"saliency": np.zeros((2, 9, 16), np.uint8), "brightness": np.full((2, 9, 16), 51, np.uint8)}
>>> Loudest().fuse(frames).saliency.mean().round(1)
np.float64(0.2)

A sink (group ``gazenet.sinks``) writes results; its settings are what ``outputs.NAME`` of a config may say:

>>> from gazenet.plugins import ConfigModel, Sink, SinkSpec
>>> class Settings(ConfigModel):
...     every: int = 1
>>> class Peaks(Sink):
...     spec = SinkSpec(name="peaks", summary="The highest value", files=("peaks.txt",),
...                     implementation="brightness:Peaks", settings=Settings)
...     def __init__(self, settings):
...         self.every, self.lines = settings.every, []
...     def open(self, context):
...         self.path = context.folder / "peaks.txt"
...     def write(self, chunk):
...         self.lines += [f"{one.max():.3f}" for one in chunk.saliency[:: self.every]]
...     def close(self, summary):
...         self.path.write_text("\\n".join(self.lines))
>>> Peaks.spec.settings_from({"every": 5}).every
5

A reader (group ``gazenet.datasets``) opens videos with fixations:

>>> from gazenet.plugins import Dataset, ReaderSpec
>>> class Nothing(Dataset):
...     spec = ReaderSpec(name="nothing", summary="An empty data set", implementation="brightness:Nothing")
...     name, sigma, reference_width = "nothing", 30.0, 1280
...     def __init__(self, root):
...         self.root = root
...     def items(self):
...         return []
>>> Nothing("folder").items()
[]

Face detectors (``gazenet.face_detectors``) and landmark networks (``gazenet.face_landmarks``) are declared by a
``FaceModelSpec``:

>>> from gazenet.plugins import FaceModelSpec
>>> class Nobody:
...     spec = FaceModelSpec(name="nobody", summary="Finds no face", implementation="brightness:Nobody")
...     def load(self, asset_path): ...
...     def detect(self, image):
...         return np.zeros((0, 15), np.float32)
>>> Nobody().detect(np.zeros((72, 128, 3), np.uint8)).shape
(0, 15)

A recipe (group ``gazenet.recipes``) trains a network from a config of its own:

>>> from typing import Literal
>>> from gazenet.plugins import RecipeConfig, RecipeSpec
>>> class LineConfig(RecipeConfig):
...     recipe: Literal["line"] = "line"
>>> RecipeSpec(name="line", summary="A line", config=LineConfig, implementation="brightness:Line").config.__name__
'LineConfig'
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gazenet.config.model import ConfigModel
    from gazenet.config.sink_spec import SinkSpec
    from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Face, Record, VideoContext, Windows
    from gazenet.cues.extractor_spec import AudioSpec, ExtractorSpec, InputSpec, Needs, WindowSpec
    from gazenet.cues.faces.face_specs import FaceModelSpec
    from gazenet.data.dataset import Dataset, Item
    from gazenet.data.fixations import FrameFixations
    from gazenet.data.reader_spec import ReaderSpec
    from gazenet.errors import GazenetError, MediaError, PluginError, UsageError
    from gazenet.fusion.gasp_spec import GaspSpec
    from gazenet.fusion.integrator_contract import CueStack, Fused, Integrator, IntegratorSpec
    from gazenet.inference.results import ChunkResult, SinkContext
    from gazenet.inference.sinks.sink import Sink, writing
    from gazenet.plugin_registry import API_VERSION, PluginSpec
    from gazenet.training.recipe_config import RecipeConfig
    from gazenet.training.recipe_run import Recipe, RecipeResult, RecipeRun
    from gazenet.training.recipe_spec import RecipeSpec

_NAMES = {
    "gazenet.config.model": "ConfigModel",
    "gazenet.config.sink_spec": "SinkSpec",
    "gazenet.cues.extractor": "AssetPath CueMaps Extractor Face Record VideoContext Windows",
    "gazenet.cues.extractor_spec": "AudioSpec ExtractorSpec InputSpec Needs WindowSpec",
    "gazenet.cues.faces.face_specs": "FaceModelSpec",
    "gazenet.data.dataset": "Dataset Item",
    "gazenet.data.fixations": "FrameFixations",
    "gazenet.data.reader_spec": "ReaderSpec",
    "gazenet.errors": "GazenetError MediaError PluginError UsageError",
    "gazenet.fusion.gasp_spec": "GaspSpec",
    "gazenet.fusion.integrator_contract": "CueStack Fused Integrator IntegratorSpec",
    "gazenet.inference.results": "ChunkResult SinkContext",
    "gazenet.inference.sinks.sink": "Sink writing",
    "gazenet.plugin_registry": "API_VERSION PluginSpec",
    "gazenet.training.recipe_config": "RecipeConfig",
    "gazenet.training.recipe_run": "Recipe RecipeResult RecipeRun",
    "gazenet.training.recipe_spec": "RecipeSpec",
}
_PLACES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "API_VERSION",
    "AssetPath",
    "AudioSpec",
    "ChunkResult",
    "ConfigModel",
    "CueMaps",
    "CueStack",
    "Dataset",
    "Extractor",
    "ExtractorSpec",
    "Face",
    "FaceModelSpec",
    "FrameFixations",
    "Fused",
    "GaspSpec",
    "GazenetError",
    "InputSpec",
    "Integrator",
    "IntegratorSpec",
    "Item",
    "MediaError",
    "Needs",
    "PluginError",
    "PluginSpec",
    "ReaderSpec",
    "Recipe",
    "RecipeConfig",
    "RecipeResult",
    "RecipeRun",
    "RecipeSpec",
    "Record",
    "Sink",
    "SinkContext",
    "SinkSpec",
    "UsageError",
    "VideoContext",
    "WindowSpec",
    "Windows",
    "writing",
]


_RENAMED: dict[str, str] = {}
"""Old name -> new name, for one release after a name has changed."""


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        warnings.warn(f"gazenet.plugins.{name} is now {_RENAMED[name]}", DeprecationWarning, stacklevel=2)
        name = _RENAMED[name]
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
