"""The process of an isolated extractor, ``python -m gazenet.cues.isolated.worker``; it answers over its pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import torch

from gazenet.cues.external.protocol import LINE_LIMIT, parse, payload_size, send
from gazenet.cues.extractor import Extractor
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.isolated import messages
from gazenet.cues.output_checks import checked_output, checked_pictures, frames_text
from gazenet.cues.registry import EXTRACTORS
from gazenet.errors import GazenetError, UsageError
from gazenet.guard.guarded_call import guarded
from gazenet.plugin_registry import resolve


class ExtractorHost:
    """Holds the extractor. Every method takes the payload of a message and returns that of the answer."""

    def __init__(self) -> None:
        self._extractor: Extractor | None = None

    def hello(self, data: bytes) -> bytes:
        """Load the extractor. Raises PluginError and UsageError as in the process of the run."""
        facts, _ = messages.unpacked(data)
        self._name = facts["name"]
        self._device = torch.device(facts["device"])
        torch.set_num_threads(facts["threads"])
        torch.manual_seed(facts["seed"])
        entry = resolve(EntryPoint(self._name, facts["place"], EXTRACTORS), ExtractorSpec)
        self._pictures = entry.spec.pictures_with(facts["parameters"])
        assets = facts["assets"]

        def asset_path(asset_id: str) -> Path:
            fact = assets.get(asset_id, {"missing": f"{asset_id}: the extractor does not declare it"})
            if "missing" in fact:
                raise UsageError(fact["missing"])
            return Path(fact["path"])

        implementation = entry.load()
        with guarded(self._name, "loading", own=(UsageError,), lenient=True):
            extractor: Extractor = implementation(**facts["parameters"])
            extractor.load(self._device, getattr(torch, facts["dtype"]), asset_path)
        self._extractor = extractor
        return b""

    def video(self, data: bytes) -> bytes:
        """Begin a video."""
        assert self._extractor is not None
        with guarded(self._name, "beginning a video"), torch.no_grad():
            self._extractor.begin(messages.to_video(data))
        return b""

    def windows(self, data: bytes) -> bytes:
        """Extract a batch."""
        assert self._extractor is not None
        windows = messages.to_windows(data, self._device)
        with guarded(self._name, frames_text(windows)), torch.no_grad():
            output = self._extractor.extract(windows)
            maps, records = checked_output(self._name, windows, output, self._device)
            pictures = checked_pictures(self._name, windows, output) if self._pictures else None
            return messages.from_maps(maps, records, pictures)


def main() -> int:
    """Answer until the input ends. Prints of plugins go to standard error: standard output carries the protocol."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests, host = os.fdopen(os.dup(0), "rb"), ExtractorHost()
    answers: dict[str, Callable[[bytes], bytes]] = {"hello": host.hello, "video": host.video, "windows": host.windows}
    while text := requests.readline(LINE_LIMIT):
        message = parse(text)
        data = requests.read(payload_size(message))
        try:
            reply = answers[message["type"]](data)
        except GazenetError as error:
            report = {"type": "error", "message": str(error), "usage": isinstance(error, UsageError)}
            send(replies, report)
            continue
        send(replies, {"type": "done", "bytes": len(reply)}, reply)
    return 0


if __name__ == "__main__":
    sys.exit(main())
