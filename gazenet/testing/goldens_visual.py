"""Goldens of the networks that see pictures only: UNISAL with its encoder, TASED-Net, ViNet; and of AViNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gazenet.backbones.mobilenet_v2 import MobileNetV2
from gazenet.cues.registry import import_object
from gazenet.testing.goldens import Golden, difference, prepare
from gazenet.testing.taps import Taps, only_known

DESCRIBED = ("network", "upstream_checkpoint")
"""Members of a config that say what the golden is, not how the network is built or run."""


def mobilenet(golden: Golden) -> float:
    """The encoder of UNISAL by itself."""
    config = only_known(golden, ("net", "last_channel"))
    network: Any = prepare(MobileNetV2(config["last_channel"]), golden)
    return difference(golden, network(*golden.inputs().values())._asdict())


def unisal(golden: Golden) -> float:
    """UNISAL on a clip in one piece, or in two with the state handed over."""
    config = only_known(golden, (*DESCRIBED, "source", "target_size", "static", "two_part"))
    network: Any = prepare(import_object("gazenet_plugins.unisal.network:Unisal")(), golden)
    network.use(config["source"])
    taps = Taps(network, {"features": "post_cnn", "decoder": "post_upsampling_2"})
    clip, state = golden.inputs()["x"], None
    pieces: list[dict[str, Tensor]] = []
    for part in clip.chunk(2, 1) if config["two_part"] else (clip,):
        found, state = network(part, tuple(config["target_size"]), config["static"], state)
        inner = {name: value.unflatten(0, part.shape[:2]) for name, value in taps.values.items()}
        pieces.append({"log_saliency": found, **inner})
    whole = {name: torch.cat([piece[name] for piece in pieces], 1) for name in pieces[0]}
    height, width = (side // 32 for side in clip.shape[-2:])
    return difference(golden, {**whole, "hidden": state, "gaussians": network.priors(height, width)})


def tased(golden: Golden) -> float:
    """TASED-Net and what its un-pooling layers give."""
    only_known(golden, DESCRIBED)
    return _tapped(golden, import_object("gazenet_plugins.tased.network:TasedNet")())


def vinet(golden: Golden) -> float:
    """ViNet for clips of a length, with the levels of its encoder that it uses."""
    config = only_known(golden, (*DESCRIBED, "num_clips", "num_hier"))
    network = import_object("gazenet_plugins.vinet.network:ViNet")(config["num_clips"], config["num_hier"])
    return _tapped(golden, network)


def _tapped(golden: Golden, network: Any) -> float:
    """The map, and inner values under the names that the network's module says."""
    places: Mapping[str, str] = network.places
    prepare(network, golden)
    taps = Taps(network, {name: places[name] for name in golden.meta["outputs"] if name != "saliency"})
    saliency = network(*golden.inputs().values())
    return difference(golden, {**taps.values, "saliency": saliency})
