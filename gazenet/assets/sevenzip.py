"""7z archives, through py7zr (the extra ``sevenzip``): names and sizes are checked before anything is unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gazenet.assets.disk_space import naming_full_disk
from gazenet.errors import GazenetError


class MemberCheck(Protocol):
    """What checks members; it raises GazenetError."""

    folder: Path

    def announce(self, total: int, members: int) -> None: ...
    def checked(self, name: str, kind: str) -> str | None: ...
    def refusal(self, why: str) -> GazenetError: ...


def unpack_7z(archive: Path, gate: MemberCheck) -> None:
    """Unpack a whole 7z archive into the gate's folder. Raises GazenetError."""
    try:
        import py7zr  # type: ignore[import-not-found]
    except ImportError:
        remedy = "7z archives need py7zr: pip install 'gazenet[sevenzip]', then run again"
        raise GazenetError(f"{archive.name}: {remedy}") from None
    try:
        with py7zr.SevenZipFile(archive, "r") as opened:
            members = opened.list()
            gate.announce(sum(member.uncompressed for member in members if member.is_file), len(members))
            for member in members:
                kind = "file" if member.is_file else "folder" if member.is_directory else "link or device"
                if gate.checked(member.filename, kind) != member.filename.rstrip("/"):
                    raise gate.refusal("7z archives are unpacked whole: leave 'only' and 'strip' out of the catalogue")
            with naming_full_disk(gate.folder, None, archive.name):
                opened.extractall(gate.folder)
    except (py7zr.exceptions.ArchiveError, EOFError, ValueError) as error:
        raise gate.refusal(f"damaged archive: {str(error) or type(error).__name__}") from None
    _only_plain(gate, members={member.filename: member.uncompressed for member in members if member.is_file})


def _only_plain(gate: MemberCheck, members: dict[str, int]) -> None:
    """What was unpacked is what was announced: plain files of the sizes told."""
    for name, size in members.items():
        path = gate.folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
            raise gate.refusal(f"member {name!r} is not the {size} bytes that were announced")
