"""Unpacking of 7z archives with py7zr (the extra ``sevenzip``), after a check of all names and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gazenet.assets.disk_space import translate_full_disk
from gazenet.errors import GazenetError


class MemberCheck(Protocol):
    """Checks of the members of an archive that is unpacked into ``folder``; they raise GazenetError."""

    folder: Path

    def check_totals(self, total: int, members: int) -> None:
        """Check the declared number of unpacked bytes and of members."""
        ...

    def target_of(self, name: str, kind: str) -> str | None:
        """Check a member and return its place below the folder; None for one that is not selected."""
        ...

    def refusal(self, why: str) -> GazenetError:
        """Return the error that names the archive."""
        ...


def unpack_7z(archive: Path, check: MemberCheck) -> None:
    """Unpack a whole 7z archive into the folder of ``check``. Raises GazenetError."""
    try:
        import py7zr  # type: ignore[import-not-found]
    except ImportError:
        remedy = "7z archives need py7zr: pip install 'gazenet[sevenzip]', then run again"
        raise GazenetError(f"{archive.name}: {remedy}") from None
    try:
        with py7zr.SevenZipFile(archive, "r") as opened:
            members = opened.list()
            check.check_totals(sum(member.uncompressed for member in members if member.is_file), len(members))
            for member in members:
                kind = "file" if member.is_file else "folder" if member.is_directory else "link or device"
                if check.target_of(member.filename, kind) != member.filename.rstrip("/"):
                    raise check.refusal(
                        "7z archives are unpacked as a whole: remove 'only' and 'strip' from the catalogue"
                    )
            with translate_full_disk(check.folder, None, archive.name):
                opened.extractall(check.folder)
    except (py7zr.exceptions.ArchiveError, EOFError, ValueError) as error:
        raise check.refusal(f"damaged archive: {str(error) or type(error).__name__}") from None
    _verify_files(check, members={member.filename: member.uncompressed for member in members if member.is_file})


def _verify_files(check: MemberCheck, members: dict[str, int]) -> None:
    """Check that every unpacked member is a plain file of the declared size."""
    for name, size in members.items():
        path = check.folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
            raise check.refusal(f"member {name!r} does not have the declared {size} bytes")
