"""The stages of a run: which extractors, in which order, with which weights; loaded once, used for every input."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from gazenet.assets import asset_path
from gazenet.config.inference import ExtractorConfig, InferConfig
from gazenet.config.picture_names import CAPTURED
from gazenet.config.runtime import RuntimeConfig
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.faces.face_specs import DETECTORS, LANDMARKS, FaceModelSpec
from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.isolated.host import isolated
from gazenet.cues.registry import PluginEntry, get
from gazenet.cues.runner import CueRunner, RunnerSettings
from gazenet.errors import UsageError
from gazenet.fusion.integrator_contract import IntegratorSpec
from gazenet.fusion.loaded_integrator import LoadedIntegrator, load_integrator
from gazenet.inference.cache.fingerprint import extractor_fingerprint, faces_fingerprint, in_precision

PUBLISHED = {"mode": "published"}
"""Parameters of an extractor whose pictures an integrator takes."""


@dataclass(frozen=True)
class CueStage:
    """One extractor of a run."""

    entry: PluginEntry[ExtractorSpec]
    runner: CueRunner
    fingerprint: str

    @property
    def name(self) -> str:
        """The extractor's name."""
        return self.entry.spec.name

    @property
    def spec(self) -> ExtractorSpec:
        """The extractor's declaration."""
        return self.entry.spec

    @property
    def assets(self) -> tuple[str, ...]:
        """Catalogue ids of the weights in use."""
        return self.spec.assets_with(self.runner.parameters)


@dataclass(frozen=True)
class StageGraph:
    """The loaded plugins of a run; each of the ``cues`` comes after those whose maps it needs."""

    config: InferConfig
    faces: FaceStage | None
    faces_fingerprint: str
    face_assets: tuple[str, ...]
    cues: tuple[CueStage, ...]
    integrator: LoadedIntegrator | None

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the cues that the integrator weighs; empty without an integrator."""
        return self.integrator.spec.cues if self.integrator is not None else ()


def build_graph(config: InferConfig, idle: bool = False) -> StageGraph:
    """Find, check and load all plugins. Raises UsageError or PluginError before any work is done.

    With ``idle`` extractors load when they are first needed: for a process that runs few of them, or none.
    """
    integrator = tuned_integrator(config)
    settings = config.integrator
    if integrator is not None and settings is not None:
        config = completed(config, integrator.spec)
        adopt = adoption(settings, config, integrator.spec.name, integrator.network_facts)
        if adopt is not None:
            adopt(integrator.plugin)
    entries = {cue.name: (get(cue.name), cue) for cue in config.extractors}
    order = in_order({name: entry.spec for name, (entry, _) in entries.items()})
    stage, fingerprint, face_assets = _faces(config)
    upstream, cues = {"faces": fingerprint}, []
    for name in order:
        cue = _cue(*entries[name], config, upstream, idle)
        upstream[name] = cue.fingerprint
        cues.append(cue)
    return StageGraph(config, stage, fingerprint, face_assets, tuple(cues), integrator)


def tuned_integrator(config: InferConfig) -> LoadedIntegrator | None:
    """The integrator with the config's parameters in place of what its declaration says. Raises UsageError."""
    if config.integrator is None:
        return None
    return load_integrator(config.integrator.name, config.integrator.parameters, config.device, asset_path)


def completed(config: InferConfig, spec: IntegratorSpec) -> InferConfig:
    """The config with what an integrator cannot do without: the frame itself, and the published pictures of extractors
    whose mode the config leaves open.

    Raises UsageError for cues whose extractors are not in the config, and for extractors that give no pictures.
    """
    extractors = {extractor.name: extractor for extractor in config.extractors}
    if CAPTURED in spec.cues:
        extractors.setdefault(CAPTURED, ExtractorConfig(name=CAPTURED))
    lacking = [cue for cue in spec.cues if cue not in extractors]
    if lacking:
        raise UsageError(
            f"integrator {spec.name} needs the cues {', '.join(lacking)}: add them to 'extractors', or run nothing "
            f"else: --set extractors='{_needed(spec)}'"
        )
    for cue in spec.pictured:
        extractors[cue] = _pictured(extractors[cue], spec.name)
    return config.model_copy(update={"extractors": tuple(extractors.values())})


