"""An integrator at work on one video, with guarded calls and checked results."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gazenet.errors import PluginError, UsageError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.integrator_contract import CueStack
from gazenet.guard.guarded_call import guarded


class Stream(Protocol):
    """Fuses one video chunk by chunk; see :class:`gazenet.fusion.gasp_integrator.FusionStream`."""

    def push(self, maps: CueStack) -> FusedChunk:
        """Take the maps of the next frames, per cue; return the frames that are settled by now, maybe none."""

    def finish(self) -> FusedChunk:
        """Return the frames that are still waiting."""


class Streaming(Protocol):
    """An integrator that fuses videos, for example :class:`gazenet.fusion.gasp_integrator.GaspIntegrator`."""

    def stream(self, live: bool = False) -> Stream:
        """Return a fresh stream for one video; ``live``: no frame waits for later ones."""


def open_stream(integrator: Streaming, live: bool = False) -> Stream:
    """Open a fresh stream for one video. Its errors and wrong results become a PluginError that names the frames."""
    name = f"integrator {getattr(getattr(integrator, 'spec', None), 'name', '') or type(integrator).__name__}"
    with guarded(name, "beginning a video", own=(UsageError,)):
        return _Guarded(name, integrator.stream(live))


class _Guarded:
    def __init__(self, name: str, stream: Stream) -> None:
        self._name, self._stream = name, stream
        self._pushed = self._returned = 0

    def push(self, maps: CueStack) -> FusedChunk:
        start, self._pushed = self._pushed, self._pushed + len(next(iter(maps.values()), ()))
        where = f"frames {start} to {self._pushed - 1}"
        # A missing cue is a request that cannot be met, not a fault of the plugin.
        with guarded(self._name, where, own=(UsageError,)):
            return self._checked(where, self._stream.push(maps))

    def finish(self) -> FusedChunk:
        where = f"frames {self._returned} to {self._pushed - 1}"
        with guarded(self._name, where):
            return self._checked(where, self._stream.finish())

    def _checked(self, where: str, chunk: object) -> FusedChunk:
        """Return the chunk: finite maps ``[n, h, w]`` and gates ``[n, M]`` of the frames due. Raises PluginError."""
        if not isinstance(chunk, FusedChunk):
            raise PluginError(f"{self._name}: {where}: gave {type(chunk).__name__}, expected a FusedChunk")
        for what, values, rank in (("saliency", chunk.saliency, 3), ("gates", chunk.gates, 2)):
            if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim != rank:
                actual = f"{values.dtype} {list(values.shape)}" if isinstance(values, np.ndarray) else type(values)
                raise PluginError(f"{self._name}: {where}: {what} is {actual}, expected floats of rank {rank}")
            if not np.isfinite(values).all():
                raise PluginError(f"{self._name}: {where}: {what} holds values that are not finite")
        last = self._returned + len(chunk.saliency)
        if len(chunk.gates) != len(chunk.saliency) or last > self._pushed or chunk.start != self._returned:
            raise PluginError(
                f"{self._name}: {where}: gave {len(chunk.saliency)} maps and {len(chunk.gates)} gates from frame "
                f"{chunk.start} on, where frame {self._returned} is next of {self._pushed}"
            )
        self._returned = last
        return chunk
