"""Whatever change on disk fails, whenever the process dies: the next run ends with the bytes of an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import faults
import numpy as np
import pytest

from gazenet.errors import CacheError
from gazenet.maps.map_store import MapKey, MapStore

KEY = MapKey("feedc0de", "saliency", "1", "0" * 16)
FRAMES, HEIGHT, WIDTH, CHUNK = 10, 6, 9, 4
CHUNKS = 3
MAPS = np.random.default_rng(1).integers(0, 256, (FRAMES, HEIGHT, WIDTH), dtype=np.uint8)
RECORDS = [{"frame": k, "x": k / 3} for k in range(FRAMES)]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of syncs take a second instead of a minute."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


class Run:
    """One run of a program that uses the cache as the pipeline does."""

    def __init__(self) -> None:
        self.found: set[int] = set()
        self.computed: list[int] = []

    def __call__(self, root: Path) -> Run:
        with MapStore(root).writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
            self.found = {index for index in range(CHUNKS) if writer.has(index)}
            for index in range(CHUNKS):
                part = slice(index * CHUNK, (index + 1) * CHUNK)
                if writer.has(index):
                    assert np.array_equal(writer.part(index)[0], MAPS[part])
                    continue
                writer.write(index, MAPS[part], RECORDS[part])
                self.computed.append(index)
            writer.finish(FRAMES)
        return self


def _content(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in KEY.folder(root).iterdir() if path.name != "lock"}


def _damage_head(root: Path) -> None:
    """A finished entry with one flipped byte, so that the run discards and begins again."""
    Run()(root)
    path = KEY.folder(root) / "maps.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def _half(root: Path) -> None:
    """An unfinished entry with a torn log, so that the run tidies it."""
    with MapStore(root).writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        writer.write(1, MAPS[4:8], RECORDS[4:8])
        writer.write(0, MAPS[:4], RECORDS[:4])
    with open(KEY.folder(root) / "chunks.log", "ab") as file:
        file.write(b"torn")


def _unmarked(root: Path) -> None:
    """Killed before the manifest."""
    Run()(root)
    (KEY.folder(root) / "manifest.json").unlink()


STARTS = {"new": lambda root: None, "damaged": _damage_head, "half": _half, "unmarked": _unmarked}


@pytest.mark.promise("the log of the cache is the truth")
@pytest.mark.parametrize("mode", faults.MODES)
@pytest.mark.parametrize("start", STARTS)
def test_every_fault_point(memory: Path, start: str, mode: str) -> None:
    STARTS[start](memory / "whole")
    with faults.inject() as counted:
        Run()(memory / "whole")
    expected, points = _content(memory / "whole"), len(counted.seen)
    assert set(expected) == {"maps.npy", "chunks.log", "manifest.json"}
    assert points >= {"new": 20, "damaged": 20, "half": 14, "unmarked": 8}[start]
    for k in range(1, points + 1):
        root = memory / str(k)
        STARTS[start](root)
        disturbed = Run()
        with faults.inject(k, mode) as injected, pytest.raises((CacheError, faults.Killed)):
            disturbed(root)
        assert injected.fired
        # What is visible to readers between the runs is right, or told to be wrong.
        try:
            reader = MapStore(root).reader(KEY, verify=True)
        except CacheError:
            assert start == "damaged"
            reader = None
        assert reader is None or np.array_equal(reader.maps, MAPS)
        resumed = Run()(root)
        assert resumed.found >= disturbed.found | set(disturbed.computed), f"point {k}: finished chunks were lost"
        assert _content(root) == expected, f"point {k} ({injected.seen[-1]})"


@pytest.mark.parametrize("mode", ["kill", "torn_kill", "power"])
def test_killed_again_and_again(memory: Path, mode: str) -> None:
    Run()(memory / "whole")
    rng = random.Random(0)
    deaths = 0
    for _ in range(500):
        try:
            with faults.inject(rng.randint(1, 12), mode):
                Run()(memory / "entry")
            break
        except faults.Killed:
            deaths += 1
    assert deaths >= 2 and _content(memory / "entry") == _content(memory / "whole")


def test_a_missing_sync_would_be_noticed(tmp_path: Path) -> None:
    """The power mode sees what it is there to see: data that the log vouches for, lost because it was not synced."""
    path = tmp_path / "a"
    path.write_bytes(b"....")
    from gazenet import files

    descriptor = os.open(path, os.O_RDWR)
    with faults.inject(4, "power"), pytest.raises(faults.Killed):
        files.write_all(descriptor, b"ab")
        files._os_fsync(descriptor)
        files.write_all(descriptor, b"cdef")
        files._os_fsync(descriptor)
    os.close(descriptor)
    assert path.read_bytes() == b"ab.."


CHILD = textwrap.dedent(
    """
    import sys
    import numpy as np
    from gazenet.maps.map_store import MapKey, MapStore
    maps = np.random.default_rng(2).integers(0, 256, (400, 40, 60), dtype=np.uint8)
    with MapStore(sys.argv[1]).writer(MapKey("ab", "x", "1", "f"), 40, 60, 8) as writer:
        print("found", sum(map(writer.has, range(50))), flush=True)
        for index in range(50):
            if not writer.has(index):
                part = slice(index * 8, index * 8 + 8)
                writer.write(index, maps[part], [{"k": k} for k in range(400)][part])
                print("done", index, flush=True)
        writer.finish(400)
        print("finished", flush=True)
    """
)


def _child(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(root)], stdout=subprocess.PIPE, text=True)


@pytest.mark.promise("the log of the cache is the truth")
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_sigkill_between_any_two_instructions(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    promised = 0
    for _ in range(2):
        with _child(tmp_path / "entry") as child:
            assert child.stdout is not None
            found = int(child.stdout.readline().split()[1])
            assert found >= promised
            promised = found
            for _ in range(rng.randint(1, 20)):
                promised += child.stdout.readline().startswith("done")
            signal.sigtimedwait([], rng.random() * 0.002)  # somewhere inside the next chunk
            child.send_signal(signal.SIGKILL)
            child.wait()
    for root in ("entry", "whole"):
        with _child(tmp_path / root) as child:
            assert child.stdout is not None and child.stdout.read().endswith("finished\n")
        assert child.returncode == 0
    key = MapKey("ab", "x", "1", "f")
    one, two = (key.folder(tmp_path / root) for root in ("entry", "whole"))
    for name in ("maps.npy", "chunks.log", "manifest.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
