"""Networks run by another library than PyTorch or in another precision, where an extractor or integrator calls them.

A graph is written when a network is first called, for the sizes it is called with; its name holds a hash of all that
it depends on, so that it is written once, and again where anything changes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn

from gazenet.backbones.bfloat16 import has_bfloat16, in_bfloat16
from gazenet.config.runtime import RuntimeConfig
from gazenet.cues.exportable import Exportable
from gazenet.errors import UsageError
from gazenet.export.export_subject import weights_digest, why_not
from gazenet.export.onnx_export import OPSET, export_onnx, facts_of, open_session
from gazenet.export.tensorrt_engine import check_machine, open_engine
from gazenet.version import __version__

FOLDER = "networks"
"""Inside the cache."""

LARGEST_ERROR = 0.02
"""How far a graph in single precision may be from its network, relative to the largest value: more is no rounding."""

Runner = Callable[[Sequence[Tensor]], Any]

_exporting = threading.Lock()


@dataclass(frozen=True)
class BackendOwner:
    """The owner of a network; ``cache_facts`` is everything beside the weights that determines its graph."""

    name: str
    cache_facts: Mapping[str, object]


def attach_backend(
    owner: BackendOwner, subject: object, settings: RuntimeConfig, cache: Path, device: torch.device
) -> None:
    """Has a loaded extractor or integrator call its network through the backend, or in the precision, of its config.

    Raises UsageError naming the owner where its network cannot be exported, the backend is not installed or cannot
    run here, for a file that is not of this network, and for bfloat16 where the device has none.
    """
    if settings.backend == "torch" and settings.precision == "fp32":
        return
    _check_installed(owner, settings, device)
    if reason := why_not(subject):
        wanted = settings.precision if settings.backend == "torch" else f"backend {settings.backend}"
        raise UsageError(f"{owner.name}: {wanted}: cannot be exported: {reason}")
    lent: Exportable = subject.exportable()  # type: ignore[attr-defined]
    if settings.backend == "torch":
        _lower(lent)
        return
    weights = weights_digest(lent.network)
    if settings.file is not None:
        _check_file(owner, lent, settings, weights)
    for part, one in lent.callables.items():
        assert one.use is not None
        one.use(BackendModule(owner, part, one, settings, cache / FOLDER, device, weights))


def _lower(lent: Exportable) -> None:
    """Whole windows go through the network, which shares nothing between them: what does that is in float32."""
    for one in lent.callables.values():
        assert one.use is not None
        in_bfloat16(one.network, one.single)
        one.use(one.network)


def _check_installed(owner: BackendOwner, settings: RuntimeConfig, device: torch.device) -> None:
    if settings.backend == "torch":
        if not has_bfloat16(device):
            raise UsageError(
                f"{owner.name}: precision bf16: {device} has no instructions for it (AVX512-BF16 or AMX; on GPUs "
                "Ampere or later), it would be slower than fp32; leave precision out"
            )
        return
    if find_spec("onnxscript") is None and settings.file is None:
        raise UsageError(f"backend {settings.backend} needs onnxscript: pip install 'gazenet[export]'")
    if settings.backend == "tensorrt":
        check_machine(device)


def _check_file(owner: BackendOwner, lent: Exportable, settings: RuntimeConfig, weights: str) -> None:
    path = Path(settings.file or "")
    if lent.parts:
        raise UsageError(
            f"{owner.name}: calls its network in parts ({', '.join(lent.parts)}), a file holds the whole: leave "
            "'file' out"
        )
    if not path.is_file():
        raise UsageError(f"{owner.name}: file {path}: there is no such file; write it with gasp_export {owner.name}")
    if settings.backend != "onnxruntime":
        return
    facts = facts_of(path)
    if facts.get("network") != owner.name or facts.get("weights") != weights:
        made = f"of {facts['network']}, of other weights" if "network" in facts else "not written by gasp_export"
        raise UsageError(f"{owner.name}: file {path} is {made}; write it with gasp_export {owner.name}")
    if facts.get("precision") != settings.precision:
        raise UsageError(f"{owner.name}: file {path} is {facts.get('precision')}, not {settings.precision}")


class BackendModule:
    """One network of an owner, run by another library; called as the network is."""

    def __init__(
        self,
        owner: BackendOwner,
        part: str,
        lent: Exportable,
        settings: RuntimeConfig,
        folder: Path,
        device: torch.device,
        weights: str,
    ) -> None:
        self._owner, self._lent, self._settings = owner, lent, settings
        self._folder, self._device, self._weights = folder, device, weights
        self._stem = f"{owner.name}-{part}" if part else owner.name
        self._runners: dict[object, Runner] = {}
        self._lock = threading.Lock()

    def __call__(self, *inputs: Tensor | None) -> Any:
        """A tensor, or a tuple of tensors where the network has several outputs."""
        there = [one for one in inputs if one is not None]
        sizes = [None if one is None else list(one.shape[self._lent.free_batch :]) for one in inputs]
        key = json.dumps(sizes)
        with self._lock:
            if key not in self._runners:
                self._runners[key] = self._open(inputs, there, sizes)
        found = self._runners[key](there)
        return found[0] if len(found) == 1 else tuple(found)

    def _open(self, inputs: Sequence[Tensor | None], there: Sequence[Tensor], sizes: object) -> Runner:
        file = self._settings.file
        if self._settings.backend == "onnxruntime":
            return OnnxRunner(Path(file) if file else self._graph(inputs, there, sizes), self._device)
        given = Path(file) if file else None
        return open_engine(given, lambda: self._graph(inputs, there, sizes), there, self._device)

    def _graph(self, inputs: Sequence[Tensor | None], there: Sequence[Tensor], sizes: object) -> Path:
        """The graph for inputs of these sizes, written where it is not there yet."""
        made_of = [__version__, torch.__version__, OPSET, self._owner.cache_facts, self._stem, self._weights]
        text = json.dumps([*made_of, self._settings.precision, sizes], sort_keys=True, default=str)
        path = self._folder / f"{self._stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.onnx"
        self._folder.mkdir(parents=True, exist_ok=True)
        with _exporting, FileLock(f"{path}.lock"):
            if not path.is_file():
                self._write(path, inputs, there)
        return path

    def _write(self, path: Path, inputs: Sequence[Tensor | None], there: Sequence[Tensor]) -> None:
        lent, half = self._lent, self._settings.precision == "fp16"
        names = [name for name, one in zip(lent.inputs, inputs, strict=False) if one is not None]
        # Outside of inference mode, whose tensors the exporter does not take.
        with torch.inference_mode(False), torch.no_grad():
            report = export_onnx(
                _on_cpu(PresentInputs(lent.network, [one is not None for one in inputs])),
                [_example(one, lent.free_batch) for one in there],
                path,
                inputs=names,
                outputs=lent.outputs,
                free_batch=lent.free_batch,
                half=half,
            )
        if not half and report.worst > LARGEST_ERROR:
            path.unlink()
            raise UsageError(
                f"{self._owner.name}: its graph differs from PyTorch by {report.worst:.3g} of the largest value; "
                "take backend torch"
            )
        print(f"{self._stem}: {path}: largest error {report.worst:.2g} of the largest value", file=sys.stderr)


class PresentInputs(nn.Module):
    """A network with the inputs that are there; the others are None for good."""

    def __init__(self, network: nn.Module, present: Sequence[bool]) -> None:
        super().__init__()
        self.network, self._present = network, tuple(present)
        self.training = network.training

    def forward(self, *inputs: Tensor) -> Any:
        given = iter(inputs)
        return self.network(*(next(given) if there else None for there in self._present))


def _on_cpu(network: PresentInputs) -> nn.Module:
    """The same, or a copy of it where it lives on a device."""
    if all(one.device.type == "cpu" for one in network.state_dict().values()):
        return network
    import copy

    return copy.deepcopy(network).cpu()


def _example(given: Tensor, free_batch: bool) -> Tensor:
    """An ordinary tensor on the CPU; two in a batch that is to stay free."""
    rows = torch.arange(2 if free_batch else len(given)) % len(given)
    return given.detach().cpu()[rows].clone()


class OnnxRunner:
    """A graph in onnxruntime, on the CPU or a CUDA device; takes and gives tensors on ``device``."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self._path, self._device = path, device
        self._session = open_session(path, device)
        self._names = [one.name for one in self._session.get_inputs()]

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The outputs in order. Raises UsageError for inputs that the graph does not take."""
        if len(inputs) != len(self._names):
            raise UsageError(f"{self._path}: takes {len(self._names)} inputs, not {len(inputs)}")
        given = {name: one.detach().cpu().numpy() for name, one in zip(self._names, inputs, strict=True)}
        try:
            found = self._session.run(None, given)
        except Exception as error:  # onnxruntime's own types have no common base
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise UsageError(f"{self._path}: onnxruntime: {first[:200]}") from None
        return [torch.from_numpy(one).to(self._device) for one in found]
