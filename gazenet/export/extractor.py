"""The network of an installed extractor, made ready for export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from gazenet.cues.registry import get
from gazenet.cues.types import AssetPath
from gazenet.errors import UsageError
from gazenet.export.onnx import ExportReport, export_onnx


class Exportable(Protocol):
    """What an extractor offers beside the plugin contract if its network can live outside of this project."""

    def network(self) -> tuple[nn.Module, Sequence[Tensor]]:
        """The loaded network and one example per input, with a batch of two."""


def export_extractor(name: str, parameters: Mapping[str, object], path: Path, asset_path: AssetPath) -> ExportReport:
    """Write the network of an extractor as an ONNX file with a free batch, and compare it with PyTorch.

    Args:
        name: of the extractor.
        parameters: what is changed of the parameters in its spec (``weights`` among them, where it has some).
        path: of the file.
        asset_path: finds declared weights.

    Raises UsageError for an unknown extractor or parameter, and for one whose network cannot be exported.
    """
    entry = get(name)
    extractor = entry.load()(**entry.spec.with_parameters(parameters))
    if not callable(getattr(extractor, "network", None)):
        raise UsageError(f"{name}: its network cannot be exported: {type(extractor).__name__} has no method network")
    extractor.load(torch.device("cpu"), torch.float32, asset_path)
    network, examples = extractor.network()
    return export_onnx(network, examples, path, inputs=_names("input", len(examples)))


def _names(stem: str, count: int) -> list[str]:
    return [stem] if count == 1 else [f"{stem}_{k}" for k in range(count)]
