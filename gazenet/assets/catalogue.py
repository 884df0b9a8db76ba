"""The catalogue of weights and data: address, size, hash and licence of every file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from gazenet.assets.catalogue_entry import Asset, Role
from gazenet.config.load import read_file, suggest, validate
from gazenet.config.model import ConfigModel
from gazenet.config.strict_json import parse
from gazenet.errors import UsageError

ANY_DEPTH = "<...>"
_LISTED = 12
"""Names that an error lists; of more it names the groups only."""


class CatalogueFile(ConfigModel):
    """A catalogue file; its name (without .json) selects all its assets on the command line."""

    summary: str = ""
    assets: tuple[Annotated[Asset, Field(discriminator="kind")], ...]

    @model_validator(mode="after")
    def _distinct(self) -> CatalogueFile:
        names = [name.lower() for asset in self.assets for name in (asset.id, *asset.aliases)]
        if len(set(names)) != len(names):
            raise ValueError("two assets have the same id (or alias)")
        return self


class Catalogue:
    """All assets by id, and their groups (catalogue files). Names are not case-sensitive."""

    def __init__(self, files: dict[str, CatalogueFile]) -> None:
        self.groups = {name: [asset.id for asset in file.assets] for name, file in files.items()}
        self._assets: dict[str, Asset] = {}
        self._names: dict[str, str] = {}
        for name, file in files.items():
            for asset in file.assets:
                self._add(name, asset)

    def _add(self, group: str, asset: Asset) -> None:
        for name in (asset.id, *asset.aliases):
            if name.lower() in self._names:
                raise UsageError(f"catalogue {group}: asset {name} is already in another catalogue file")
            self._names[name.lower()] = asset.id
        self._assets[asset.id] = asset

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._assets.values())

    def get(self, asset_id: str) -> Asset:
        """Return the asset of an id or alias. Raises UsageError naming the nearest one."""
        name = self._names.get(asset_id.lower())
        if name is None:
            raise UsageError(f"asset {asset_id}: not in the catalogue{suggest(asset_id.lower(), self._names)}")
        return self._assets[name]

    def select(self, names: Sequence[str], role: Role) -> list[Asset]:
        """Return the assets of a role that ``names`` match, each once and in order.

        Args:
            names: ids, aliases, group names, or ids with ``<...>`` for any number of path parts.
            role: "model" or "dataset".

        Raises UsageError for a name without a match.
        """
        selection: dict[str, Asset] = {}
        candidates = {asset.id: asset for asset in self if asset.role == role}
        for name in names:
            matches = [key for key in self._matches(name) if key in candidates]
            if not matches:
                raise UsageError(f"--{role}s {name}: unknown{self._hint(name, candidates, role)}")
            selection.update((key, candidates[key]) for key in matches)
        return list(selection.values())

    def _hint(self, name: str, candidates: Mapping[str, Asset], role: Role) -> str:
        if not candidates:
            return f": the catalogue holds no {role}s"
        groups = [group for group, ids in self.groups.items() if any(key in candidates for key in ids)]
        words = [*groups, *(alias for asset in candidates.values() for alias in (asset.id, *asset.aliases))]
        listed = len(words) <= _LISTED
        names = ", ".join(words) if listed else f"{', '.join(groups)} and {len(candidates)} ids (--list)"
        return f"{suggest(name, words)}; known: {names}"

    def _matches(self, name: str) -> list[str]:
        if name in self.groups:
            return self.groups[name]
        pattern = re.compile(".*".join(re.escape(part) for part in name.lower().split(ANY_DEPTH)))
        return list(dict.fromkeys(asset for key, asset in self._names.items() if pattern.fullmatch(key)))


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Load the installed catalogue, or the one in ``path``. Raises UsageError for a broken file."""
    if path is not None:
        return Catalogue({path.stem: validate(CatalogueFile, read_file(path), str(path))})
    files = {}
    for item in sorted(resources.files("gazenet_configs").joinpath("assets").iterdir(), key=lambda item: item.name):
        if item.name.endswith(".json"):
            files[item.name[:-5]] = _parse_installed(item.name, item.read_text(encoding="utf-8"))
    return Catalogue(files)


def _parse_installed(name: str, text: str) -> CatalogueFile:
    data: dict[str, Any] = parse(text, f"catalogue {name}")
    data.pop("$schema", None)
    return validate(CatalogueFile, data, f"catalogue {name}")
