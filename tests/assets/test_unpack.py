"""Archives are unpacked whole or refused: nothing leaves the folder, no links, bounded bytes and members."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import sys
import tarfile
import types
import zipfile
from pathlib import Path
from typing import Any

import faults
import pytest

from gazenet.assets import disk_space
from gazenet.assets.disk_space import DiskFull
from gazenet.assets.unpack import ArchiveLimits, MemberSelection, unpack
from gazenet.errors import GazenetError

LIMITS = ArchiveLimits(1_000_000, 100)
Files = list[tuple[str, bytes]]


def tar(path: Path, files: Files, *special: tarfile.TarInfo) -> Path:
    with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in special:
            archive.addfile(info)
    return path


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def make(path: Path, files: Files) -> Path:
    return zipped(path, files) if path.suffix == ".zip" else tar(path, files)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ending", ["zip", "gz", "xz", "bz2"])
def test_whole_and_selected(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}", [("root/keep/x", b"1"), ("root/keep/deep/y", b"22"), ("root/other", b"3")])
    unpack(path, tmp_path / "all", MemberSelection(), LIMITS)
    assert contents(tmp_path / "all") == {"root/keep/x": b"1", "root/keep/deep/y": b"22", "root/other": b"3"}
    unpack(path, tmp_path / "some", MemberSelection("root/keep", 2), LIMITS)
    assert contents(tmp_path / "some") == {"x": b"1", "deep/y": b"22"}


@pytest.mark.parametrize("ending", ["zip", "gz"])
@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/tmp/escaped", "a\\..\\..\\escaped", "C:/escaped"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, ending: str, name: str) -> None:
    path = make(tmp_path / f"a.{ending}", [("fine", b"1"), (name, b"evil")])
    with pytest.raises(GazenetError, match=r"a\.\w+: member .* leads out of its folder"):
        unpack(path, tmp_path / "inner" / "out", MemberSelection(), LIMITS)
    assert contents(tmp_path / "inner") == {"out/fine": b"1"}
    assert not Path("/tmp/escaped").exists()


@pytest.mark.parametrize(
    "member",
    [
        special("x", tarfile.SYMTYPE, "/etc/passwd"),
        special("x", tarfile.SYMTYPE, "fine"),
        special("x", tarfile.LNKTYPE, "../../etc/passwd"),
        special("x", tarfile.FIFOTYPE),
        special("x", tarfile.CHRTYPE),
    ],
    ids=["link out", "link in", "hard link", "pipe", "device"],
)
def test_links_and_devices_of_tar_are_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = tar(tmp_path / "a.gz", [("fine", b"1")], member)
    with pytest.raises(GazenetError, match="member 'x' is a link or device"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)
    assert contents(tmp_path / "out") == {"fine": b"1"}


def test_link_of_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("x")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(GazenetError, match="member 'x' is a link or device"):
        unpack(tmp_path / "a.zip", tmp_path / "out", MemberSelection(), LIMITS)
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("ending", ["zip", "gz"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}", [("x", b"1"), ("x", b"2")])
    with pytest.raises(GazenetError, match="member 'x' exists twice"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)
    path = make(tmp_path / f"b.{ending}", [("y", b"1"), ("y/z", b"2")])
    with pytest.raises(GazenetError, match="both a file and a folder"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)


@pytest.mark.promise("downloads are verified")
@pytest.mark.parametrize("ending", ["zip", "gz"])
def test_bombs_are_refused(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}", [("big", bytes(2_000_000))])
    assert path.stat().st_size < 10_000
    with pytest.raises(GazenetError, match="2000000 bytes unpacked, the limit is 1000000"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)
    path = make(tmp_path / f"b.{ending}", [(f"f{k}", b"") for k in range(101)])
    with pytest.raises(GazenetError, match="more than 100 members"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)
    assert "big" not in contents(tmp_path / "out")


def test_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", [("big", bytes(2_000_000))])
    data = path.read_bytes().replace((2_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(GazenetError, match=r"a\.zip: "):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)
    assert sum(map(len, contents(tmp_path / "out").values())) <= LIMITS.total_bytes


def test_room_is_looked_for_before_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", [("x", bytes(5000))])
    monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=4000))
    with pytest.raises(GazenetError, match=r"disk full \(a\.zip, unpacked\): 5000 more bytes .*, 4000 are free"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)


@pytest.mark.parametrize("ending", ["zip", "gz", "xz"])
@pytest.mark.parametrize("keep", [0, 20, -40])
def test_damage_is_told(tmp_path: Path, ending: str, keep: int) -> None:
    noise = bytes((k * k * 7919 >> 3) % 256 for k in range(50_000))
    path = make(tmp_path / f"a.{ending}", [("x", noise)])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(GazenetError, match=rf"a\.{ending}: (damaged archive|is not a tar, zip or 7z archive)"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)


@pytest.mark.parametrize("ending", ["tar", "gz"])
def test_a_tar_that_ends_between_two_members_is_damaged(tmp_path: Path, ending: str) -> None:
    """The end of a tar is written in it; Python's reader takes any end of the file for it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for name in ("x", "y"):
            info = tarfile.TarInfo(name)
            info.size = 512
            archive.addfile(info, io.BytesIO(bytes(512)))
    cut = buffer.getvalue()[:1024]
    (tmp_path / f"a.{ending}").write_bytes(gzip.compress(cut) if ending == "gz" else cut)
    with pytest.raises(GazenetError, match=r"damaged archive: it ends early"):
        unpack(tmp_path / f"a.{ending}", tmp_path / "out", MemberSelection(), LIMITS)


