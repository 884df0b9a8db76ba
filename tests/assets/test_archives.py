"""One member is read, whatever else an archive holds; limits and damage are errors in words."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from gazenet.assets import archives
from gazenet.assets.archives import read_member
from gazenet.errors import GazenetError


def make_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def make_tar(path: Path, files: dict[str, bytes], link: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return path


def test_member_of_zip_of_tar_and_of_zip_in_zip(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(make_zip({"p/in.task": make_zip({"net": b"inner"}), "../escape": b"x"}))
    assert read_member(wheel, "p/in.task", "net") == b"inner"
    tar = make_tar(tmp_path / "a.tgz", {"../../escape": b"x", "package/w.bin": b"weights"})
    assert read_member(tar, "package/w.bin") == b"weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "a.whl"]


def test_absent_member_is_named(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(make_zip({"x": b"1"}))
    with pytest.raises(GazenetError, match=r"a\.whl: .*no item named 'y'"):
        read_member(wheel, "y")
    with pytest.raises(GazenetError, match="no file y in it"):
        read_member(make_tar(tmp_path / "a.tgz", {"x": b"1"}), "y")


def test_link_is_not_followed(tmp_path: Path) -> None:
    with pytest.raises(GazenetError, match="no file passwd in it"):
        read_member(make_tar(tmp_path / "a.tgz", {}, link="passwd"), "passwd")


@pytest.mark.parametrize("kind", ["whl", "tgz"])
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    files = {"big": b"0" * 5000, "x": b"1", "y": b"1"}
    path.write_bytes(make_zip(files)) if kind == "whl" else make_tar(path, files)
    monkeypatch.setattr(archives, "MAX_BYTES", 4999)
    with pytest.raises(GazenetError, match="more than the limit of 4999"):
        read_member(path, "big")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(GazenetError, match="more than 2 files"):
        read_member(path, "y")


@pytest.mark.parametrize("kind", ["whl", "tgz"])
@pytest.mark.parametrize("keep", [0, 10, 60, -30])
def test_damage_is_an_error_and_never_wrong_bytes(tmp_path: Path, kind: str, keep: int) -> None:
    path = tmp_path / f"a.{kind}"
    files = {"x": bytes(range(256)) * 40}
    path.write_bytes(make_zip(files)) if kind == "whl" else make_tar(path, files)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(GazenetError, match="damaged archive"):
        read_member(path, "x")
