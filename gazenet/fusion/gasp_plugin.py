"""The GASP family as a guest of the integrator contract."""

from __future__ import annotations

import torch

from gazenet.cues.exportable import Exportable
from gazenet.cues.extractor import AssetPath
from gazenet.fusion.gasp_integrator import FusedChunk, FusionStream, GaspIntegrator, load_declared
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.integrator_contract import CueStack, Fused, Integrator, IntegratorSpec


class GaspPlugin(Integrator):
    """A network of the family; ``gasp``: where it is loaded already."""

    gasp: GaspIntegrator

    def __init__(self, gasp: GaspIntegrator | None = None) -> None:
        if gasp is not None:
            self.gasp = gasp

    def load(self, spec: IntegratorSpec, device: torch.device, asset_path: AssetPath) -> None:
        """Read the weights that the declaration or the config names. Raises UsageError."""
        assert isinstance(spec, GaspSpec)
        self.gasp = load_declared(spec, device, asset_path)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """The network for files and other runtimes. Raises UsageError for odd sizes."""
        return self.gasp.exportable(size)

    def begin(self, live: bool) -> None:
        """Start a video; a live run cannot wait for the frames to come that smoothing looks at."""
        self._stream = FusionStream(self.gasp, live)

    def fuse(self, maps: CueStack) -> Fused:
        """Fuse the next frames; with smoothing the last ones are due later."""
        return _fused(self._stream.push(maps))

    def finish(self) -> Fused:
        """Give the frames that waited for later ones."""
        return _fused(self._stream.finish())


def _fused(chunk: FusedChunk) -> Fused:
    return Fused(chunk.saliency, chunk.gates)
