"""Unpack whole archives into a private folder: no path leads out of it, no links, no devices, bounded in all ways.

Names are refused rather than repaired: an archive that tries to leave its folder is not the published one.
"""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from gazenet.assets.disk_space import reserve, translate_full_disk
from gazenet.errors import GazenetError
from gazenet.files import write_all

_BLOCK = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


class UnusableArchive(GazenetError):
    """An archive is damaged, hostile or beyond the limits: it is not the published one, however often it is tried."""


@dataclass(frozen=True)
class ArchiveLimits:
    """The most that an archive may hold: bytes unpacked, members."""

    total_bytes: int
    members: int


@dataclass(frozen=True)
class MemberSelection:
    """Members to take (those below ``only``) and how many leading parts of their names to drop."""

    only: str | None = None
    strip: int = 0

    def target(self, name: str) -> str | None:
        """Where a member goes, relative to the target folder; None for one that is not taken."""
        path = PurePosixPath(name)
        if self.only is not None and not path.is_relative_to(self.only):
            return None
        parts = path.parts[self.strip :]
        return "/".join(parts) or None


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    kind: str  # "file", "folder", or what else it is, in words
    handle: Any


def unpack(archive: Path, folder: Path, selection: MemberSelection, limits: ArchiveLimits) -> None:
    """Unpack a tar (any compression), zip or 7z archive into ``folder``, which is made.

    Raises Unusable naming the archive and the member for anything hostile, damaged or beyond the limits, NoRoom and
    other GazenetErrors for what this machine lacks; what was written until then stays in ``folder``, which must
    therefore be a private one.
    """
    try:
        _unpack(archive, folder, selection, limits)
    except _DAMAGE as error:
        raise UnusableArchive(f"{archive.name}: damaged archive: {str(error) or type(error).__name__}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UnusableArchive(f"{archive.name}: {error.filename}: is both a file and a folder") from None


def _unpack(archive: Path, folder: Path, selection: MemberSelection, limits: ArchiveLimits) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    writer = _Writer(archive.name, folder, selection, limits)
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            writer.announce(sum(info.file_size for info in opened.infolist()), len(opened.infolist()))
            for member in _zip_members(opened):
                writer.take(member, lambda handle: opened.open(handle))
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive, "r:*") as opened_tar:
            for member in _tar_members(opened_tar):
                writer.take(member, lambda handle: opened_tar.extractfile(handle))
            _check_end(opened_tar)
    elif _is_7z(archive):
        from gazenet.assets.sevenzip import unpack_7z

        unpack_7z(archive, writer)
    else:
        raise UnusableArchive(f"{archive.name}: is not a tar, zip or 7z archive")


def _is_7z(archive: Path) -> bool:
    with archive.open("rb") as file:
        return file.read(6) == b"7z\xbc\xaf\x27\x1c"


def _zip_members(opened: zipfile.ZipFile) -> Iterator[_Member]:
    for info in opened.infolist():
        mode = info.external_attr >> 16
        kind = "folder" if info.is_dir() else "file"
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "link or device"
        yield _Member(info.filename, info.file_size, kind, info)


def _tar_members(opened: tarfile.TarFile) -> Iterator[_Member]:
    for info in opened:
        kind = "file" if info.isreg() else "folder" if info.isdir() else "link or device"
        yield _Member(info.name, info.size, kind, info)


def _check_end(opened: tarfile.TarFile) -> None:
    """Raises ReadError where a tar was cut between two members: tarfile takes that for its end."""
    assert opened.fileobj is not None  # it is open
    opened.fileobj.seek(opened.offset)
    if len(opened.fileobj.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends early")


class _Writer:
    """Writes members below a folder and keeps count."""

    def __init__(self, archive: str, folder: Path, selection: MemberSelection, limits: ArchiveLimits) -> None:
        self.archive, self.folder, self.limits = archive, folder, limits
        self._selection = selection
        self._bytes, self._members = 0, 0
        self._names: set[str] = set()

    def announce(self, total: int, members: int) -> None:
        """Check what an archive says of itself. Raises GazenetError."""
        self._within(total, members)
        reserve(self.folder, total, f"{self.archive}, unpacked")

    def _within(self, total: int, members: int) -> None:
        if total > self.limits.total_bytes:
            raise self.refusal(f"{total} bytes unpacked, the limit is {self.limits.total_bytes}")
        if members > self.limits.members:
            raise self.refusal(f"more than {self.limits.members} members")

    def take(self, member: _Member, opener: Any) -> None:
        """Write one member, if it is selected."""
        self._members += 1
        self._within(self._bytes + (member.size if member.kind == "file" else 0), self._members)
        name = self.checked(member.name, member.kind)
        if name is None:
            return
        path = self.folder / name
        if member.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with opener(member.handle) as content, path.open("xb", buffering=0) as file:
            self._copy(content, file, member)

    def checked(self, name: str, kind: str) -> str | None:
        """Where a member goes; None for one that is not selected. Raises GazenetError for a hostile one."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or any(letter in name for letter in "\\\0") or name[1:2] == ":":
            raise self.refusal(f"member {name!r} leads out of its folder")
        target = self._selection.target(name)
        if target is None:
            return None
        if kind not in ("file", "folder"):
            raise self.refusal(f"member {name!r} is a {kind}")
        if kind == "file":
            if target in self._names:
                raise self.refusal(f"member {name!r} is there twice")
            self._names.add(target)
        return target

    def refusal(self, why: str) -> UnusableArchive:
        """The error that names this archive."""
        return UnusableArchive(f"{self.archive}: {why}")

    def _copy(self, content: IO[bytes], file: IO[bytes], member: _Member) -> None:
        written = 0
        while block := content.read(_BLOCK):
            written += len(block)
            if self._bytes + written > self.limits.total_bytes:  # The declared size may lie.
                raise self.refusal(f"more than {self.limits.total_bytes} bytes unpacked")
            with translate_full_disk(
                self.folder, member.size - written + len(block), f"{self.archive}: {member.name}"
            ):
                write_all(file.fileno(), block)
        if written != member.size:
            raise self.refusal(f"member {member.name!r} has {written} bytes instead of {member.size}")
        self._bytes += written
