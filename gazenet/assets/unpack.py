"""Unpacking of whole archives into a private folder, without paths out of it, links or devices, and within limits.

Bad names are refused rather than repaired: an archive that tries to leave its folder is not the published one.
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
    """An archive is damaged, hostile or beyond the limits, so it is not the published one; retrying does not help."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Limits of an archive: unpacked bytes and number of members."""

    total_bytes: int
    members: int


@dataclass(frozen=True)
class MemberSelection:
    """A selection of members: those below ``only``, with ``strip`` leading parts of their names removed."""

    only: str | None = None
    strip: int = 0

    def target(self, name: str) -> str | None:
        """Return the place of a member relative to the target folder; None for one that is not selected."""
        path = PurePosixPath(name)
        if self.only is not None and not path.is_relative_to(self.only):
            return None
        parts = path.parts[self.strip :]
        return "/".join(parts) or None


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    kind: str  # "file", "folder" or "link or device"
    handle: Any


def unpack(archive: Path, folder: Path, selection: MemberSelection, limits: ArchiveLimits) -> None:
    """Unpack a tar (any compression), zip or 7z archive into ``folder``, which is created.

    Raises UnusableArchive, naming archive and member, for anything hostile, damaged or beyond the limits, DiskFull and
    other GazenetErrors for what this machine lacks. Members written before the error stay in ``folder``, which must
    therefore be private.
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
            writer.check_totals(sum(info.file_size for info in opened.infolist()), len(opened.infolist()))
            for member in _zip_members(opened):
                writer.take(member, lambda handle: opened.open(handle))
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive, "r:*") as opened_tar:
            for member in _tar_members(opened_tar):
                writer.take(member, lambda handle: opened_tar.extractfile(handle))
            _check_end(opened_tar)
    elif _is_7z(archive):
        _unpack_7z(archive, writer)
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
    """Raise ReadError where a tar was truncated between two members: tarfile takes that for its end."""
    assert opened.fileobj is not None  # it is open
    opened.fileobj.seek(opened.offset)
    if len(opened.fileobj.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends early")


class _Writer:
    """A writer of members below a folder that checks names and counts bytes."""

    def __init__(self, archive: str, folder: Path, selection: MemberSelection, limits: ArchiveLimits) -> None:
        self.archive, self.folder, self.limits = archive, folder, limits
        self._selection = selection
        self._bytes, self._members = 0, 0
        self._names: set[str] = set()

    def check_totals(self, total: int, members: int) -> None:
        """Check the declared number of unpacked bytes and of members, and the free space. Raises GazenetError."""
        self._check_limits(total, members)
        reserve(self.folder, total, f"{self.archive}, unpacked")

    def _check_limits(self, total: int, members: int) -> None:
        if total > self.limits.total_bytes:
            raise self.refusal(f"{total} bytes unpacked, the limit is {self.limits.total_bytes}")
        if members > self.limits.members:
            raise self.refusal(f"more than {self.limits.members} members")

    def take(self, member: _Member, opener: Any) -> None:
        """Write one member, if it is selected."""
        self._members += 1
        self._check_limits(self._bytes + (member.size if member.kind == "file" else 0), self._members)
        name = self.target_of(member.name, member.kind)
        if name is None:
            return
        path = self.folder / name
        if member.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with opener(member.handle) as content, path.open("xb", buffering=0) as file:
            self._copy(content, file, member)

    def target_of(self, name: str, kind: str) -> str | None:
        """Return the place of a member; None for one that is not selected. Raises GazenetError for a hostile one."""
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
                raise self.refusal(f"member {name!r} exists twice")
            self._names.add(target)
        return target

    def refusal(self, why: str) -> UnusableArchive:
        """Return the error that names this archive."""
        return UnusableArchive(f"{self.archive}: {why}")

    def _copy(self, content: IO[bytes], file: IO[bytes], member: _Member) -> None:
        written = 0
        while block := content.read(_BLOCK):
            written += len(block)
            if self._bytes + written > self.limits.total_bytes:  # the declared size may be wrong
                raise self.refusal(f"more than {self.limits.total_bytes} bytes unpacked")
            with translate_full_disk(
                self.folder, member.size - written + len(block), f"{self.archive}: {member.name}"
            ):
                write_all(file.fileno(), block)
        if written != member.size:
            raise self.refusal(f"member {member.name!r} has {written} bytes instead of {member.size}")
        self._bytes += written


def _unpack_7z(archive: Path, writer: _Writer) -> None:
    """Unpack a whole 7z archive with py7zr (the extra ``sevenzip``), after a check of all names and sizes."""
    try:
        import py7zr  # type: ignore[import-not-found]
    except ImportError:
        remedy = "7z archives need py7zr: pip install 'gazenet[sevenzip]', then run again"
        raise GazenetError(f"{archive.name}: {remedy}") from None
    try:
        with py7zr.SevenZipFile(archive, "r") as opened:
            members = opened.list()
            writer.check_totals(sum(member.uncompressed for member in members if member.is_file), len(members))
            for member in members:
                kind = "file" if member.is_file else "folder" if member.is_directory else "link or device"
                if writer.target_of(member.filename, kind) != member.filename.rstrip("/"):
                    raise writer.refusal(
                        "7z archives are unpacked as a whole: remove 'only' and 'strip' from the catalogue"
                    )
            with translate_full_disk(writer.folder, None, archive.name):
                opened.extractall(writer.folder)
    except (py7zr.exceptions.ArchiveError, EOFError, ValueError) as error:
        raise writer.refusal(f"damaged archive: {str(error) or type(error).__name__}") from None
    _verify_files(writer, members={member.filename: member.uncompressed for member in members if member.is_file})


def _verify_files(writer: _Writer, members: dict[str, int]) -> None:
    """Check that every unpacked member is a plain file of the declared size."""
    for name, size in members.items():
        path = writer.folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
            raise writer.refusal(f"member {name!r} does not have the declared {size} bytes")
