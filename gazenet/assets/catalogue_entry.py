"""Models of catalogue entries: sources of files, sizes and hashes, steps after the download, licences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gazenet.assets.post_fetch_steps import ExtractStep, Pattern, Step
from gazenet.config.model import ConfigModel

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, lower-case hex.")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*$", description="Name on the command line.")]
Address = Annotated[str, Field(pattern=r"^(https?|file)://\S+$")]
PackageName = Annotated[str, Field(pattern=r"^(@[a-z0-9._-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*$")]
Version = Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.+-]*$")]
Role = Literal["model", "dataset"]
_BRANCH = re.compile(r"/(?:raw|archive|blob|resolve)/(?:refs/heads/)?(?:master|main|HEAD)\b")


class PackageMember(ConfigModel):
    """A file inside a published package, read through the client of its registry and never installed."""

    registry: Literal["pypi", "npm"]
    package: PackageName
    version: Version
    member: str = Field(min_length=1, description="Path inside the archive.")
    nested_member: str | None = Field(None, description="Path inside the member, itself a zip archive.")

    @property
    def archive(self) -> tuple[str, str, str]:
        """(registry, package, version): assets with the same archive share one download."""
        return self.registry, self.package, self.version


class _Asset(ConfigModel):
    """Keys of every asset."""

    id: Identifier
    role: Role = "model"
    aliases: tuple[Identifier, ...] = Field((), description="Further names on the command line.")
    licence: str = Field(min_length=1, description="Licence of the files, as far as known.")
    source: str = Field(min_length=1, description="Project, authors, paper.")
    notes: str = Field("", description="Training data, limits.")

    @field_validator("id")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        if ".." in value.split("/") or "//" in value or value.endswith("/"):
            raise ValueError("an id is a plain name, with single '/' between its parts")
        return value

    @property
    def file_name(self) -> str:
        """The path of the asset, relative to the asset folder."""
        return self.id

    @property
    def known_size(self) -> int | None:
        """Bytes to be fetched; None where the size of a file is not known."""
        return None

    @property
    def trust(self) -> str:
        """The way in which files are verified: ``hash``, or a weaker one."""
        return "hash"

    @property
    def size_text(self) -> str:
        """The size in megabytes, as text."""
        return "size not published" if self.known_size is None else f"{self.known_size / 1e6:.1f} MB"


class RegistryPackage(_Asset, PackageMember):
    """An asset that is one file inside a published package."""

    kind: Literal["registry_package"]
    size: int = Field(gt=0, description="Bytes of the file.")
    sha256: Sha256

    @property
    def file_name(self) -> str:
        """The id with the ending of the file in the package."""
        return self.id + PurePosixPath(self.nested_member or self.member).suffix

    @property
    def known_size(self) -> int | None:
        """Bytes to be fetched."""
        return self.size


class HttpSource(ConfigModel):
    """An address that serves the file."""

    kind: Literal["http"]
    url: Address

    @property
    def plain(self) -> bool:
        """True if the transfer is unprotected (plain http)."""
        return self.url.startswith("http://")

    @property
    def moving(self) -> bool:
        """True if the address serves the newest state of a branch, whose content may change."""
        return _BRANCH.search(self.url) is not None


class DriveSource(ConfigModel):
    """A file on Google Drive, by its id; the confirmation page of large files is handled."""

    kind: Literal["google_drive"]
    file_id: str = Field(pattern=r"^[A-Za-z0-9_-]{10,80}$")


class PackageSource(PackageMember):
    """A file inside a published package."""

    kind: Literal["package"]


class ManualSource(ConfigModel):
    """A page that only a person in a browser can download from."""

    kind: Literal["manual"]
    url: Address
    note: str = Field("", description="What to do there: passwords, which file to choose.")


Source = Annotated[HttpSource | DriveSource | PackageSource | ManualSource, Field(discriminator="kind")]


class PublishedFile(ConfigModel):
    """A file to be fetched; its sources are tried in order."""

    save_as: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", description="Plain file name.")
    sources: tuple[Source, ...] = Field(min_length=1)
    size: int | None = Field(None, gt=0, description="Bytes; null where they are not published.")
    sha256: Sha256 | None = Field(
        None, description="Null where it is not published: recorded with the first download."
    )

    @property
    def manual(self) -> ManualSource | None:
        """The first source that needs a person, or None."""
        return next((source for source in self.sources if isinstance(source, ManualSource)), None)


class PublishedAsset(_Asset):
    """An asset of several files, kept in a folder named after the id."""

    kind: Literal["published"]
    files: tuple[PublishedFile, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field((), description="Steps after the download, in order, before any file is in place.")
    result: tuple[Pattern, ...] = Field(min_length=1, description="Files that must exist afterwards.")
    citation: str = ""
    format: str = Field("", description="Format and layout of the files.")
    reader: str = Field("", description="The data set reader that opens the folder.")

    @model_validator(mode="after")
    def _consistent(self) -> PublishedAsset:
        names = [file.save_as for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("two files have the same save_as")
        for name in self.archives:
            if not any(character in name for character in "*?/") and name not in names:
                raise ValueError(f"step extract: {name} is not among the files ({', '.join(names)})")
        return self

    @property
    def archives(self) -> Sequence[str]:
        """Names and patterns of the archives to extract."""
        return [step.archive for step in self.steps if isinstance(step, ExtractStep)]

    @property
    def install_dir(self) -> str:
        """The folder in the published layout, relative to a working directory."""
        return f"{'datasets' if self.role == 'dataset' else 'gazenet/models'}/{self.id}"

    @property
    def trust(self) -> str:
        """``hash``, or ``first use`` with the weaknesses of the sources of files without a hash."""
        unknown = [file for file in self.files if file.sha256 is None]
        if not unknown:
            return "hash"
        sources = [source for file in unknown for source in file.sources if isinstance(source, HttpSource)]
        words = ["first use"]
        words += ["plain http"] if any(source.plain for source in sources) else []
        words += ["moving branch"] if any(source.moving for source in sources) else []
        return ", ".join(words)

    @property
    def known_size(self) -> int | None:
        """Bytes to be fetched; None where the size of a file is not known."""
        sizes = [file.size for file in self.files]
        return sum(size for size in sizes if size) if all(sizes) else None


class UnpublishedAsset(_Asset):
    """An asset that is named in publications but not available; ``notes`` name an alternative."""

    kind: Literal["unpublished"]

    @property
    def trust(self) -> str:
        """A dash: there is nothing to verify."""
        return "-"


Asset = RegistryPackage | PublishedAsset | UnpublishedAsset
