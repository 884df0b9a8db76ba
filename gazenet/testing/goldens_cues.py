"""Goldens of the picture backbones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from gazenet.backbones.alexnet import AlexNet
from gazenet.backbones.resnet2d import FORMS, ResNet, TwoLayerResNet, resnet
from gazenet.testing.goldens import Golden, difference, prepare

GAZE_OUTPUTS = 3
"""The published two-layer networks give three numbers where they stand alone."""


def options(golden: Golden, *known: str) -> Mapping[str, Any]:
    """The golden's config, if it names nothing beside ``known``. Raises ValueError for an option we do not know."""
    config = golden.meta["config"]
    unknown = sorted(config.keys() - {*known, "net", "op", "versions", "output_scale", "rtol"})
    if unknown:
        raise ValueError(f"unknown options: {', '.join(unknown)}")
    return config  # type: ignore[no-any-return]


def single(golden: Golden) -> Tensor:
    """The only input."""
    (value,) = golden.inputs().values()
    return value


def alexnet(golden: Golden) -> float:
    """Map and logits of AlexNet."""
    options(golden)
    network = prepare(AlexNet(), golden)
    assert isinstance(network, AlexNet)
    features = network.features(single(golden))
    return difference(golden, {"features": features, "logits": network.classify(features)})


def residual(golden: Golden) -> float:
    """A residual network of a published name."""
    config = options(golden, "output_stride", "classes", "in_channels")
    arguments = {key: config[key] for key in ("output_stride", "classes", "in_channels") if key in config}
    return _staged(golden, resnet(config["net"], **arguments))


def residual_two_layers(golden: Golden) -> float:
    """A residual network with ``fc1`` and ``fc2`` at its end."""
    config = options(golden)
    counts, form = FORMS[config["net"].removesuffix("_fc1_fc2")]
    return _staged(golden, TwoLayerResNet(counts, form, GAZE_OUTPUTS))


def _staged(golden: Golden, network: ResNet) -> float:
    prepare(network, golden)
    stages: Sequence[Tensor] = network.stages(single(golden))
    outputs = {f"layer{k}": value for k, value in enumerate(stages, 1)}
    return difference(golden, {**outputs, "logits": network.classify(stages[-1])})
