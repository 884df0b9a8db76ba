"""Small networks of every shape and cue maps for them."""

from __future__ import annotations

import numpy as np
import torch

from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.fusion.gasp_spec import GaspSpec

CUES = ("first", "second", "third")
SIZE = (12, 16)


def small(**changes: object) -> GaspConfig:
    """A network of three scalar cues that runs in a millisecond."""
    fields = {"modalities": 3, "in_channels": 1, "latent": 4, "encoder": "Light", **changes}
    return GaspConfig(**fields)  # type: ignore[arg-type]


def integrator(config: GaspConfig, smoothing: int = 0, sharpness: float = 1.0) -> GaspIntegrator:
    torch.manual_seed(0)
    network = build(config).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.normal_(std=0.5)
            if name.endswith("sequence_norm.weight"):
                value.abs_()
    spec = GaspSpec(
        name="small",
        cues=CUES[: config.modalities],
        rendering="scalar" if config.in_channels == 1 else "published",
        input_size=SIZE,
        output="density" if config.head == "density" else "sigmoid",
        smoothing=smoothing,
        sharpness=sharpness,
    )
    return GaspIntegrator(network, spec, torch.device("cpu"), {})


def cue_maps(frames: int, seed: int = 0, size: tuple[int, int] = (24, 32)) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {cue: rng.integers(0, 256, (frames, *size), dtype=np.uint8) for cue in CUES}
