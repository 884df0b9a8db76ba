"""The backends and precisions of a config, put between extractors or integrators and their networks.

Maps made by different libraries in single precision differ by rounding, as those of two devices do: they are one entry
of the cache. Half precision and bfloat16 are others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from gazenet.config.inference import InferConfig
from gazenet.config.runtime import RuntimeConfig
from gazenet.inference.cache.fingerprint import digest


def adoption(
    settings: RuntimeConfig, config: InferConfig, name: str, cache_facts: Mapping[str, object]
) -> Callable[[object], None] | None:
    """Has what is loaded call its network through its backend; None where that is torch, in single precision.

    ``cache_facts``: everything beside the weights that determines the network. Calling it raises UsageError as
    :func:`gazenet.export.backend.attach_backend` does.
    """
    if settings.backend == "torch" and settings.precision == "fp32":
        return None
    from gazenet.export.backend import BackendOwner, attach_backend

    owner, cache, device = (
        BackendOwner(name, cache_facts),
        Path(config.resolved_cache_dir),
        torch.device(config.device),
    )
    return lambda subject: attach_backend(owner, subject, settings, cache, device)


def in_precision(fingerprint: str, settings: RuntimeConfig) -> str:
    """The fingerprint of what a network in the precision of its config gives."""
    return fingerprint if settings.precision == "fp32" else digest([fingerprint, settings.precision])
