"""Stage two at work: cached cue maps in, one saliency map per frame out, nothing of a window computed twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.errors import UsageError
from gazenet.fusion.checkpoints import open_integrator
from gazenet.fusion.gasp import Gasp, gate_scores
from gazenet.fusion.gmu import State
from gazenet.fusion.rendering import CueStack, network_input
from gazenet.fusion.spec import IntegratorSpec


@dataclass(frozen=True)
class FusedChunk:
    """Frames ``start`` .. ``start + n - 1``: ``saliency`` float32 ``[n, h, w]``, a density whose cells sum to 1 (for
    sigmoid outputs: 0..1), and ``gates`` float32 ``[n, M]``, the mean gate of every cue (empty without gates)."""

    start: int
    saliency: NDArray[np.float32]
    gates: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.saliency)


@dataclass(frozen=True)
class Integrator:
    """A loaded network with its declaration."""

    network: Gasp
    spec: IntegratorSpec
    device: torch.device
    facts: Mapping[str, Any]

    def stream(self) -> FusionStream:
        """A fresh stream for one video."""
        return FusionStream(self)

    def fuse(self, maps: CueStack) -> FusedChunk:
        """A whole video at once: maps uint8 ``[T, h, w]`` per cue."""
        stream = self.stream()
        parts = [stream.push(maps), stream.finish()]
        return _joined(parts, 0)


def load_integrator(name_or_path: str, device: str | torch.device = "cpu") -> Integrator:
    """An installed integrator by name (group ``gazenet.integrators``) or a file. Raises UsageError otherwise."""
    path, spec = _find(name_or_path)
    network, stored, facts = open_integrator(path)
    where = torch.device(device)
    return Integrator(network.to(where), spec or stored, where, facts)


def find_spec(name_or_path: str) -> IntegratorSpec:
    """The declaration alone. Raises UsageError for unknown names and unreadable files."""
    path, spec = _find(name_or_path)
    return spec or open_integrator(path)[1]


def _find(name_or_path: str) -> tuple[Path, IntegratorSpec | None]:
    if name_or_path.endswith(".safetensors"):
        return Path(name_or_path), None
    from gazenet.cues.registry import get

    spec = get(name_or_path, "gazenet.integrators", IntegratorSpec).spec
    path = Path(spec.weights)
    if not path.exists():
        raise UsageError(f"integrator {name_or_path}: its weights {path} are missing; train them with gasp_train")
    return path, spec


class FusionStream:
    """Fuses a video that arrives in chunks; equal to window by window, whatever the chunks.

    Per-frame work (front, encoders, an early GMU) is done once per frame; a sequential network keeps the features of
    the last T - 1 frames. Before the first frame the first frame is repeated. With smoothing, results lag behind by as
    many frames until :meth:`finish`.
    """

    def __init__(self, integrator: Integrator) -> None:
        self._net, self._spec, self._device = integrator.network, integrator.spec, integrator.device
        self._history: list[tuple[Tensor, Tensor | None]] = []
        self._waiting: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        self._next, self._seen = 0, 0

    @torch.inference_mode()
    def push(self, maps: CueStack) -> FusedChunk:
        """The next n frames, maps uint8 ``[n, h, w]`` per cue; returns the frames that are settled by now."""
        missing = [cue for cue in self._spec.cues if cue not in maps]
        if missing:
            raise UsageError(f"integrator {self._spec.name} needs maps of {', '.join(missing)}")
        frames = network_input(maps, self._spec, self._device)
        logits, gates = self._fuse(frames)
        for one, gate in zip(self._settle(logits), gates, strict=True):
            self._waiting.append((one, gate))
        self._seen += len(frames)
        return self._emit(self._seen - self._spec.smoothing)

    def finish(self) -> FusedChunk:
        """The frames that were still waiting for later ones."""
        return self._emit(self._seen)

    def _fuse(self, frames: Tensor) -> tuple[Tensor, NDArray[np.float32]]:
        features, _, state = self._net.per_frame(frames)
        if self._net.config.sequential:
            logits, state = self._over_windows(features, state)
        else:
            logits, state = self._net.over_time(features, state)
        scores = gate_scores(state, self._net.config.modalities)
        empty = np.zeros((len(frames), 0), np.float32)
        return self._net.finish(logits, frames), empty if scores is None else scores.float().cpu().numpy()

    def _over_windows(self, features: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        length = self._net.config.sequence_len
        if not self._history:
            self._history = [(features[0], None)] * (length - 1)
        line = [*(frame for frame, _ in self._history), *features.unbind(0)]
        results = []
        for k in range(len(features)):
            window = torch.stack(line[k : k + length])[None]
            own = None if state is None else (state[0][k : k + 1], state[1][k : k + 1])
            results.append(self._net.over_time(window, own))
        self._history = [(frame, None) for frame in line[len(line) - length + 1 :]]
        logits = torch.cat([logit for logit, _ in results])
        states = [found for _, found in results if found is not None]
        if not states:
            return logits, None
        return logits, (torch.cat([s[0] for s in states]), torch.cat([s[1] for s in states]))

    def _settle(self, logits: Tensor) -> NDArray[np.float32]:
        """Log densities, or probabilities of sigmoid networks, ``[n, h, w]``."""
        if self._spec.output == "sigmoid":
            logits = torch.sigmoid(logits)
        return np.asarray(logits[:, 0].float().cpu().numpy(), np.float32)

    def _emit(self, stop: int) -> FusedChunk:
        reach = self._spec.smoothing
        start, results = self._next, []
        first_kept = self._seen - len(self._waiting)
        for index in range(self._next, max(stop, self._next)):
            low, high = max(index - reach, 0) - first_kept, min(index + reach, self._seen - 1) - first_kept
            around = np.mean([one for one, _ in self._waiting[low : high + 1]], axis=0)
            results.append((self._final(around), self._waiting[index - first_kept][1]))
        self._next += len(results)
        drop = max(self._next - reach, 0) - first_kept
        del self._waiting[: max(drop, 0)]
        return _chunk(start, results)

    def _final(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._spec.output == "sigmoid":
            return np.asarray(value**self._spec.sharpness, np.float32)
        density = np.exp((value - value.max()) * self._spec.sharpness)
        return np.asarray(density / density.sum(), np.float32)


def _chunk(start: int, results: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> FusedChunk:
    if not results:
        return FusedChunk(start, np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32))
    return FusedChunk(start, np.stack([r[0] for r in results]), np.stack([r[1] for r in results]))


def _joined(parts: list[FusedChunk], start: int) -> FusedChunk:
    full = [part for part in parts if len(part)]
    return FusedChunk(start, np.concatenate([p.saliency for p in full]), np.concatenate([p.gates for p in full]))
