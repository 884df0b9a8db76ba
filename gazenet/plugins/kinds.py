"""The kinds of plugins: their entry-point groups and declarations."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from gazenet.config.sink_spec import SINKS, SinkSpec
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.faces.face_specs import DETECTORS, LANDMARKS, FaceModelSpec
from gazenet.cues.registry import EXTRACTORS
from gazenet.data.reader_spec import DATASETS, ReaderSpec
from gazenet.errors import UsageError
from gazenet.fusion.integrator_contract import INTEGRATORS, IntegratorSpec
from gazenet.plugin_registry import Discovery, PluginEntry, PluginSpec, discover, installed_names, noun_of
from gazenet.plugin_registry import get as get_plugin
from gazenet.training.recipe_spec import GROUP as RECIPES
from gazenet.training.recipe_spec import RecipeSpec


@dataclass(frozen=True)
class PluginKind:
    """A kind of plugin: the entry-point group, and the class of its declarations."""

    group: str
    spec: type[PluginSpec]

    @property
    def noun(self) -> str:
        """The word for a plugin of this kind: ``face detector``."""
        return noun_of(self.group)

    def discover(self) -> Discovery[PluginSpec]:
        """List all installed plugins of this kind."""
        return discover(self.group, self.spec)


KINDS = (
    PluginKind(EXTRACTORS, ExtractorSpec),
    PluginKind(DETECTORS, FaceModelSpec),
    PluginKind(LANDMARKS, FaceModelSpec),
    PluginKind(INTEGRATORS, IntegratorSpec),
    PluginKind(SINKS, SinkSpec),
    PluginKind(DATASETS, ReaderSpec),
    PluginKind(RECIPES, RecipeSpec),
)
"""All kinds, in the order of the pipeline."""


def kind_called(noun: str) -> PluginKind:
    """The kind of that noun. Raises UsageError."""
    for kind in KINDS:
        if kind.noun == noun.replace("_", " "):
            return kind
    raise UsageError(f"--kind {noun}: not a kind of plugin; kinds: {', '.join(kind.noun for kind in KINDS)}")


def find(name: str, noun: str = "") -> tuple[PluginKind, PluginEntry[PluginSpec]]:
    """The plugin of that name, of whatever kind, or of the kind that ``noun`` names.

    Raises UsageError for unknown names and names of several kinds, PluginError for a plugin that cannot be used.
    """
    if noun:
        kind = kind_called(noun)
        return kind, get_plugin(name, kind.group, kind.spec)
    kinds = [kind for kind in KINDS if name in installed_names(kind.group)]
    if len(kinds) > 1:
        nouns = " or ".join(kind.noun.replace(" ", "_") for kind in kinds)
        raise UsageError(f"{name!r} is the name of several plugins: add --kind {nouns}")
    if kinds:
        return kinds[0], get_plugin(name, kinds[0].group, kinds[0].spec)
    nouns_by_name = {other: kind.noun for kind in KINDS for other in installed_names(kind.group)}
    near = get_close_matches(name, nouns_by_name, n=1)
    hint = f"; did you mean the {nouns_by_name[near[0]]} {near[0]!r}?" if near else ""
    raise UsageError(f"unknown plugin {name!r}{hint} (gasp_plugins list shows all)")
