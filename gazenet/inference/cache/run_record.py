"""``run.json`` of one input: what was done, with what, and how it ended. Written last."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from gazenet.files import sha256_file, write_json
from gazenet.inference.cache.earlier_results import NAME, as_kept
from gazenet.inference.cache.fingerprint import asset_hashes, digest, in_precision
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.version import __version__

PACKAGES = ("gazenet", "torch", "numpy", "onnxruntime", "ai-edge-litert", "av", "opencv-python-headless")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    packages = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not installed"
    return packages


def run_fingerprint(graph: StageGraph, source_id: str, outputs: list[str]) -> str:
    """Hash of everything that the outputs of one input depend on; ``outputs``: names and settings of its sinks."""
    spec = graph.integrator.spec.result_facts() if graph.integrator is not None else None
    cues = {cue.name: cue.fingerprint for cue in graph.cues}
    values = [__version__, source_id, cues, graph.faces_fingerprint, spec, integrator_hash(graph), sorted(outputs)]
    fingerprint = digest(values)
    return fingerprint if graph.config.integrator is None else in_precision(fingerprint, graph.config.integrator)


def integrator_hash(graph: StageGraph) -> str | None:
    """SHA-256 of the integrator's weights, or over those of several files; None without any."""
    if graph.integrator is None or graph.config.integrator is None:
        return None
    hashes = [sha256_file(path) for path in graph.integrator.files if path.is_file()]
    return hashes[0] if len(hashes) == 1 else digest(hashes) if hashes else None


def weight_hashes(graph: StageGraph) -> dict[str, str | None]:
    """SHA-256 of every weight file from the catalogue that the run uses, and of the integrator's."""
    ids = [*graph.face_assets, *(asset for cue in graph.cues for asset in cue.assets)]
    hashes: dict[str, str | None] = dict(asset_hashes(tuple(sorted(set(ids)))))
    return hashes if graph.integrator is None else {**hashes, "integrator": integrator_hash(graph)}


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write the record atomically, without credentials."""
    write_json(folder / NAME, as_kept(record))
