"""The network of an installed extractor or an integrator, made ready for export."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from gazenet.cues.registry import get
from gazenet.cues.types import AssetPath
from gazenet.errors import UsageError
from gazenet.export.onnx import ExportReport, export_onnx
from gazenet.fusion.integrator import load_integrator

EVEN = 2
"""Networks of the GASP family halve their maps and double them again."""


class Exportable(Protocol):
    """What an extractor offers beside the plugin contract if its network can live outside of this project."""

    def network(self) -> tuple[nn.Module, Sequence[Tensor]]:
        """The loaded network and one example per input, with a batch of two."""


@dataclass(frozen=True)
class Subject:
    """What is exported: a network on the CPU and one example per input, ``[N, ...]``.

    ``free_batch``: whether any N is to be accepted later.
    """

    name: str
    network: nn.Module
    examples: tuple[Tensor, ...]
    free_batch: bool = True

    def with_batch(self, count: int) -> Subject:
        """The same with exactly ``count`` in a batch; the examples are repeated."""
        rows = torch.arange(count)
        return replace(self, examples=tuple(one[rows % len(one)] for one in self.examples), free_batch=False)

    def in_half_precision(self) -> Subject:
        """The same with weights, inputs and outputs in float16; changes the network."""
        halves = tuple(one.half() if one.is_floating_point() else one for one in self.examples)
        return replace(self, network=self.network.half(), examples=halves)

    def write(self, path: Path) -> ExportReport:
        """Write the ONNX file and compare it with PyTorch. Raises UsageError where the exporter is not installed."""
        names = _names("input", len(self.examples))
        return export_onnx(self.network, self.examples, path, inputs=names, free_batch=self.free_batch)


class Saliency(nn.Module):
    """A network of the GASP family that gives its saliency alone, ``[N, 1, H', W']``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.fused = network

    def forward(self, modules: Tensor) -> Tensor:
        """``modules``: ``[N, M * C, H, W]``, or ``[N, T, M * C, H, W]`` where sequential."""
        saliency: Tensor = self.fused(modules)[0]
        return saliency


def is_exportable(implementation: object) -> bool:
    """Whether an extractor (class or object) has a method ``network`` that needs no arguments."""
    method = getattr(implementation, "network", None)
    if not callable(method):
        return False
    bound = 1 if isinstance(implementation, type) else 0
    return len(inspect.signature(method).parameters) == bound


def extractor_subject(
    name: str, parameters: Mapping[str, object], asset_path: AssetPath, size: tuple[int, int] | None = None
) -> Subject:
    """The loaded network of an extractor.

    ``size`` (height, width) must be the one that the checkpoint was made for. Raises UsageError for an unknown
    extractor or parameter, one whose network cannot be exported, and another size.
    """
    entry = get(name)
    extractor = entry.load()(**entry.spec.with_parameters(parameters))
    if not is_exportable(extractor):
        kind = type(extractor).__name__
        raise UsageError(f"{name}: its network cannot be exported: {kind} has no method network without arguments")
    extractor.load(torch.device("cpu"), torch.float32, asset_path)
    network, examples = extractor.network()  # type: ignore[attr-defined]
    own = int(examples[0].shape[-2]), int(examples[0].shape[-1])
    if size not in (None, own):
        raise UsageError(f"{name}: this checkpoint takes {own[0]}x{own[1]} (height x width) only; leave --size out")
    return Subject(name, network, tuple(examples))


def integrator_subject(name_or_path: str, size: tuple[int, int] | None = None) -> Subject:
    """A loaded integrator, saliency only; its example is noise of ``size`` (height, width), else of its declared size.

    Raises UsageError for what cannot be loaded and for odd sizes.
    """
    integrator = load_integrator(name_or_path)
    height, width = size or integrator.spec.input_size
    if height % EVEN or width % EVEN:
        raise UsageError(f"{name_or_path}: size {height}x{width}: height and width must be multiples of {EVEN}")
    config = integrator.network.config
    steps = (config.sequence_len,) if config.sequential else ()
    channels = config.modalities * config.in_channels
    example = torch.rand(2, *steps, channels, height, width, generator=torch.Generator().manual_seed(0))
    return Subject(integrator.spec.name, Saliency(integrator.network), (example,))


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


def _names(stem: str, count: int) -> list[str]:
    return [stem] if count == 1 else [f"{stem}_{k}" for k in range(count)]
