"""Damaged and hostile files without a published hash: deleted, so that the next run fetches them again."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest
from scripted_server import DATA, PAGE, Server, serving

from gazenet.assets import asset_store
from gazenet.assets.catalogue_entry import PublishedAsset
from gazenet.assets.fetch import FetchFailure, fetch
from gazenet.assets.locks import AssetLock, FetchedFile, read_lock, write_lock
from gazenet.files import sha256_file

CONTENT = bytes((k * k * 7919 >> 3) % 256 for k in range(20_000))


def tarred(files: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def seven(files: dict[str, bytes]) -> bytes:
    py7zr: Any = pytest.importorskip("py7zr")
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return buffer.getvalue()


MAKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "a.tar": lambda files: tarred(files, "w:"),
    "a.tar.gz": lambda files: tarred(files, "w:gz"),
    "a.tar.xz": lambda files: tarred(files, "w:xz"),
    "a.zip": zipped,
    "a.7z": seven,
}


def asset(server: Server, name: str, kind: str = "good", **changes: Any) -> PublishedAsset:
    source = {"kind": "http", "url": f"{server.base}/{kind}/{name}"}
    data = {
        "id": "net",
        "kind": "published",
        "role": "dataset",
        "files": [{"save_as": name, "sources": [source]}],
        "steps": [{"step": "extract", "archive": name}],
        "result": ["x", "y"],
        "licence": "MIT",
        "source": "test",
    }
    return PublishedAsset.model_validate_json(json.dumps({**data, **changes}))


def get(wanted: PublishedAsset, folder: Path) -> list[FetchFailure]:
    return fetch([wanted], lambda item: asset_store.local_path(item, folder))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 255 for byte in data[middle : middle + 4000]) + data[middle + 4000 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "begin only": lambda data: data[:600],
    "end missing": lambda data: data.rstrip(b"\0")[:-1100],
    "flipped": flipped,
    "something else": lambda data: b"\xff\xfe not an archive" * 50,
    "a page": lambda data: b"\n" + PAGE,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", MAKERS)
def test_a_damaged_archive_is_fetched_anew(server: Server, tmp_path: Path, name: str, damage: str) -> None:
    good = MAKERS[name]({"x": CONTENT, "y": CONTENT[::-1]})
    bad = DAMAGE[damage](good)
    if name == "a.tar" and damage == "flipped":
        bad = good[:257] + b"nothing" + good[264:]  # of a bare tar, only the headers are checksummed
    server.files[name] = bad
    wanted = asset(server, name)
    (failure,) = get(wanted, tmp_path)
    assert "\n" not in failure.message and ("run again to" in failure.message)
    assert names(tmp_path) == [], "nothing is left, neither in place nor hidden, nor a hash of the damaged file"
    server.files[name] = good
    assert get(wanted, tmp_path) == []
    assert (tmp_path / "net" / "x").read_bytes() == CONTENT and (tmp_path / "net" / "y").exists()
    lock = read_lock(tmp_path / "net")
    assert lock is not None and lock.complete and lock.files[name].size == len(good)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar", "a.zip"])
@pytest.mark.parametrize("member", ["../../escaped", "/escaped", "x/../../../escaped"])
def test_a_hostile_archive_does_not_stay(server: Server, tmp_path: Path, name: str, member: str) -> None:
    server.files[name] = MAKERS[name]({"x": CONTENT, member: b"evil"})
    wanted = asset(server, name)
    (failure,) = get(wanted, tmp_path)
    assert "leads out of its folder; " in failure.message and f"{name} was deleted" in failure.message
    assert names(tmp_path) == []
    server.files[name] = MAKERS[name]({"x": CONTENT, "y": b"1"})
    assert get(wanted, tmp_path) == []


def test_an_archive_beyond_the_limits_does_not_stay(server: Server, tmp_path: Path) -> None:
    server.files["a.zip"] = zipped({"x": CONTENT, "y": b""})
    (failure,) = get(
        asset(server, "a.zip", steps=[{"step": "extract", "archive": "a.zip", "limit_gb": 1e-6}]), tmp_path
    )
    assert "the limit is 1000" in failure.message and names(tmp_path) == []


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_a_download_of_unknown_length_that_was_cut(server: Server, tmp_path: Path, name: str) -> None:
    """Without a length nothing but the archive itself can tell that a connection broke."""
    good = MAKERS[name]({"x": CONTENT, "y": CONTENT})
    server.files[name] = good[: good.index(b"y") - 100] if name == "a.tar" else good[:-700]
    wanted = asset(server, name, "endless")
    (failure,) = get(wanted, tmp_path)
    assert (
        "damaged archive" in failure.message
        or "is damaged or incomplete" in failure.message
        or "not a tar" in failure.message
    )
    assert names(tmp_path) == []
    server.files[name] = good
    assert get(wanted, tmp_path) == []


def test_results_that_are_absent_do_not_block(server: Server, tmp_path: Path) -> None:
    server.files["a.zip"] = zipped({"x": CONTENT})
    wanted = asset(server, "a.zip")
    (failure,) = get(wanted, tmp_path)
    assert "y not among the fetched files" in failure.message and names(tmp_path) == []
    server.files["a.zip"] = zipped({"x": CONTENT, "y": b""})
    assert get(wanted, tmp_path) == []


def test_an_archive_of_a_known_hash_is_kept(server: Server, tmp_path: Path) -> None:
    """It is the published file; what failed is something else, and gigabytes need not come again."""
    server.files["a.zip"] = zipped({"x": CONTENT, "y": b""})
    (tmp_path / "hash").write_bytes(server.files["a.zip"])
    hashed = {"sha256": sha256_file(tmp_path / "hash"), "size": len(server.files["a.zip"])}
    (tmp_path / "hash").unlink()
    file = {"save_as": "a.zip", "sources": [{"kind": "http", "url": f"{server.base}/good/a.zip"}], **hashed}
    steps = [{"step": "extract", "archive": "a.zip", "limit_gb": 1e-6}]
    (failure,) = get(asset(server, "a.zip", files=[file], steps=steps), tmp_path)
    assert "was deleted" not in failure.message
    assert get(asset(server, "a.zip", files=[file]), tmp_path) == []
    assert sum(server.asked.values()) == 1


def test_what_an_earlier_version_left_does_not_block(server: Server, tmp_path: Path) -> None:
    """A damaged archive in the hidden folder, and its hash recorded before it was unpacked."""
    wanted, good = asset(server, "a.tar.gz"), tarred({"x": CONTENT, "y": b""}, "w:gz")
    left = tmp_path / ".net.fetch" / "downloads" / "a.tar.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(good[:500])
    write_lock(
        tmp_path / "net", AssetLock(id="net", files={"a.tar.gz": FetchedFile(sha256=sha256_file(left), size=500)})
    )
    server.files["a.tar.gz"] = good
    assert len(get(wanted, tmp_path)) == 1
    assert get(wanted, tmp_path) == []
    left.parent.mkdir(parents=True)
    left.write_bytes(PAGE)
    (tmp_path / "net" / "x").unlink()
    assert get(wanted, tmp_path) == [], "a page in the place of the archive"


def test_a_file_fetched_by_hand_is_set_aside(server: Server, tmp_path: Path) -> None:
    file = {"save_as": "a.zip", "sources": [{"kind": "manual", "url": "https://mega.example/x"}]}
    wanted = asset(server, "a.zip", files=[file])
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "a.zip").write_bytes(zipped({"x": CONTENT}))
    (failure,) = get(wanted, tmp_path)
    assert f"renamed to {tmp_path}/net/a.zip.refused" in failure.message
    assert names(tmp_path) == ["net", "net/a.zip.refused"]
    (tmp_path / "net" / "a.zip").write_bytes(zipped({"x": CONTENT, "y": b""}))
    assert get(wanted, tmp_path) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12\n", "w.pth: is a Git LFS pointer"),
        (b"404: Not Found", "w.pth: is a text"),
        (b"\x1f\x8b" + bytes(90), "w.pth: is a gzip archive"),
    ],
)
def test_weights_that_are_something_else_are_not_recorded(
    server: Server, tmp_path: Path, data: bytes, said: str
) -> None:
    server.files["w.pth"] = data
    wanted = asset(server, "w.pth", steps=[], result=["w.pth"], role="model")
    (failure,) = get(wanted, tmp_path)
    assert said in failure.message and names(tmp_path) == []
    server.files["w.pth"] = DATA
    assert get(wanted, tmp_path) == []


def test_a_full_disk_keeps_what_came(server: Server, tmp_path: Path) -> None:
    """Downloads: size and hash, resumed, with a disk check: a full disk is one line, and the part continues."""
    server.files["a.tar"] = tarred({"x": DATA * 8, "y": b""}, "w:")
    wanted = asset(server, "a.tar")
    with faults.inject(at=8, mode="torn") as injected:
        (failure,) = get(wanted, tmp_path)
    assert (
        injected.fired
        and "disk full (a.tar): " in failure.message
        and "are free; downloaded data is kept" in failure.message
    )
    part = tmp_path / ".net.fetch" / "downloads" / "a.tar.part"
    have = part.stat().st_size
    assert 0 < have < len(server.files["a.tar"]) and part.read_bytes() == server.files["a.tar"][:have]
    assert get(wanted, tmp_path) == [] and server.ranges[-1] == f"bytes={have}-"


@pytest.mark.parametrize("mode", ["error", "torn", "kill", "torn_kill"])
def test_a_fault_at_any_change_on_disk_is_repaired_by_the_next_run(server: Server, tmp_path: Path, mode: str) -> None:
    """Publish by rename, and downloads: after any write, fsync, rename that fails, nothing wrong is in place."""
    server.files["a.zip"] = zipped({"x": CONTENT, "y": b"1"})
    wanted = asset(server, "a.zip")
    for at in range(1, 60):
        folder = tmp_path / str(at)
        with faults.inject(at=at, mode=mode) as injected, contextlib.suppress(faults.Killed):
            get(wanted, folder)
        if not injected.fired:
            break
        if asset_store.is_verified(wanted, folder / "net"):
            assert (folder / "net" / "x").read_bytes() == CONTENT
        assert get(wanted, folder) == []
        assert (folder / "net" / "x").read_bytes() == CONTENT and (folder / "net" / "y").read_bytes() == b"1"
        assert not (folder / ".net.fetch").exists()
    assert at > 10


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_part_that_continues(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Downloads are resumed by a new process; nothing wrong takes a final name."""
    with serving() as server:
        server.files["w.bin"] = DATA * 4
        catalogue = tmp_path / "mine.json"
        entry = asset(server, "w.bin", "slow", role="model", steps=[], result=["w.bin"])
        catalogue.write_text(json.dumps({"assets": [entry.model_dump(mode="json")]}))
        argv = [sys.executable, "-m", "gazenet.cli.download_manager", "--catalogue", str(catalogue), "--models", "net"]
        environment = {**os.environ, "GAZENET_ASSETS": str(tmp_path / "assets"), "GASP_CWD": ""}
        part = tmp_path / "assets" / ".net.fetch" / "downloads" / "w.bin.part"
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and (not part.exists() or part.stat().st_size == 0):
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate(timeout=90)
        assert process.returncode == code
        assert said.count("\n") <= 1, said
        have = part.stat().st_size
        assert 0 < have < len(DATA) * 4 and not (tmp_path / "assets" / "net").exists()
        server.release.set()
        assert subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
        assert (tmp_path / "assets" / "net" / "w.bin").read_bytes() == DATA * 4
        assert server.ranges == ["", f"bytes={have}-"]


def test_credentials_in_addresses_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gazenet.cli.download_manager import main

    monkeypatch.setenv("GAZENET_ASSETS", str(tmp_path / "assets"))
    with serving() as server:
        item = asset(server, "gone.bin", "absent", role="model", steps=[], result=["gone.bin"]).model_dump(mode="json")
        item["files"][0]["sources"][0]["url"] += "?token=s3cr3t"
        catalogue = tmp_path / "mine.json"
        catalogue.write_text(json.dumps({"assets": [item]}))
        assert main(["--catalogue", str(catalogue), "--models", "net"]) == 1
    shown = "".join(capsys.readouterr())
    assert "gone.bin" in shown and "***" in shown and "s3cr3t" not in shown
