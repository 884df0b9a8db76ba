"""Steps between download and installation, run inside a private folder: extract, move, rename, delete, convert."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gazenet.assets.unpack import ArchiveLimits, MemberSelection, UnusableArchive, unpack
from gazenet.config.model import ConfigModel
from gazenet.errors import GazenetError

TIMEOUT_SECONDS = 3600


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts or "\\" in value or "\0" in value:
        raise ValueError("must be a path below the asset's folder, with '/' between its parts and without '..'")
    return value


Inside = Annotated[str, AfterValidator(_inside)]
Pattern = Annotated[str, AfterValidator(_inside), Field(description="Path or pattern with * and ?, one level each.")]


class ExtractStep(ConfigModel):
    """Unpack an archive (tar, zip, 7z): a fetched file by name, or extracted files by a pattern."""

    step: Literal["extract"]
    archive: Pattern
    into: Inside = Field(".", description="Folder; {stem} stands for the archive's name without its ending.")
    only: Inside | None = Field(None, description="Take only files below this folder of the archive.")
    strip: int = Field(0, ge=0, description="Leading parts of every name to drop.")
    limit_gb: float = Field(8, gt=0, description="Largest unpacked size in gigabytes.")
    limit_files: int = Field(10_000, gt=0, description="Largest number of members.")


class MoveStep(ConfigModel):
    """Move the files of a pattern into a folder, which is created."""

    step: Literal["move"]
    what: Pattern
    into: Inside


class RenameStep(ConfigModel):
    """Replace the first occurrence of a text in the names of the files of a pattern."""

    step: Literal["rename"]
    what: Pattern
    old: str = Field(min_length=1)
    new: Inside


class DeleteStep(ConfigModel):
    """Delete the files of a pattern."""

    step: Literal["delete"]
    what: Pattern


class ConvertStep(ConfigModel):
    """Convert media files with ffmpeg; the originals are kept."""

    step: Literal["convert"]
    what: Pattern
    into: Inside
    ending: Literal[".mp4", ".wav"]
    optional: bool = Field(False, description="Skip the step, with a message, where ffmpeg is missing.")


Step = Annotated[ExtractStep | MoveStep | RenameStep | DeleteStep | ConvertStep, Field(discriminator="step")]
Say = Callable[[str], None]


def run_steps(steps: Sequence[Step], downloads: Path, tree: Path, say: Say) -> None:
    """Run steps in ``tree``; fetched archives are in ``downloads``. Raises GazenetError and OSError."""
    for step in steps:
        if isinstance(step, ExtractStep):
            _extract(step, downloads, tree)
        elif isinstance(step, MoveStep):
            _move(_glob(tree, step.what), tree / step.into)
        elif isinstance(step, RenameStep):
            _rename(_glob(tree, step.what), step)
        elif isinstance(step, DeleteStep):
            _delete(_glob(tree, step.what))
        else:
            _convert(_glob(tree, step.what), tree / step.into, step, say)


def _glob(tree: Path, pattern: str) -> list[Path]:
    paths = sorted(tree.glob(pattern))
    if not paths:
        raise UnusableArchive(f"no fetched file matches {pattern}: the publication has changed")
    return paths


def _extract(step: ExtractStep, downloads: Path, tree: Path) -> None:
    fetched = downloads / step.archive
    limits = ArchiveLimits(round(step.limit_gb * 1e9), step.limit_files)
    for archive in [fetched] if fetched.is_file() else _glob(tree, step.archive):
        base = tree if fetched.is_file() else archive.parent
        stem = archive.name.partition(".")[0] if archive.name.endswith((".tar.gz", ".tar.xz")) else archive.stem
        unpack(archive, base / step.into.replace("{stem}", stem), MemberSelection(step.only, step.strip), limits)


def _move(paths: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if path == folder or folder.is_relative_to(path):
            continue
        target = folder / path.name
        if target.exists():
            raise UnusableArchive(f"{path.name}: exists twice: the publication has changed")
        path.rename(target)


def _rename(paths: Sequence[Path], step: RenameStep) -> None:
    for path in paths:
        if path.name.startswith(step.new) and step.new.startswith(step.old):
            continue  # a newer archive may have the right name already
        path.rename(path.with_name(path.name.replace(step.old, step.new, 1)))


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _convert(paths: Sequence[Path], folder: Path, step: ConvertStep, say: Say) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        if not step.optional:
            raise GazenetError("ffmpeg is missing: install it (apt-get install ffmpeg) and run again to continue")
        say(f"skipped: {folder.name}/*{step.ending} (needs ffmpeg; not read by this project)")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = folder / (path.stem + step.ending)
        command = [program, "-nostdin", "-loglevel", "error", "-y", "-i", f"file:{path}", f"file:{target}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise GazenetError(f"{path.name}: ffmpeg did not finish within {TIMEOUT_SECONDS} s") from None
        if done.returncode != 0:
            reason = " ".join(done.stderr.split())[-200:] or f"exit code {done.returncode}"
            raise GazenetError(f"{path.name}: cannot convert to {step.ending}: {reason}")
