"""The side of the run: an extractor that starts a process, has the work done there, and ends it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import torch

from gazenet.cues.external.program import Program, ProgramError, ProgramTimeout
from gazenet.cues.extractor import AssetPath, CueMaps, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.isolated import messages
from gazenet.cues.output_checks import frames_text
from gazenet.cues.registry import PluginEntry
from gazenet.errors import PluginError, UsageError

COMMAND = shlex.join([sys.executable, "-m", "gazenet.cues.isolated.worker"])
LOADING_S = 120.0
"""Least number of seconds the process has to load the extractor, with its libraries and weights."""
LARGEST = 1 << 31
"""Largest number of bytes in an answer."""
Done = TypeVar("Done")


def isolated(entry: PluginEntry, timeout_s: float) -> PluginEntry:
    """Return an entry that runs the extractor in a process of its own, with ``timeout_s`` seconds for each batch."""

    class _Isolated(IsolatedExtractor):
        spec = entry.spec
        place = entry.value or entry.spec.implementation
        patience = timeout_s

    return replace(entry, load=lambda: _Isolated)


class IsolatedExtractor:
    """An extractor (see :class:`gazenet.cues.extractor.Extractor`) whose work is done by another process.

    A process that ends is restarted once and gets the same batch again; one that does not answer in time is not
    retried. PluginError names the extractor, the frames and how the process ended; the next video gets a new process.
    """

    spec: ClassVar[ExtractorSpec]
    place: ClassVar[str]
    patience: ClassVar[float]
    not_exportable = "it runs in a process of its own"

    def __init__(self, **parameters: object) -> None:
        self._parameters = parameters
        self._program: Program | None = None
        self._video: VideoContext | None = None
        self._introduced = False
        self._hello = b""

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Start the process, which loads the extractor. Raises UsageError as the extractor does, and PluginError."""
        self._device = device
        facts = {
            "name": self.spec.name,
            "place": self.place,
            "parameters": self._parameters,
            "device": str(device),
            "dtype": str(dtype).removeprefix("torch."),
            "assets": {one: _asset_fact(one, asset_path) for one in self.spec.assets_with(self._parameters)},
            # The same threads and seed as here: sums run in the same order, and the maps are the same bytes.
            "threads": torch.get_num_threads(),
            "seed": torch.initial_seed(),
        }
        self._hello = messages.Packer().payload(facts)
        self._persist("loading", self._running)

    def begin(self, video: VideoContext) -> None:
        """Begin the video in the process."""
        self._video, self._introduced = video, False
        self._persist("beginning a video", self._introduce)

    def extract(self, windows: Windows) -> CueMaps:
        """Return maps, records and pictures of the extractor, checked in the process. Raises PluginError."""
        data = messages.from_windows(windows)

        def ask() -> CueMaps:
            self._introduce()
            return messages.to_maps(self._answer("windows", data), self._device)

        return self._persist(frames_text(windows), ask)

    def _introduce(self) -> None:
        program = self._running()
        if not self._introduced and self._video is not None:
            self._answer("video", messages.from_video(self._video), program)
            self._introduced = True

    def _running(self) -> Program:
        """Return the process, with the extractor loaded."""
        if self._program is None:
            # The process imports packages from the same places as this one.
            path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
            environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
            self._program, self._introduced = Program(COMMAND, "its process", environment), False
            self._answer("hello", self._hello, self._program)
        return self._program

    def _answer(self, kind: str, data: bytes, program: Program | None = None) -> bytes:
        """Ask the process; raises what the extractor raised there."""
        process = program or self._running()
        patience = max(self.patience, LOADING_S) if kind == "hello" else self.patience
        message, reply = process.exchange({"type": kind, "bytes": len(data)}, data, patience, LARGEST)
        if message["type"] == "error":
            raise (UsageError if message.get("usage") else PluginError)(str(message.get("message")))
        if message["type"] != "done":
            raise ProgramError(f"its process answered {message['type']} to {kind}")
        return reply

    def _persist(self, where: str, work: Callable[[], Done]) -> Done:
        """Do ``work``, and once more with a new process if the first one ended."""
        for attempt in (1, 2):
            try:
                return work()
            except (ProgramError, ValueError, KeyError, TypeError, IndexError) as error:
                self._end()
                if attempt == 2 or isinstance(error, ProgramTimeout):
                    raise PluginError(f"{self.spec.name}: {where}: {error}") from None
        raise AssertionError("the second attempt returns or raises")

    def _end(self) -> None:
        if self._program is not None:
            self._program.close()
            self._program = None


def _asset_fact(asset_id: str, asset_path: AssetPath) -> dict[str, Any]:
    """Return the path of a weight file, or the error to raise if the extractor asks for it."""
    try:
        return {"path": str(asset_path(asset_id))}
    except UsageError as error:
        return {"missing": str(error)}
