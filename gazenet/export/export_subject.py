"""The network of an installed extractor or an integrator, made ready for export."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from gazenet import __version__
from gazenet.cues.exportable import Exportable
from gazenet.cues.extractor import AssetPath
from gazenet.cues.registry import get
from gazenet.errors import GazenetError, UsageError
from gazenet.export.onnx_export import OPSET, ExportReport, export_onnx
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.guard.guarded_call import guarded


@dataclass(frozen=True)
class ExportSubject:
    """What is exported: a network on the CPU, and how it is written.

    ``half``: half precision inside the file.
    """

    name: str
    whole: Exportable
    half: bool = False
    opset: int = OPSET

    def with_batch(self, count: int) -> ExportSubject:
        """The same with exactly ``count`` in a batch; the examples are repeated.

        Raises UsageError where the network takes another number only.
        """
        examples = self.whole.examples
        if not self.whole.free_batch and any(len(one) != count for one in examples):
            raise UsageError(f"{self.name}: takes a batch of {len(examples[0])} only; leave --batch out")
        repeated = tuple(one[torch.arange(count) % len(one)] for one in examples)
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
        return export_onnx(
            whole.network,
            whole.examples,
            path,
            inputs=whole.inputs,
            outputs=whole.outputs,
            free_batch=whole.free_batch,
            opset=self.opset,
            half=self.half,
            facts=facts,
        )


def weights_digest(network: nn.Module) -> str:
    """SHA-256 over the names, shapes and values of a network's weights."""
    told = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        told.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        told.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return told.hexdigest()


def why_not(implementation: object) -> str | None:
    """Why the network of an extractor (class or object) cannot leave PyTorch; None where it can."""
    if callable(getattr(implementation, "exportable", None)):
        return None
    kind = implementation if isinstance(implementation, type) else type(implementation)
    reason = getattr(kind, "not_exportable", "")
    return reason or f"{kind.__name__} has no method exportable (docs/export.md says what it gives)"


def extractor_subject(
    name: str, parameters: Mapping[str, object], asset_path: AssetPath, size: tuple[int, int] | None = None
) -> ExportSubject:
    """The loaded network of an extractor, for frames of ``size`` (height, width) or of those it was made for.

    Raises UsageError for an unknown extractor or parameter, one whose network cannot be exported, and a size that
    the network cannot take.
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
    """A loaded integrator, saliency only, for maps of ``size`` (height, width) or of its declared size.

    ``weights``, ``asset_path``: as of :func:`gazenet.fusion.gasp_integrator.load_gasp`. Raises UsageError for what
    cannot be loaded and for odd sizes.
    """
    integrator = load_gasp(name_or_path, weights=weights, asset_path=asset_path)
    return ExportSubject(integrator.spec.name, integrator.exportable(size))


def export_extractor(name: str, parameters: Mapping[str, object], path: Path, asset_path: AssetPath) -> ExportReport:
    """Write the network of an extractor as an ONNX file with a free batch, and compare it with PyTorch.

    Args:
        name: of the extractor.
        parameters: what is changed of the parameters in its spec (``weights`` among them, where it has some).
        path: of the file.
        asset_path: finds declared weights.

    Raises UsageError for an unknown extractor or parameter, and for one whose network cannot be exported.
    """
    return extractor_subject(name, parameters, asset_path).write(path)
