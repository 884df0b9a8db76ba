"""An integrator at work on one video, with guarded calls and checked results."""

from __future__ import annotations

import numpy as np

from gazenet.errors import PluginError, UsageError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.integrator_contract import CueStack
from gazenet.fusion.loaded_integrator import IntegratorStream, LoadedIntegrator
from gazenet.guard.guarded_call import guarded


def open_stream(integrator: LoadedIntegrator, live: bool = False) -> GuardedStream:
    """Open a fresh stream for one video; ``live``: no frame waits for later ones. Raises UsageError, PluginError."""
    name = f"integrator {integrator.spec.name}"
    with guarded(name, "beginning a video", own=(UsageError,)):
        return GuardedStream(name, integrator.stream(live))


class GuardedStream:
    """Fuses one video chunk by chunk. Errors and wrong results become a PluginError that names the frames."""

    def __init__(self, name: str, stream: IntegratorStream) -> None:
        self._name, self._stream = name, stream
        self._pushed = self._returned = 0

    def push(self, maps: CueStack) -> FusedChunk:
        """Take the maps of the next frames, per cue; return the frames that are settled by now, maybe none."""
        start, self._pushed = self._pushed, self._pushed + len(next(iter(maps.values()), ()))
        where = f"frames {start} to {self._pushed - 1}"
        # A missing cue is a request that cannot be met, not a fault of the plugin.
        with guarded(self._name, where, own=(UsageError,)):
            return self._checked(where, self._stream.push(maps))

    def finish(self) -> FusedChunk:
        """Return the frames that are still waiting. Raises PluginError where some are missing."""
        where = f"frames {self._returned} to {self._pushed - 1}"
        with guarded(self._name, where):
            chunk = self._checked(where, self._stream.finish())
        if self._returned < self._pushed:
            raise PluginError(
                f"{self._name}: the end of the video: gave {self._returned} maps of {self._pushed} frames"
            )
        return chunk

    def _checked(self, where: str, chunk: FusedChunk) -> FusedChunk:
        """Return a chunk of finite values, with as many gates as maps, of frames that are due. Raises PluginError."""
        for part, values in (("saliency", chunk.saliency), ("gates", chunk.gates)):
            if not np.isfinite(values).all():
                raise PluginError(f"{self._name}: {where}: {part} holds values that are not finite")
        last = self._returned + len(chunk.saliency)
        if len(chunk.gates) != len(chunk.saliency) or last > self._pushed:
            raise PluginError(
                f"{self._name}: {where}: gave {len(chunk.saliency)} maps and {len(chunk.gates)} gates from frame "
                f"{self._returned} on, of {self._pushed} frames"
            )
        self._returned = last
        return chunk
