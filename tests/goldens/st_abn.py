"""Goldens of ST-ABN and of the plain 3D ResNet."""

from __future__ import annotations

import re

from gazenet.backbones.resnet3d import ResNet3d
from gazenet.testing.goldens import Golden, difference, prepare
from gazenet_plugins.st_abn.network import STABN
from tests.goldens.hooks import ModuleTaps

PLACES = {"spatial_logits": "conv_spatial_att.1", "temporal_logits": "conv_temp_att3.2"}
"""Outputs that are not those of a module of the same name."""

OUTPUTS = ("out_per", "out_att", "spatial_att", "temporal_att")

NAME = re.compile(r"(abn_)?resnet(\d+)(?:_v2)?")
"""A published model name; version 2 of ST-ABN is the same network."""


def attention_branch(golden: Golden) -> float:
    """ST-ABN of any depth."""
    config = golden.options("sample_duration", "num_classes", "sample_size")
    network = STABN(_depth(config["model"]), config["sample_duration"], config["num_classes"])
    prepare(network, golden)
    (clip,) = golden.inputs().values()
    if config.get("sample_size", clip.shape[-1]) != clip.shape[-1]:
        raise ValueError(f"sample_size {config['sample_size']}, the clip is {list(clip.shape)}")
    taps = ModuleTaps(
        network, {name: PLACES.get(name, name) for name in golden.meta["outputs"] if name not in OUTPUTS}
    )
    output = network(clip)
    return difference(golden, {**taps.values, **dict(zip(OUTPUTS, output, strict=True))})


def residual(golden: Golden) -> float:
    """The plain 3D ResNet of any depth: logits and the maps of its stages."""
    config = golden.options("sample_duration", "num_classes", "sample_size")
    clip_size = (config["sample_duration"], config["sample_size"])
    network = ResNet3d(_depth(config["model"]), classes=config["num_classes"], clip=clip_size, dropout=0.5)
    prepare(network, golden)
    taps = ModuleTaps(network, {name: name for name in golden.meta["outputs"] if name != "logits"})
    logits = network(*golden.inputs().values())
    return difference(golden, {**taps.values, "logits": logits})


def _depth(name: str) -> int:
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"unknown model {name!r}")
    return int(match[2])
