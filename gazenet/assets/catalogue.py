"""The catalogue of weights and data: where each file comes from, how large it is, its hash and its licence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from gazenet.config.base import Settings
from gazenet.config.load import read_file, suggest, validate
from gazenet.config.strict_json import parse
from gazenet.errors import UsageError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, lower-case hex.")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_./-]*$", description="What the command line takes.")]
ANY_DEPTH = "<...>"


class _Asset(Settings):
    """What every asset states, wherever it comes from."""

    id: Identifier
    role: Literal["model", "dataset"] = "model"
    size: int = Field(gt=0, description="Bytes of the file as it is kept.")
    sha256: Sha256
    licence: str = Field(min_length=1, description="Licence of the file itself.")
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
        """Where the file is kept, relative to the asset folder."""
        return self.id + PurePosixPath(self._origin()).suffix

    def _origin(self) -> str:
        raise NotImplementedError


class RegistryPackage(_Asset):
    """A file inside a published package, read through the registry's ordinary client and never installed."""

    kind: Literal["registry_package"]
    registry: Literal["pypi", "npm"]
    package: str = Field(pattern=r"^(@[a-z0-9._-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+-]*$")
    member: str = Field(min_length=1, description="Path inside the archive.")
    nested_member: str | None = Field(None, description="Path inside the member, itself a zip archive.")

    @property
    def archive(self) -> tuple[str, str, str]:
        """(registry, package, version): assets with the same archive share one download."""
        return self.registry, self.package, self.version

    def _origin(self) -> str:
        return self.nested_member or self.member


class UrlAsset(_Asset):
    """A file at an address; mirrors are tried in order when it does not answer."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^(https?|file)://")
    mirrors: tuple[str, ...] = ()

    def _origin(self) -> str:
        return self.url.partition("?")[0].rpartition("/")[2]


Asset = RegistryPackage | UrlAsset


class CatalogueFile(Settings):
    """One catalogue file; its name (without .json) selects all its assets on the command line."""

    summary: str = ""
    assets: tuple[Annotated[Asset, Field(discriminator="kind")], ...]

    @model_validator(mode="after")
    def _distinct(self) -> CatalogueFile:
        ids = [asset.id for asset in self.assets]
        if len(set(ids)) != len(ids):
            raise ValueError("two assets have the same id")
        return self


class Catalogue:
    """All known assets by id, and the groups (catalogue files) they come in."""

    def __init__(self, files: dict[str, CatalogueFile]) -> None:
        self.groups = {name: [asset.id for asset in file.assets] for name, file in files.items()}
        self._assets: dict[str, Asset] = {}
        for name, file in files.items():
            for asset in file.assets:
                if asset.id in self._assets:
                    raise UsageError(f"catalogue {name}: asset {asset.id} is already in another catalogue file")
                self._assets[asset.id] = asset

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._assets.values())

    def get(self, asset_id: str) -> Asset:
        """The asset of an id. Raises UsageError naming the nearest one."""
        if asset_id not in self._assets:
            raise UsageError(f"asset {asset_id}: not in the catalogue{suggest(asset_id, self._assets)}")
        return self._assets[asset_id]

    def select(self, names: Sequence[str], role: Literal["model", "dataset"]) -> list[Asset]:
        """The assets of a role that ``names`` mean: ids, group names, or ids with ``<...>`` for any depth below.

        Each once, in order. Raises UsageError for a name that means nothing.
        """
        chosen: dict[str, Asset] = {}
        offered = {asset.id: asset for asset in self if asset.role == role}
        for name in names:
            found = [key for key in self._matches(name) if key in offered]
            if not found:
                words = [*self.groups, *offered]
                listed = f"; known: {', '.join(words)}" if offered else f": the catalogue holds no {role}s"
                raise UsageError(f"--{role}s {name}: unknown{suggest(name, words)}{listed}")
            chosen.update((key, offered[key]) for key in found)
        return list(chosen.values())

    def _matches(self, name: str) -> list[str]:
        if name in self.groups:
            return self.groups[name]
        pattern = re.compile(".*".join(re.escape(part) for part in name.split(ANY_DEPTH)))
        return [key for key in self._assets if pattern.fullmatch(key)]


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The installed catalogue, or the one in ``path``. Raises UsageError for a broken file."""
    if path is not None:
        return Catalogue({path.stem: validate(CatalogueFile, read_file(path), str(path))})
    files = {}
    for item in sorted(resources.files("gazenet_configs").joinpath("assets").iterdir(), key=lambda item: item.name):
        if item.name.endswith(".json"):
            files[item.name[:-5]] = _installed(item.name, item.read_text(encoding="utf-8"))
    return Catalogue(files)


def _installed(name: str, text: str) -> CatalogueFile:
    data: dict[str, Any] = parse(text, f"catalogue {name}")
    data.pop("$schema", None)
    return validate(CatalogueFile, data, f"catalogue {name}")
