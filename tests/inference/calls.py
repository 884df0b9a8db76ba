"""A made-up extractor that writes down what it computes, and what a run leaves behind when it is killed."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.maps.entry_files import scan_log

BODY = """
        import os, time
        light = windows.frames.float().mean((1, 2, 3, 4)) / 255
        time.sleep(float(os.environ.get('ODD_PAUSE', '0')) * n)
        with open(os.environ['ODD_LOG'], 'a') as log:
            log.writelines(f'{self.source} {k} {os.getpid()}\\n' for k in windows.index)
        return CueMaps(light[:, None, None].expand(n, *size))
"""
CHUNK = 4


class Calls:
    """The file in which the extractor ``odd`` notes a line per frame: video, frame, process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def __call__(self) -> Counter[str]:
        """How often every frame ("video frame") was computed."""
        return Counter(line.rpartition(" ")[0] for line in self._path.read_text().splitlines())

    def processes(self) -> list[int]:
        """Who computed, in the order of the file."""
        return [int(line.split()[-1]) for line in self._path.read_text().splitlines()]

    def wait_for(self, more: int, timeout: float = 120) -> None:
        """Until so many frames have been computed from now on."""
        until, wanted = time.monotonic() + timeout, len(self.processes()) + more
        while len(self.processes()) < wanted:
            assert time.monotonic() < until, "nothing is computed"
            time.sleep(0.02)


def settings(folder: Path, **more: Any) -> InferConfig:
    """A run of ``odd`` and of an extractor that needs faces, in chunks of four frames."""
    outputs = {"maps": False, "overlay": False, "attention": False, "report": True}
    data = {"extractors": [{"name": "odd"}, {"name": "facial_expression"}], "integrator": None, "chunk": CHUNK}
    data |= {"output_dir": str(folder), "faces": {"mesh": False}, "outputs": outputs, "map_size": 32, "threads": 1}
    return InferConfig.model_validate(data | more)


def cached(folder: Path) -> dict[str, bytes]:
    """What a run left in its cache: maps and records of every cue, faces, times."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("maps.npy", "chunks.log")
        for path in folder.glob(f".cache/**/{name}")
    }
    assert found
    return found


def durable(folder: Path) -> set[str]:
    """The frames ("video frame") of ``odd`` whose maps are in the cache for good."""
    return {
        f"{entry.parent.name} {CHUNK * line.index + step}"
        for entry in folder.glob(".cache/maps/*/*/odd-*")
        for line in scan_log(entry).lines.values()
        for step in range(line.frames)
    }


def wait_for_chunk(folder: Path, timeout: float = 120) -> None:
    """Until the first chunk of a run is in the cache for good."""
    until = time.monotonic() + timeout
    while not durable(folder):
        assert time.monotonic() < until, "nothing is stored"
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Whether it still runs; one that nobody has collected yet does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_end(processes: set[int], timeout: float = 60) -> None:
    """Until none of them runs any more."""
    until = time.monotonic() + timeout
    while left := {one for one in processes if one != os.getpid() and alive(one)}:
        assert time.monotonic() < until, f"processes {left} outlive their driver"
        time.sleep(0.05)
