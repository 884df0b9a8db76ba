"""The network of an installed extractor or an integrator, ready for export."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from gazenet.cues.exportable import Exportable
from gazenet.cues.extractor import AssetPath
from gazenet.cues.registry import get
from gazenet.errors import GazenetError, UsageError
from gazenet.export.onnx_export import OPSET, ExportReport, GraphForm, export_onnx
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.guard.guarded_call import guarded
from gazenet.version import __version__


@dataclass(frozen=True)
class ExportSubject:
    """A network on the CPU, with the precision (``half``) and operators of its file."""

    name: str
    whole: Exportable
    half: bool = False
    opset: int = OPSET

    def with_batch(self, count: int) -> ExportSubject:
        """Return the subject with exactly ``count`` in a batch; the examples are repeated.

        Raises UsageError where the network takes only another number.
        """
        examples = self.whole.examples
        if not self.whole.free_batch and any(len(example) != count for example in examples):
            raise UsageError(f"{self.name}: only takes a batch of {len(examples[0])}; leave --batch out")
        repeated = tuple(example[torch.arange(count) % len(example)] for example in examples)
        return replace(self, whole=replace(self.whole, examples=repeated, free_batch=False))

    def write(self, path: Path) -> ExportReport:
        """Write the ONNX file and compare it with PyTorch. Raises UsageError as :func:`export_onnx` does."""
        whole = self.whole
        facts = {
            "gazenet": __version__,
            "network": self.name,
            "weights": weights_digest(whole.network),
            "precision": "fp16" if self.half else "fp32",
        }
        form = GraphForm(whole.inputs, whole.outputs, whole.free_batch, self.opset, self.half, facts)
        return export_onnx(whole.network, whole.examples, path, form)


def weights_digest(network: nn.Module) -> str:
    """Return the SHA-256 of the names, shapes and values of a network's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def why_not(implementation: object) -> str | None:
    """Return why the network of an extractor (class or object) cannot be exported; None where it can."""
    if callable(getattr(implementation, "exportable", None)):
        return None
    kind = implementation if isinstance(implementation, type) else type(implementation)
    reason = getattr(kind, "not_exportable", "")
    return reason or f"{kind.__name__} has no method exportable (docs/export.md says what it gives)"


def extractor_subject(
    name: str, parameters: Mapping[str, object], asset_path: AssetPath, size: tuple[int, int] | None = None
) -> ExportSubject:
    """Load the network of an extractor, for frames of ``size`` (height, width) or of its own size.

    Raises UsageError for an unknown extractor or parameter, one whose network cannot be exported, and a size that
    the network does not take.
    """
    entry = get(name)
    implementation, settings = entry.load(), entry.spec.with_parameters(parameters)
    with guarded(name, "loading", own=(GazenetError,), lenient=True):
        extractor = implementation(**settings)
        if reason := why_not(extractor):
            raise UsageError(f"{name}: cannot be exported: {reason}")
        extractor.load(torch.device("cpu"), torch.float32, asset_path)
        return ExportSubject(name, extractor.exportable(size))


def integrator_subject(
    name_or_path: str, size: tuple[int, int] | None = None, weights: str = "", asset_path: AssetPath | None = None
) -> ExportSubject:
    """Load an integrator, saliency only, for maps of ``size`` (height, width) or of its declared size.

    ``weights``, ``asset_path``: as of :func:`gazenet.fusion.gasp_integrator.load_gasp`. Raises UsageError for what
    cannot be loaded and for odd sizes.
    """
    integrator = load_gasp(name_or_path, weights=weights, asset_path=asset_path)
    return ExportSubject(integrator.spec.name, integrator.exportable(size))
