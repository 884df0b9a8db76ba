"""An extractor whose maps come from an external program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.external.program import Program, ProgramError
from gazenet.cues.external.protocol import PROTOCOL
from gazenet.cues.extractor import AssetPath, CueMaps, Face, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.output_checks import frames_text
from gazenet.errors import PluginError, UsageError

LOADING_S = 60.0
"""Seconds a program has to report that it is ready; it loads its networks in that time."""
Answer = tuple[dict[str, Any], bytes]
Done = TypeVar("Done")
TYPES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "float32": np.dtype("<f4")}


class ProgramExtractor:
    """Sends windows to a program and returns its maps; see :mod:`gazenet.cues.external.protocol`.

    A program that ends, hangs or breaks the protocol is restarted and gets the same batch again, ``restarts`` times
    in a run; after that, or when it reports an error itself, PluginError quotes it. A subclass with a ``spec`` of its
    own gives a program a cue of its own; frame size and window are those of the spec.

    Args:
        command: the program and its arguments; no shell.
        files: file or folder whose content is part of the cache key: the program, its weights.
        timeout: seconds for one batch.
        restarts: how often the program may be started again.
    """

    spec: ClassVar[ExtractorSpec]
    not_exportable = "its maps come from an external program"

    def __init__(self, command: str, files: str = "", timeout: float = 10.0, restarts: int = 2) -> None:
        if timeout <= 0 or restarts < 0:
            raise UsageError(f"{self.spec.name}: timeout must be positive and restarts at least 0")
        if files and not os.path.exists(files):
            raise UsageError(f"{self.spec.name}: files: {files} does not exist")
        self._command, self._timeout, self._restarts_left = command, timeout, restarts
        self._program: Program | None = None
        self._video: dict[str, Any] = {}
        self._introduced, self._requests = False, 0

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Start the program. Raises UsageError if it does not become ready: a restart would fail as well."""
        self._device = device
        print(f"{self.spec.name}: starting the program: {self._command}", file=sys.stderr, flush=True)
        try:
            self._running()
        except ProgramError as error:
            self._end()
            raise UsageError(f"{self.spec.name}: {error}") from None

    def begin(self, video: VideoContext) -> None:
        """Remember the facts of the video; the program gets them with its first batch."""
        size = {"height": video.height, "width": video.width}
        self._video = {"type": "video", "source": video.source_id, **size, "rate": video.rate}
        self._introduced = False

    def extract(self, windows: Windows) -> CueMaps:
        """Return the maps ``[B, h, w]`` and records of the program. Raises PluginError."""
        assert windows.frames is not None
        frames = windows.frames.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()
        header = _header(windows, frames.shape)
        message, data = self._persist(frames_text(windows), lambda: self._ask(header, frames))
        if message["type"] == "error":
            raise PluginError(f"{self.spec.name}: {frames_text(windows)}: the program says: {message.get('message')}")
        maps = np.frombuffer(data, TYPES[message["dtype"]]).reshape(message["maps"])
        scale = 255.0 if message["dtype"] == "uint8" else 1.0
        values = torch.from_numpy(maps.astype(np.float32) / scale).to(self._device)
        return CueMaps(values, message.get("records"))

    def _ask(self, header: dict[str, Any], frames: NDArray[np.uint8]) -> Answer:
        program = self._running()
        if not self._introduced:
            program.send(self._video, timeout=self._timeout)
            self._introduced = True
        self._requests += 1
        shape = [len(frames), *header["map_size"]]
        cells = int(np.prod(shape))
        request = {**header, "request": self._requests}
        message, data = program.exchange(request, frames.reshape(-1).data, self._timeout, cells * 4)
        if message.get("request") != self._requests or message["type"] not in ("maps", "error"):
            raise ProgramError(f"the program answered {message['type']} to request {message.get('request')!r}")
        if message["type"] == "maps":
            kind = TYPES.get(str(message.get("dtype")))
            if kind is None or message.get("maps") != shape or len(data) != cells * kind.itemsize:
                raise ProgramError(
                    f"the program gave {len(data)} bytes as {message.get('dtype')} {message.get('maps')}, "
                    f"expected uint8 or float32 {shape}"
                )
        return message, data

    def _running(self) -> Program:
        """Return the program, started and ready."""
        if self._program is None:
            program = self._program = Program(self._command)
            self._introduced = False
            hello = {"type": "hello", "protocol": PROTOCOL, "name": self.spec.name}
            message, _ = program.exchange(hello, timeout=LOADING_S)
            if message["type"] != "ready" or message.get("protocol") != PROTOCOL:
                raise ProgramError(f"the program answered hello with {message}, expected ready, protocol {PROTOCOL}")
        return self._program

    def _end(self) -> None:
        if self._program is not None:
            self._program.close()
            self._program = None

    def _persist(self, where: str, work: Callable[[], Done]) -> Done:
        """Do ``work`` on the frames ``where``, restarting the program after each failure while restarts are left."""
        while True:
            try:
                return work()
            except ProgramError as error:
                self._end()
                if not self._restarts_left:
                    raise PluginError(f"{self.spec.name}: {where}: {error}; no restarts are left") from None
                self._restarts_left -= 1


def _header(windows: Windows, shape: tuple[int, ...]) -> dict[str, Any]:
    faces = [[_face_fields(face) for face in window[windows.anchor]] for window in windows.faces if window]
    return {
        "type": "windows",
        "index": windows.index.tolist(),
        "times": windows.times.tolist(),
        "anchor": windows.anchor,
        "size": list(windows.size),
        "map_size": list(windows.map_size),
        "frames": list(shape),
        "faces": faces,
        "bytes": int(np.prod(shape)),
    }


def _face_fields(face: Face) -> dict[str, Any]:
    return {"track": face.track, "box": [float(side) for side in face.box], "score": float(face.score)}
