"""Stage two at work: cached cue maps in, one saliency map per frame out, nothing of a window computed twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.cues.exportable import Exportable
from gazenet.cues.extractor import AssetPath
from gazenet.errors import UsageError
from gazenet.fusion.export_forms import StreamCalls, exportable, value_and_gates
from gazenet.fusion.gasp import Gasp
from gazenet.fusion.gasp_config import published
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.integrator_contract import INTEGRATORS, CueStack, IntegratorSpec
from gazenet.fusion.integrator_files import BARE, SUFFIXES, open_integrator
from gazenet.fusion.network_input import network_input
from gazenet.plugin_registry import get

BLOCK = 32
"""Frames whose features are computed at once: enough to fill a device, few enough for long videos."""
WINDOWS = 8
"""Windows of a sequential network that run at once."""
TINY = 1e-12


@dataclass(frozen=True)
class FusedChunk:
    """Frames ``start`` .. ``start + n - 1``: ``saliency`` float32 ``[n, h, w]``, a density whose cells sum to 1 (of
    networks that end in logits: peak 1), ``gates`` float32 ``[n, M]``, the mean gate of every cue (empty without)."""

    start: int
    saliency: NDArray[np.float32]
    gates: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.saliency)

    @staticmethod
    def joined(start: int, parts: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> FusedChunk:
        """Return the frames from ``start`` on: saliency and gates of parts, one after the other."""
        if not parts:
            return FusedChunk(start, np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32))
        saliency, gates = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return FusedChunk(start, saliency, gates)


@dataclass(frozen=True)
class GaspIntegrator:
    """A loaded network with its declaration; ``file``: where its weights are from, if from a file."""

    network: Gasp
    spec: GaspSpec
    device: torch.device
    facts: Mapping[str, Any]
    file: Path | None = None

    @cached_property
    def calls(self) -> StreamCalls:
        """The calls of the network that streams make."""
        return StreamCalls.of(self.network)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """The network for files and other runtimes, for maps of ``size`` (height, width), else of the declared size.

        Raises UsageError for odd sizes.
        """
        return exportable(self.network, self.calls, self.spec.name, size or self.spec.input_size)

    def stream(self) -> FusionStream:
        """A fresh stream for one video."""
        return FusionStream(self)

    def fuse(self, maps: CueStack, start: int = 0, stop: int | None = None) -> FusedChunk:
        """Frames ``start`` .. ``stop - 1`` of a video whose maps are uint8 ``[T, h, w]`` per cue; all by default.

        Equal to the same frames of the whole video; only the frames these depend on are looked at.
        Raises UsageError for missing cues or cues of different lengths.
        """
        total = frames_in(maps, self.spec)
        stop = total if stop is None else min(stop, total)
        if not 0 <= start <= stop:
            raise ValueError(f"frames {start} to {stop} of {total}")
        reach = self.spec.smoothing
        first, last = max(0, start - reach - self.network.config.sequence_len + 1), min(total, stop + reach)
        stream = self.stream()
        chunks = [stream.push({cue: maps[cue][first:last] for cue in self.spec.cues}), stream.finish()]
        whole = FusedChunk.joined(first, [(chunk.saliency, chunk.gates) for chunk in chunks if len(chunk)])
        part = slice(start - first, stop - first)
        return FusedChunk(start, whole.saliency[part], whole.gates[part])


def load_gasp(
    name_or_path: str, device: str | torch.device = "cpu", weights: str = "", asset_path: AssetPath | None = None
) -> GaspIntegrator:
    """An installed integrator of the family by name, or a file that describes itself.

    Args:
        name_or_path: of an entry point of the group ``gazenet.integrators``, or of a file.
        device: where the network runs.
        weights: path of weights that take the place of those of an installed integrator.
        asset_path: finds weights that the catalogue has.

    Raises UsageError for unknown names, integrators of other kinds, missing or unfit weights, a network that the
    declaration does not fit, and devices that are not there.
    """
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {device}: no CUDA device here; use cpu")
    if Path(name_or_path).suffix in SUFFIXES:
        if weights:
            raise UsageError(
                f"weights {weights}: {name_or_path} is a file of weights itself; name an installed integrator"
            )
        return _loaded(Path(name_or_path), None, place)
    spec = get(name_or_path, INTEGRATORS, IntegratorSpec).spec
    if not isinstance(spec, GaspSpec):
        raise UsageError(f"integrator {name_or_path}: is not of the GASP family, the only one for training and export")
    return load_declared(spec.tuned({"weights": weights}) if weights else spec, place, asset_path)


def load_declared(spec: GaspSpec, device: torch.device, asset_path: AssetPath | None) -> GaspIntegrator:
    """The network of a declaration, with the weights that it names. Raises UsageError as :func:`load_gasp` does."""
    path = Path(spec.weights) if spec.weights else _from_catalogue(spec, asset_path)
    path = path / BARE if path.is_dir() else path
    if not path.is_file():
        raise UsageError(
            f"integrator {spec.name}: its weights {path} are missing; name the file of a training, or train them with "
            "gasp_train"
        )
    return _loaded(path, spec, device)


def _loaded(path: Path, declared: GaspSpec | None, device: torch.device) -> GaspIntegrator:
    network, stored, facts = open_integrator(path, declared)
    spec = declared or stored
    _check_fit(network, spec, path)
    return GaspIntegrator(network.to(device), spec, device, facts, path)


def _from_catalogue(spec: GaspSpec, asset_path: AssetPath | None) -> Path:
    if asset_path is None:
        raise UsageError(f"integrator {spec.name}: name the file of its weights")
    try:
        return asset_path(spec.asset)
    except UsageError as error:
        raise UsageError(f"integrator {spec.name}: {error}") from None


def _check_fit(network: Gasp, spec: GaspSpec, path: Path) -> None:
    config = network.config
    channels = 3 if spec.rendering == "published" else 1
    if config.modalities != len(spec.cues):
        raise UsageError(f"{path}: fuses {config.modalities} cues, but {spec.name} declares {len(spec.cues)}")
    if config.in_channels != channels:
        raise UsageError(
            f"{path}: takes {config.in_channels} channels per cue, rendering {spec.rendering} gives {channels}"
        )
    if spec.network:
        wanted = published(spec.network)
        if (config.front, config.order, config.sequential) != (wanted.front, wanted.order, wanted.sequential):
            raise UsageError(f"{path}: holds another network than {spec.network}, which {spec.name} is")
    if (config.head == "density") != (spec.output == "density"):
        raise UsageError(f"{path}: ends in {config.head}, but {spec.name} declares the output {spec.output}")


def frames_in(maps: CueStack, spec: IntegratorSpec) -> int:
    """Count the frames of the maps. Raises UsageError for missing cues and cues of different lengths."""
    missing = [cue for cue in spec.cues if cue not in maps]
    if missing:
        raise UsageError(f"integrator {spec.name} needs maps of {', '.join(missing)}")
    lengths = {cue: len(maps[cue]) for cue in spec.cues}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"integrator {spec.name}: cues differ in frames ({lengths})")
    return lengths[spec.cues[0]]


class FusionStream:
    """Fuses a video that arrives in chunks; equal to window by window, whatever the chunks.

    Per-frame work (front, encoders, an early GMU) is done once per frame; a sequential network keeps the features of
    the last T - 1 frames. Before the first frame the first frame is repeated. With smoothing, results lag behind by as
    many frames until :meth:`finish`.
    """

    def __init__(self, integrator: GaspIntegrator, live: bool = False) -> None:
        self._net, self._spec, self._device = integrator.network, integrator.spec, integrator.device
        if live:  # nothing waits for frames to come
            self._spec = self._spec.model_copy(update={"smoothing": 0})
        self._calls = integrator.calls
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first of another video."""
        self._history: list[Tensor] = []
        self._waiting: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        self._next, self._seen = 0, 0

    @torch.inference_mode()
    def push(self, maps: CueStack) -> FusedChunk:
        """The next n frames, maps uint8 ``[n, h, w]`` per cue; returns the frames that are settled by now.

        Raises UsageError for missing cues or cues of different lengths.
        """
        count = frames_in(maps, self._spec)
        for start in range(0, count, BLOCK):
            part = {cue: maps[cue][start : start + BLOCK] for cue in self._spec.cues}
            logits, gates = self._fuse(network_input(part, self._spec, self._device))
            self._waiting += zip(self._settle(logits), gates, strict=True)
        self._seen += count
        return self._emit(self._seen - self._spec.smoothing)

    def finish(self) -> FusedChunk:
        """The frames that were still waiting for later ones."""
        return self._emit(self._seen)

    def _fuse(self, frames: Tensor) -> tuple[Tensor, NDArray[np.float32]]:
        if self._net.config.sequential:
            features, gates = value_and_gates(self._calls.frames(frames))
            logits, later = self._over_windows(features)
            logits, gates = self._net.finish(logits, frames), [*gates, *later]
        else:
            logits, gates = value_and_gates(self._calls.still(frames))
        return logits, gates[-1].float().cpu().numpy() if gates else np.zeros((len(frames), 0), np.float32)

    def _over_windows(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The recurrence, begun anew in the window of every frame, several windows at once; gates where it has any."""
        before = self._net.config.sequence_len - 1
        if not self._history:
            self._history = [features[0]] * before
        line = torch.cat([torch.stack(self._history), features])
        # A copy: a slice would keep the block's memory alive.
        self._history = list(line[-before:].clone().unbind(0))
        outputs = []
        for start in range(0, len(features), WINDOWS):
            stop = min(start + WINDOWS, len(features))
            windows = torch.stack([line[k : k + before + 1] for k in range(start, stop)])
            outputs.append(value_and_gates(self._calls.over(windows)))
        gates = [torch.cat(parts) for parts in zip(*(gates for _, gates in outputs), strict=True)]
        return torch.cat([logits for logits, _ in outputs]), gates

    def _settle(self, logits: Tensor) -> NDArray[np.float32]:
        """Log densities, or probabilities where the network ends in logits, ``[n, h, w]``."""
        if self._spec.output != "density":
            logits = torch.sigmoid(logits)
        return np.asarray(logits[:, 0].float().cpu().numpy(), np.float32)

    def _emit(self, stop: int) -> FusedChunk:
        reach = self._spec.smoothing
        start, results = self._next, []
        first_kept = self._seen - len(self._waiting)
        for index in range(self._next, max(stop, self._next)):
            low, high = max(index - reach, 0) - first_kept, min(index + reach, self._seen - 1) - first_kept
            around = np.mean([one for one, _ in self._waiting[low : high + 1]], axis=0)
            results.append((self._final(around)[None], self._waiting[index - first_kept][1][None]))
        self._next += len(results)
        drop = max(self._next - reach, 0) - first_kept
        del self._waiting[: max(drop, 0)]
        return FusedChunk.joined(start, results)

    def _final(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._spec.output == "stretched":
            value = value - value.min()
        if self._spec.output != "density":
            # Training pulls these networks down everywhere, so only the shape means something: the peak becomes 1.
            return np.asarray((value / max(float(value.max()), TINY)) ** self._spec.sharpness, np.float32)
        density = np.exp((value - value.max()) * self._spec.sharpness)
        return np.asarray(density / density.sum(), np.float32)