def _needed(spec: IntegratorSpec) -> str:
    """The extractors of an integrator as a config has them (JSON)."""
    cues = [cue for cue in spec.cues if cue != CAPTURED]
    return json.dumps([{"name": cue, **({"parameters": PUBLISHED} if cue in spec.pictured else {})} for cue in cues])


def _pictured(settings: ExtractorConfig, integrator: str) -> ExtractorConfig:
    """The settings of an extractor such that it gives pictures."""
    declared = get(settings.name).spec
    parameters = {**(PUBLISHED if "mode" in declared.parameters else {}), **settings.parameters}
    if not declared.pictures_with(parameters):
        why = f"in mode {parameters['mode']} it" if declared.pictures else "it"
        raise UsageError(
            f"extractor {settings.name}: integrator {integrator} takes its coloured pictures; {why} makes none"
        )
    return settings.model_copy(update={"parameters": parameters})


def _faces(config: InferConfig) -> tuple[FaceStage, str, tuple[str, ...]]:
    detector = get(config.faces.detector, DETECTORS, FaceModelSpec)
    mesh = get(config.faces.landmarks, LANDMARKS, FaceModelSpec) if config.faces.mesh else None
    stage = FaceStage(detector, asset_path, mesh, score=config.faces.score, max_side=config.faces.max_side)
    stage.load()
    models = [detector.spec, *([mesh.spec] if mesh else [])]
    assets = tuple(asset for model in models for asset in model.assets)
    return stage, faces_fingerprint(config.faces, models, config.max_side, config.chunk), assets


def _cue(
    entry: PluginEntry[ExtractorSpec],
    settings: ExtractorConfig,
    config: InferConfig,
    upstream: dict[str, str],
    idle: bool,
) -> CueStage:
    size = (config.map_size, config.map_size)
    facts = {"version": entry.spec.version, "parameters": entry.spec.with_parameters(settings.parameters)}
    adopt = adoption(settings, config, entry.spec.name, facts)
    worker = isolated(entry, settings.timeout_s) if settings.isolated else entry
    drive = RunnerSettings(asset_path, size, settings.stride, config.chunk, config.device)
    runner = CueRunner(worker, settings.parameters, drive, adopt)
    if entry.spec.window.after > config.chunk * 4:
        raise UsageError(f"extractor {entry.spec.name} looks {entry.spec.window.after} frames ahead: raise 'chunk'")
    if not idle:
        runner.load()
    fingerprint = extractor_fingerprint(entry, runner.parameters, runner.stride, config, upstream)
    return CueStage(entry, runner, in_precision(fingerprint, settings))


def adoption(
    settings: RuntimeConfig, config: InferConfig, name: str, facts: Mapping[str, object]
) -> Callable[[object], None] | None:
    """A call that has a loaded plugin run its network through its backend; None for torch in single precision.

    ``facts``: what the network follows from, beside its weights. The call raises UsageError as
    :func:`gazenet.export.backend.attach_backend` does.
    """
    if settings.backend == "torch" and settings.precision == "fp32":
        return None
    from gazenet.export.backend import BackendOwner, attach_backend

    owner, cache, device = BackendOwner(name, facts), Path(config.resolved_cache_dir), torch.device(config.device)
    return lambda subject: attach_backend(owner, subject, settings, cache, device)


def in_order(specs: dict[str, ExtractorSpec]) -> list[str]:
    """Names so that each extractor comes after those whose maps it needs. Raises UsageError for gaps and circles."""
    order: list[str] = []
    visiting: list[str] = []

    def visit(name: str, wanted_by: str) -> None:
        if name in order:
            return
        if name not in specs:
            raise UsageError(f"extractor {wanted_by} needs the maps of {name}: add {name} to 'extractors'")
        if name in visiting:
            raise UsageError(f"extractors {' -> '.join([*visiting, name])} need each other's maps")
        visiting.append(name)
        for other in specs[name].needs.maps:
            visit(other, name)
        visiting.pop()
        order.append(name)

    for name in specs:
        visit(name, name)
    return order
