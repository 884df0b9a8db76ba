"""Made-up plugins: an entry for a class at hand, and distributions that need no installer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry
from gazenet.files import write_text


class HasSpec(Protocol):
    """A class that carries its spec."""

    spec: ExtractorSpec


def entry_of(extractor: type[HasSpec]) -> PluginEntry:
    """An entry as the registry would find it, for a class that no distribution declares."""
    return PluginEntry(extractor.spec.name, extractor.spec, "made up 0", lambda: extractor)


def write_distribution(
    folder: Path,
    name: str,
    entry_points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
    version: str = "1.0",
) -> Path:
    """Write a distribution into ``folder``, which counts as installed once it is on ``sys.path``.

    Args:
        folder: made when it is not there; several distributions may share it.
        name: of the distribution.
        entry_points: group -> entry point name -> ``"module:attribute"``.
        modules: module name -> source text, for modules that the entry points lead to.
        version: of the distribution.

    Returns:
        ``folder``.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    write_text(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items()), ""]
    write_text(info / "entry_points.txt", "\n".join(lines))
    for module, source in (modules or {}).items():
        write_text(folder / f"{module}.py", source)
    return folder
