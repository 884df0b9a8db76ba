"""An integrator of any kind, loaded for a run: cue maps in, chunks of saliency out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.extractor import AssetPath
from gazenet.errors import PluginError, UsageError
from gazenet.fusion.gasp_integrator import FusedChunk, GaspIntegrator, frames_in, load_gasp
from gazenet.fusion.gasp_plugin import GaspPlugin
from gazenet.fusion.integrator_contract import INTEGRATORS, CueStack, Fused, Integrator, IntegratorSpec
from gazenet.fusion.integrator_files import SUFFIXES
from gazenet.guard.guarded_call import guarded
from gazenet.plugin_registry import PluginEntry, get


@dataclass(frozen=True)
class LoadedIntegrator:
    """An integrator with its declaration in use; ``files``: the files of its weights."""

    spec: IntegratorSpec
    plugin: Integrator
    files: tuple[Path, ...] = ()

    @property
    def network_facts(self) -> Mapping[str, object]:
        """The facts that determine the network beside its weights (JSON)."""
        if isinstance(self.plugin, GaspPlugin):
            return {"network": self.plugin.gasp.network.config.as_dict()}
        return {"version": self.spec.version, "parameters": self.spec.parameters}

    def stream(self, live: bool = False) -> IntegratorStream:
        """A stream for one video; one at a time. Raises UsageError for a live run of what sees whole videos only."""
        if live and self.spec.whole:
            raise UsageError(f"integrator {self.spec.name} sees a whole video at once: it cannot run live")
        self.plugin.begin(live)
        return IntegratorStream(self.spec, self.plugin, live)


@dataclass
class IntegratorStream:
    """Brings a video to an integrator chunk by chunk, or as a whole where the declaration says so.

    Its errors do not name the integrator: whoever calls it knows the frames as well.
    """

    spec: IntegratorSpec
    plugin: Integrator
    live: bool = False
    _frames: int = 0
    _gathered: dict[str, list[NDArray[np.uint8]]] = field(default_factory=dict)

    def push(self, maps: CueStack) -> FusedChunk:
        """The frames that are settled with the next n, maps per cue as :data:`CueStack` says.

        Raises UsageError for missing cues or cues of different lengths, PluginError for a wrong result.
        """
        count = frames_in(maps, self.spec)
        chosen = {cue: maps[cue] for cue in self.spec.cues}
        if not self.spec.whole:
            chunk = self._chunk([self.plugin.fuse(chosen)])
            if self.live and len(chunk) != count:
                raise PluginError(f"gave {len(chunk)} of {count} maps in a live run")
            return chunk
        for cue, values in chosen.items():
            self._gathered.setdefault(cue, []).append(np.array(values))
        return self._chunk([])

    def finish(self) -> FusedChunk:
        """The frames that were still due. Raises PluginError for a wrong result."""
        results = []
        if self._gathered:
            results = [self.plugin.fuse({cue: np.concatenate(parts) for cue, parts in self._gathered.items()})]
        return self._chunk([*results, self.plugin.finish()])

    def _chunk(self, results: list[Fused | None]) -> FusedChunk:
        parts = [self._checked(result) for result in results if result is not None]
        parts = [part for part in parts if len(part[0])]
        chunk = FusedChunk.joined(self._frames, parts)
        self._frames += len(chunk)
        return chunk

    def _checked(self, result: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Saliency ``[n, h, w]`` and gates ``[n, M]``, or ``[n, 0]`` without. Raises PluginError."""
        if not isinstance(result, Fused):
            raise PluginError(f"gave {type(result).__name__}, expected Fused or None")
        saliency = _array("saliency", result.saliency, 3)
        if saliency.size and saliency.min() < 0:
            raise PluginError("saliency has values below 0")
        if result.gates is None:
            return saliency, np.zeros((len(saliency), 0), np.float32)
        gates = _array("gates", result.gates, 2)
        if gates.shape[1] not in (0, len(self.spec.cues)):
            raise PluginError(f"gates are {list(gates.shape)}, expected {[len(saliency), len(self.spec.cues)]}")
        return saliency, gates


def _array(part: str, values: Any, rank: int) -> NDArray[np.float32]:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().float().numpy()
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim != rank:
        shape = f"{values.dtype} {list(values.shape)}" if isinstance(values, np.ndarray) else type(values).__name__
        raise PluginError(f"{part} is {shape}, expected floats of rank {rank}")
    return np.asarray(values, np.float32)


def load_integrator(
    name_or_path: str, parameters: Mapping[str, object], device: str | torch.device, asset_path: AssetPath
) -> LoadedIntegrator:
    """An installed integrator by name, or a file that describes itself, with the parameters of a config.

    Raises UsageError for unknown names and parameters, missing or unfit weights and devices that are not there,
    PluginError for a plugin that cannot be used.
    """
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {device}: no CUDA device here; use cpu")
    if Path(name_or_path).suffix in SUFFIXES:
        if parameters.get("weights"):
            load_gasp(name_or_path, place, str(parameters["weights"]), asset_path)
        return _from_file(load_gasp(name_or_path, place, asset_path=asset_path), parameters)
    return load_entry(get(name_or_path, INTEGRATORS, IntegratorSpec), parameters, place, asset_path)


def load_entry(
    entry: PluginEntry[IntegratorSpec], parameters: Mapping[str, object], device: torch.device, asset_path: AssetPath
) -> LoadedIntegrator:
    """An installed integrator with the parameters of a config. Raises UsageError, PluginError."""
    spec = _on_extractors(entry.spec.tuned(parameters))
    implementation = entry.load()
    opened: list[Path] = []

    def noted(asset_id: str) -> Path:
        opened.append(asset_path(asset_id))
        return opened[-1]

    with guarded(f"integrator {spec.name}", "loading", own=(UsageError,), lenient=True):
        plugin: Integrator = implementation(**spec.parameters)
        plugin.load(spec, device, noted)
    if isinstance(plugin, GaspPlugin):
        return LoadedIntegrator(spec, plugin, (plugin.gasp.file,) if plugin.gasp.file else ())
    named = [Path(str(spec.parameters[name])) for name in spec.checkpoints if spec.parameters.get(name)]
    beside = Path(inspect.getfile(implementation)).parent
    return LoadedIntegrator(spec, plugin, (*opened, *named, *sorted(beside.glob("*.safetensors"))))


def _from_file(gasp: GaspIntegrator, parameters: Mapping[str, object]) -> LoadedIntegrator:
    spec = _on_extractors(gasp.spec.tuned(parameters))
    return LoadedIntegrator(spec, GaspPlugin(replace(gasp, spec=spec)), (gasp.file,) if gasp.file else ())


def _on_extractors(spec: IntegratorSpec) -> Any:
    try:
        return spec.on_extractors()
    except ValueError as error:
        raise UsageError(f"integrator {spec.name}: {error}") from None
