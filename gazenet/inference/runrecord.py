"""``run.json``: what was done, with what, and how it ended; written last, it marks an input as finished."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from gazenet import __version__
from gazenet.files import sha256_file, write_json
from gazenet.inference.elsewhere import in_precision
from gazenet.inference.fingerprint import asset_hashes, digest
from gazenet.inference.graph import Graph

NAME = "run.json"
PACKAGES = ("gazenet", "torch", "numpy", "onnxruntime", "ai-edge-litert", "av", "opencv-python-headless")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def run_fingerprint(graph: Graph, source_id: str, outputs: list[str]) -> str:
    """What the files of one input depend on."""
    spec = graph.integrator.spec.model_dump(exclude={"weights"}) if graph.integrator is not None else None
    cues = {cue.name: cue.fingerprint for cue in graph.cues}
    values = [__version__, source_id, cues, graph.faces_fingerprint, spec, integrator_hash(graph), sorted(outputs)]
    fingerprint = digest(values)
    return fingerprint if graph.config.integrator is None else in_precision(fingerprint, graph.config.integrator)


def integrator_hash(graph: Graph) -> str | None:
    """SHA-256 of the integrator's weights; None without an integrator."""
    if graph.integrator is None or graph.config.integrator is None:
        return None
    path = graph.integrator.file
    return sha256_file(path) if path is not None and path.is_file() else None


def weight_hashes(graph: Graph) -> dict[str, str | None]:
    """SHA-256 of every weight file from the catalogue that took part, and of the integrator's."""
    ids = [*graph.face_assets, *(asset for cue in graph.cues for asset in cue.assets)]
    found: dict[str, str | None] = dict(asset_hashes(tuple(sorted(set(ids)))))
    return found if graph.integrator is None else {**found, "integrator": integrator_hash(graph)}


def as_text(path: str | Path) -> str:
    """A path as JSON can hold it: as it is, bytes that are no UTF-8 escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def finished(folder: Path, fingerprint: str, files: list[str]) -> dict[str, Any] | None:
    """The record of a finished input, if its results are those of this fingerprint and all still there.

    An input with a skipped cue does not count: what failed may work now, and the other cues are cached.
    """
    try:
        record: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        fits = record["fingerprint"] == fingerprint and not record["counts"]["skipped_cues"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if fits and all((folder / name).exists() for name in files) else None


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Writes the record atomically."""
    write_json(folder / NAME, record)
