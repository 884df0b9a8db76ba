"""Goldens of STSANet: its map and values inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gazenet.testing.goldens import Golden, difference, prepare
from tests.goldens.hooks import ModuleTaps
from tests.goldens.stsanet_ports import ported

PLACES = {
    "logits": ">readout_2.5",
    "unpool_0_0": ">ln_0_0",
    "unpool_0_1": ">ln_0_1",
}
"""Outputs that are not those of a module of the same name."""


def network(golden: Golden) -> float:
    """The whole network at the golden's size, with the un-pooling that it names."""
    config = golden.options("input_size", "frames", "layernorm_spatial", "unpool")
    built = ported(*_arguments(config))
    prepare(built, golden)
    taps = ModuleTaps(built, {name: PLACES.get(name, name) for name in golden.meta["outputs"] if name != "map"})
    saliency = built(*golden.inputs().values())
    return difference(golden, {**taps.values, "map": saliency})


def _arguments(config: Mapping[str, Any]) -> tuple[tuple[int, int], str]:
    """What the network is built with. Raises ValueError where the config contradicts itself or the network."""
    height, width = config["input_size"]
    if list(config.get("layernorm_spatial", [height // 4, width // 4])) != [height // 4, width // 4]:
        raise ValueError(f"layernorm_spatial {config['layernorm_spatial']} for frames of {height}x{width}")
    if config.get("frames", 32) != 32:
        raise ValueError(f"clips of {config['frames']} frames: the network takes 32")
    return (height, width), config.get("unpool", "exact")