@pytest.mark.parametrize("ending", ["zip", "gz"])
def test_a_disk_that_becomes_full_is_told_with_what_is_needed(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}", [("x", bytes(3000)), ("y", bytes(5000))])
    with (
        faults.inject(at=2, mode="torn"),
        pytest.raises(DiskFull, match=r": y\): 5000 more bytes are needed, \d+ are free"),
    ):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)


def seven(tmp_path: Path, names: list[str]) -> Path:
    """A 7z archive of small files, where py7zr is installed."""
    py7zr: Any = pytest.importorskip("py7zr")
    path = tmp_path / "a.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(b"content", name)
    return path


def test_7z(tmp_path: Path) -> None:
    unpack(seven(tmp_path, ["v/x", "v/deep/y"]), tmp_path / "out", MemberSelection(), LIMITS)
    assert contents(tmp_path / "out") == {"v/x": b"content", "v/deep/y": b"content"}


@pytest.mark.parametrize("keep", [30, -10])
def test_damaged_7z(tmp_path: Path, keep: int) -> None:
    path = seven(tmp_path, ["x"])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(GazenetError, match=r"a\.7z: damaged archive"):
        unpack(path, tmp_path / "out", MemberSelection(), LIMITS)


class FakeSeven:
    """Stands in for py7zr: members as told, unpacked as told."""

    members: list[tuple[str, int, str]] = []
    written: dict[str, bytes] = {}

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path

    def __enter__(self) -> FakeSeven:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def list(self) -> list[Any]:
        return [
            types.SimpleNamespace(
                filename=name, uncompressed=size, is_file=kind == "file", is_directory=kind == "folder"
            )
            for name, size, kind in self.members
        ]

    def extractall(self, folder: Path) -> None:
        for name, data in self.written.items():
            (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("members", "written", "said"),
    [
        ([("../x", 1, "file")], {}, "leads out of its folder"),
        ([("x", 1, "link")], {}, "is a link or device"),
        ([("x", 1, "file"), ("x", 1, "file")], {}, "exists twice"),
        ([("x", 10**9, "file")], {}, "the limit is 1000000"),
        ([("x", 1, "file")] * 101, {}, "more than 100 members"),
        ([("x", 3, "file")], {"x": b"longer"}, "does not have the declared 3 bytes"),
        ([("x", 3, "file")], {}, "does not have the declared 3 bytes"),
    ],
)
def test_hostile_7z(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: list[tuple[str, int, str]],
    written: dict[str, bytes],
    said: str,
) -> None:
    errors = types.SimpleNamespace(ArchiveError=ZeroDivisionError)
    fake = types.SimpleNamespace(SevenZipFile=FakeSeven, exceptions=errors)
    monkeypatch.setitem(sys.modules, "py7zr", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(FakeSeven, "members", members)
    monkeypatch.setattr(FakeSeven, "written", written)
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c rest")
    with pytest.raises(GazenetError, match=said):
        unpack(tmp_path / "a.7z", tmp_path / "out", MemberSelection(), LIMITS)


def test_7z_without_its_library_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py7zr", None)
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c rest")
    with pytest.raises(GazenetError, match=r"a\.7z: 7z archives need py7zr: pip install 'gazenet\[sevenzip\]'"):
        unpack(tmp_path / "a.7z", tmp_path / "out", MemberSelection(), LIMITS)
    shutil.rmtree(tmp_path / "out")
