"""Files appear whole or not at all, whichever operation fails."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import faults
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazenet import files


def _replace_file(path: Path) -> None:
    with files.atomic_write(path) as file:
        file.write(b"new ")
        file.write(b"content")


def test_natural_order_counts_as_people_do() -> None:
    names = ["10.png", "2.png", "1.png", "01.png", "b2/9", "b10/1", "b2/10", "a", "frame_2b", "frame_10a", "\udcff3"]
    ordered = ["01.png", "1.png", "2.png", "10.png", "a", "b2/9", "b2/10", "b10/1", "frame_2b", "frame_10a", "\udcff3"]
    assert sorted(names, key=files.natural_order) == ordered
    assert sorted(map(Path, reversed(names)), key=files.natural_order) == [Path(name) for name in ordered]


def _operations(folder: Path) -> int:
    with faults.inject() as counted:
        _replace_file(folder / "counted")
    assert counted.seen == ["write", "write", "fsync", "replace", "fsync"]
    return len(counted.seen)


@pytest.mark.promise("publish by rename")
@pytest.mark.parametrize("mode", faults.MODES)
def test_old_or_new_content_whichever_operation_fails(tmp_path: Path, mode: str) -> None:
    for k in range(1, _operations(tmp_path) + 1):
        path = tmp_path / f"{k}.txt"
        path.write_bytes(b"old")
        with faults.inject(k, mode) as injected, pytest.raises((OSError, faults.Killed)):
            _replace_file(path)
        assert injected.fired
        # Only a failure after the rename, at the sync of the folder, leaves the new content.
        assert path.read_bytes() == (b"new content" if k == 5 else b"old")
        _replace_file(path)
        assert path.read_bytes() == b"new content"


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="encoder"), files.atomic_write(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise RuntimeError("encoder")
    for k in (1, 3, 4):
        with faults.inject(k, "torn"), pytest.raises(OSError, match="space"):
            _replace_file(tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_atomic_path_hands_over_a_name_for_encoders(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "video.mp4"
    with files.atomic_path(target) as temporary:
        assert temporary.parent == target.parent and temporary.suffix == ".mp4" and not target.exists()
        temporary.write_bytes(b"film")
    assert target.read_bytes() == b"film" and list(target.parent.iterdir()) == [target]
    with pytest.raises(ValueError, match="stop"), files.atomic_path(target, ".mkv") as temporary:
        assert temporary.suffix == ".mkv"
        temporary.write_bytes(b"half a film")
        raise ValueError("stop")
    assert target.read_bytes() == b"film" and list(target.parent.iterdir()) == [target]


def test_atomic_path_reports_an_encoder_that_wrote_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), files.atomic_path(tmp_path / "video.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 255, "ж" * 127, "会" * 85, "a b'\n$(x)", "-rf", "a." + "y" * 200])
def test_every_name_that_the_file_system_allows(tmp_path: Path, name: str) -> None:
    files.write_bytes(tmp_path / name, b"1")
    with files.atomic_path(tmp_path / name) as temporary:
        temporary.write_bytes(b"22")
    assert (tmp_path / name).read_bytes() == b"22"


def test_the_yielded_file_serves_libraries(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    with files.atomic_write(tmp_path / "a.npy") as file:
        np.save(file, array)
    assert np.array_equal(np.load(tmp_path / "a.npy"), array)
    with files.atomic_write(tmp_path / "a.zip") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert zipfile.ZipFile(tmp_path / "a.zip").read("hello.txt") == b"hello"
    with files.atomic_write(tmp_path / "a.txt") as file:
        text = io.TextIOWrapper(file, "utf-8")
        text.write("gr\u00fcn")
        text.flush()
        text.detach()
    assert (tmp_path / "a.txt").read_text("utf-8") == "grün"


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=5000), st.integers(1, 700))
def test_writes_that_the_system_splits_are_completed(data: bytes, most: int) -> None:
    read, write = os.pipe()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "_os_write", lambda fd, part: os.write(fd, part[:most]))
            files.write_all(write, data)
        os.close(write)
        write = -1
        assert b"".join(iter(lambda: os.read(read, 4096), b"")) == data
    finally:
        for descriptor in (read, write):
            if descriptor >= 0:
                os.close(descriptor)


def test_a_disk_that_takes_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "_os_write", lambda fd, part: 0)
    with pytest.raises(OSError, match="nothing could be written"):
        files.write_bytes(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_synced_do_not_stop_a_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "folders are not synced here")
        real(descriptor)

    monkeypatch.setattr(files, "_os_fsync", refuse_folders)
    files.write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_json_has_no_nan_and_keeps_text(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"name": "Jürgen", "x": 0.1})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == {"name": "Jürgen", "x": 0.1} and "Jürgen" in text and text.endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "b.json", {"x": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_hash_of_a_file(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(data)
    assert files.sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "a", b"x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
