"""Hashes of everything a result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.assets.asset_store import asset_digest
from gazenet.config.inference import FacesConfig, InferConfig
from gazenet.config.runtime import RuntimeConfig
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.registry import PluginEntry
from gazenet.errors import UsageError
from gazenet.files import sha256_file

_DESCRIPTIVE = {"summary", "licence", "paper", "bibtex", "checkpoints", "assets_replaced_by", "pictures"}


def digest(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def in_precision(fingerprint: str, settings: RuntimeConfig) -> str:
    """The fingerprint of what a network computes in the precision of its config.

    Results of different backends in single precision differ by rounding only, as those of two devices do, and share
    a fingerprint; half precision and bfloat16 have their own.
    """
    return fingerprint if settings.precision == "fp32" else digest([fingerprint, settings.precision])


def package_weights(implementation: str) -> list[str]:
    """Hashes of the weight files inside the package of an implementation."""
    import importlib.util

    spec = importlib.util.find_spec(implementation.partition(":")[0])
    if spec is None or spec.origin is None:
        return []
    return [sha256_file(path) for path in sorted(Path(spec.origin).parent.glob("*.safetensors"))]


def asset_hashes(ids: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 per asset. Raises UsageError naming the command that fetches what is missing."""
    return {asset: asset_digest(asset) for asset in ids}


def checkpoint_hashes(path: str) -> list[str]:
    """Hashes of a checkpoint file, or of the files in a folder; none for an empty path.

    Raises UsageError where it cannot be read.
    """
    if not path:
        return []
    checkpoint = Path(path).expanduser()
    try:
        files = sorted(filter(Path.is_file, checkpoint.iterdir())) if checkpoint.is_dir() else [checkpoint]
        return [sha256_file(file) for file in files]
    except OSError as error:
        raise UsageError(f"checkpoint {path}: cannot be read ({error.strerror})") from None


def faces_fingerprint(config: FacesConfig, models: Sequence[FaceModelSpec], max_side: int, chunk: int) -> str:
    """Hash of what detections depend on; ``models``: the detector and, where it is used, the landmark network."""
    weights = {f"{model.name} {model.version}": asset_hashes(model.assets) for model in models}
    return digest([config.model_dump(exclude={"landmarks"}), weights, max_side, chunk])


def extractor_fingerprint(
    entry: PluginEntry[ExtractorSpec],
    parameters: Mapping[str, object],
    stride: int,
    config: InferConfig,
    upstream: Mapping[str, str],
) -> str:
    """Hash of what an extractor's maps depend on; ``upstream``: fingerprints of the faces and maps that it takes."""
    # Without defaults: a field that the contract gains later does not invalidate maps from before it.
    spec = entry.spec.model_dump(exclude=_DESCRIPTIVE, exclude_defaults=True)
    needs = {name: upstream[name] for name in entry.spec.needs.maps}
    if entry.spec.needs.faces or entry.spec.needs.face_crops:
        needs["faces"] = upstream["faces"]
    files = [hashes for name in entry.spec.checkpoints if (hashes := checkpoint_hashes(str(parameters[name])))]
    values = {"spec": spec, "parameters": dict(parameters), "stride": stride, "needs": needs, "files": files}
    size = [config.map_size, config.max_side, config.chunk]
    assets = asset_hashes(entry.spec.assets_with(parameters))
    return digest([values, size, assets, package_weights(entry.spec.implementation)])
