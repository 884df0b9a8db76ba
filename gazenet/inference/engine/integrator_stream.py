"""The integrator at work on one video, behind the border of plugins."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gazenet.errors import PluginError, UsageError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.integrator_contract import CueStack
from gazenet.guard.guarded_call import guarded


class Stream(Protocol):
    """See :class:`gazenet.fusion.gasp_integrator.FusionStream`."""

    def push(self, maps: CueStack) -> FusedChunk: ...

    def finish(self) -> FusedChunk: ...


class Streaming(Protocol):
    """Whatever fuses: :class:`gazenet.fusion.gasp_integrator.GaspIntegrator`."""

    def stream(self, live: bool = False) -> Stream: ...


def open_stream(integrator: Streaming, live: bool = False) -> Stream:
    """A fresh stream for one video; what it raises or gives wrongly is a PluginError with the frames."""
    name = f"integrator {getattr(getattr(integrator, 'spec', None), 'name', '') or type(integrator).__name__}"
    with guarded(name, "beginning a video", own=(UsageError,)):
        return _Guarded(name, integrator.stream(live))


class _Guarded:
    def __init__(self, name: str, stream: Stream) -> None:
        self._name, self._stream = name, stream
        self._pushed = self._given = 0

    def push(self, maps: CueStack) -> FusedChunk:
        start, self._pushed = self._pushed, self._pushed + len(next(iter(maps.values()), ()))
        where = f"frames {start} to {self._pushed - 1}"
        # A cue that the declaration forgets is told as what it is: a request that cannot be met.
        with guarded(self._name, where, own=(UsageError,)):
            return self._checked(where, self._stream.push(maps))

    def finish(self) -> FusedChunk:
        where = f"frames {self._given} to {self._pushed - 1}"
        with guarded(self._name, where):
            return self._checked(where, self._stream.finish())

    def _checked(self, where: str, found: object) -> FusedChunk:
        """Raises PluginError for anything but finite maps ``[n, h, w]`` and gates ``[n, M]`` of the frames due."""
        if not isinstance(found, FusedChunk):
            raise PluginError(f"{self._name}: {where}: gave {type(found).__name__}, expected a FusedChunk")
        for what, values, rank in (("saliency", found.saliency, 3), ("gates", found.gates, 2)):
            if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim != rank:
                told = f"{values.dtype} {list(values.shape)}" if isinstance(values, np.ndarray) else type(values)
                raise PluginError(f"{self._name}: {where}: {what} is {told}, expected floats of rank {rank}")
            if not np.isfinite(values).all():
                raise PluginError(f"{self._name}: {where}: {what} holds values that are not finite")
        last = self._given + len(found.saliency)
        if len(found.gates) != len(found.saliency) or last > self._pushed or found.start != self._given:
            raise PluginError(
                f"{self._name}: {where}: gave {len(found.saliency)} maps and {len(found.gates)} gates from frame "
                f"{found.start} on, where frame {self._given} is next of {self._pushed}"
            )
        self._given = last
        return found
