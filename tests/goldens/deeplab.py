"""Goldens of the DeepLab saliency model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gazenet.testing.goldens import Golden
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency
from tests.goldens.hooks import NetworkCase, run

INSIDE = {name: name for name in ("aspp", "conv1", "conv2", "conv3")} | {"features": "backbone"}


def network(golden: Golden) -> float:
    """The map, its logits, and what every part of the network gives out."""
    config = golden.options("size", "rates", "upsample", "align_corners", "reconstructed")
    sizes = [list(value.shape[2:]) for value in golden.inputs().values()]
    if sizes != [config["size"]] or config["reconstructed"] is not True:
        raise ValueError(f"pictures of {sizes}, the config says {config['size']}")
    built = DeepLabSaliency(config["rates"], config["upsample"], config["align_corners"])

    def call(inputs: Sequence[Tensor]) -> Mapping[str, Tensor]:
        logits = built.logits(*inputs)
        return {"logits": logits, "map": torch.sigmoid(logits)}

    return run(golden, NetworkCase(built, call, INSIDE))
