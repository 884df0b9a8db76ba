"""Networks of extractors and integrators, run by another library than PyTorch or in another precision.

A graph is written at the first call of a network, for the sizes of that call. Its name holds a hash of everything it
depends on, so that it is written once, and again after any change.
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
from gazenet.export.onnx_export import OPSET, GraphForm, export_onnx, facts_of, open_session
from gazenet.export.tensorrt_engine import check_machine, open_engine
from gazenet.version import __version__

FOLDER = "networks"
"""Inside the cache."""

LARGEST_ERROR = 0.02
"""The largest difference of a graph in single precision from its network, relative to the largest value: rounding is
less."""

Runner = Callable[[Sequence[Tensor]], Any]

_exporting = threading.Lock()


@dataclass(frozen=True)
class BackendOwner:
    """The owner of a network. ``cache_facts``: everything beside the weights that determines its graph."""

    name: str
    cache_facts: Mapping[str, object]


def attach_backend(
    owner: BackendOwner, subject: object, settings: RuntimeConfig, cache: Path, device: torch.device
) -> None:
    """Let a loaded extractor or integrator call its network through the backend, or in the precision, of its config.

    Raises UsageError naming the owner where its network cannot be exported, the backend is not installed or cannot
    run on this machine, the file belongs to another network, or the device does not support bfloat16.
    """
    if settings.backend == "torch" and settings.precision == "fp32":
        return
    _check_installed(owner, settings, device)
    if reason := why_not(subject):
        option = settings.precision if settings.backend == "torch" else f"backend {settings.backend}"
        raise UsageError(f"{owner.name}: {option}: cannot be exported: {reason}")
    lent: Exportable = subject.exportable()  # type: ignore[attr-defined]
    if settings.backend == "torch":
        _lower(lent)
        return
    weights = weights_digest(lent.network)
    if settings.file is not None:
        _check_file(owner, lent, settings, weights)
    setup = BackendSetup(owner, settings, cache / FOLDER, device, weights)
    for part, network in lent.callables.items():
        assert network.use is not None
        network.use(BackendModule(setup, part, network))


def _lower(lent: Exportable) -> None:
    """Convert the networks to bfloat16; they take whole windows, as sharing between windows is done in float32."""
    for part in lent.callables.values():
        assert part.use is not None
        in_bfloat16(part.network, part.single)
        part.use(part.network)


def _check_installed(owner: BackendOwner, settings: RuntimeConfig, device: torch.device) -> None:
    if settings.backend == "torch":
        if not has_bfloat16(device):
            raise UsageError(
                f"{owner.name}: precision bf16: {device} lacks instructions for it (AVX512-BF16 or AMX; GPUs from "
                "Ampere on) and would be slower than with fp32; leave precision out"
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
        origin = f"of {facts['network']}, of other weights" if "network" in facts else "not written by gasp_export"
        raise UsageError(f"{owner.name}: file {path} is {origin}; write it with gasp_export {owner.name}")
    if facts.get("precision") != settings.precision:
        raise UsageError(f"{owner.name}: file {path} is {facts.get('precision')}, not {settings.precision}")


@dataclass(frozen=True)
class BackendSetup:
    """The way in which the networks of an owner are run: settings, folder of graphs, device, digest of the weights."""

    owner: BackendOwner
    settings: RuntimeConfig
    folder: Path
    device: torch.device
    weights: str


class BackendModule:
    """One network of an owner, run by another library; called like the network."""

    def __init__(self, setup: BackendSetup, part: str, lent: Exportable) -> None:
        self._setup, self._lent, self._settings = setup, lent, setup.settings
        self._stem = f"{setup.owner.name}-{part}" if part else setup.owner.name
        self._runners: dict[object, Runner] = {}
        self._lock = threading.Lock()

    def __call__(self, *inputs: Tensor | None) -> Any:
        """Return a tensor, or a tuple of tensors where the network has several outputs."""
        present = [value for value in inputs if value is not None]
        sizes = [None if value is None else list(value.shape[self._lent.free_batch :]) for value in inputs]
        key = json.dumps(sizes)
        with self._lock:
            if key not in self._runners:
                self._runners[key] = self._open(inputs, present, sizes)
        outputs = self._runners[key](present)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _open(self, inputs: Sequence[Tensor | None], present: Sequence[Tensor], sizes: object) -> Runner:
        file = self._settings.file
        if self._settings.backend == "onnxruntime":
            return OnnxRunner(Path(file) if file else self._graph(inputs, present, sizes), self._setup.device)
        engine = Path(file) if file else None
        return open_engine(engine, lambda: self._graph(inputs, present, sizes), present, self._setup.device)

    def _graph(self, inputs: Sequence[Tensor | None], present: Sequence[Tensor], sizes: object) -> Path:
        """Return the graph for inputs of these sizes; write it if it does not exist."""
        owner = self._setup.owner
        origin = [__version__, torch.__version__, OPSET, owner.cache_facts, self._stem, self._setup.weights]
        text = json.dumps([*origin, self._settings.precision, sizes], sort_keys=True, default=str)
        path = self._setup.folder / f"{self._stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.onnx"
        self._setup.folder.mkdir(parents=True, exist_ok=True)
        with _exporting, FileLock(f"{path}.lock"):
            if not path.is_file():
                self._write(path, inputs, present)
        return path

    def _write(self, path: Path, inputs: Sequence[Tensor | None], present: Sequence[Tensor]) -> None:
        lent, half = self._lent, self._settings.precision == "fp16"
        names = [name for name, value in zip(lent.inputs, inputs, strict=False) if value is not None]
        form = GraphForm(names, lent.outputs, lent.free_batch, half=half)
        # The exporter does not accept tensors of inference mode.
        with torch.inference_mode(False), torch.no_grad():
            report = export_onnx(
                _on_cpu(PresentInputs(lent.network, [value is not None for value in inputs])),
                [_example(value, lent.free_batch) for value in present],
                path,
                form,
            )
        if not half and report.worst > LARGEST_ERROR:
            path.unlink()
            raise UsageError(
                f"{self._setup.owner.name}: its graph differs from PyTorch by {report.worst:.3g} of the largest "
                "value; use backend torch"
            )
        print(f"{self._stem}: {path}: largest error {report.worst:.2g} of the largest value", file=sys.stderr)


class PresentInputs(nn.Module):
    """A network that takes only the inputs that are present; the others are always None."""

    def __init__(self, network: nn.Module, present: Sequence[bool]) -> None:
        super().__init__()
        self.network, self._present = network, tuple(present)
        self.training = network.training

    def forward(self, *inputs: Tensor) -> Any:
        """Return the outputs of the network for the inputs that are present."""
        values = iter(inputs)
        return self.network(*(next(values) if present else None for present in self._present))


def _on_cpu(network: PresentInputs) -> nn.Module:
    """Return the network, or a copy on the CPU if it is on another device."""
    if all(value.device.type == "cpu" for value in network.state_dict().values()):
        return network
    import copy

    return copy.deepcopy(network).cpu()


def _example(value: Tensor, free_batch: bool) -> Tensor:
    """Return a copy on the CPU; two rows for a batch that stays free."""
    rows = torch.arange(2 if free_batch else len(value)) % len(value)
    return value.detach().cpu()[rows].clone()


class OnnxRunner:
    """A graph in onnxruntime, on the CPU or a CUDA device; takes and returns tensors on ``device``."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self._path, self._device = path, device
        self._session = open_session(path, device)
        self._names = [node.name for node in self._session.get_inputs()]

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs in order. Raises UsageError for inputs that the graph does not accept."""
        if len(inputs) != len(self._names):
            raise UsageError(f"{self._path}: takes {len(self._names)} inputs, not {len(inputs)}")
        arrays = {name: value.detach().cpu().numpy() for name, value in zip(self._names, inputs, strict=True)}
        try:
            outputs = self._session.run(None, arrays)
        except Exception as error:  # onnxruntime's own types have no common base
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise UsageError(f"{self._path}: onnxruntime: {first[:200]}") from None
        return [torch.from_numpy(output).to(self._device) for output in outputs]
