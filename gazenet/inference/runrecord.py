"""``run.json``: what was done, with what, and how it ended; written last, it marks an input as finished."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from gazenet.files import write_json
from gazenet.inference.fingerprint import digest
from gazenet.inference.graph import Graph

NAME = "run.json"
PACKAGES = ("gazenet", "torch", "numpy", "onnxruntime", "av", "opencv-python-headless")


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
    integrator = None
    if graph.integrator is not None:
        from gazenet.files import sha256_file

        spec = graph.integrator.spec
        integrator = [spec.model_dump(), sha256_file(spec.weights) if Path(spec.weights).is_file() else ""]
    cues = {cue.name: cue.fingerprint for cue in graph.cues}
    named = graph.config.integrator.name if graph.config.integrator else None
    return digest([source_id, cues, graph.faces_fingerprint, integrator, named, sorted(outputs)])


def finished(folder: Path, fingerprint: str, files: list[str]) -> dict[str, Any] | None:
    """The record of a finished input, if its results are those of this fingerprint and all still there."""
    try:
        record: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if record.get("fingerprint") != fingerprint or not all((folder / name).exists() for name in files):
        return None
    return record


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Writes the record atomically."""
    write_json(folder / NAME, record)
