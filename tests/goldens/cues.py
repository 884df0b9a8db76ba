"""Goldens of the picture backbones, and what all goldens of cues share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gazenet.backbones.resnet2d import FORMS, ResNet, TwoLayerResNet, resnet
from gazenet.cues.faces.face_crops import Image, PixelBox, cut
from gazenet.testing.goldens import Golden, GoldenSkipped, difference, prepare
from gazenet_plugins.esr9.extractor import network_crop
from gazenet_plugins.gaze360 import crops as gaze360
from gazenet_plugins.videogaze import people
from tests.goldens.whole_alexnet import AlexNet

GAZE_OUTPUTS = 3
"""The published two-layer networks give three numbers where they stand alone."""


def single(golden: Golden) -> Tensor:
    """The only input."""
    (value,) = golden.inputs().values()
    return value


def real_file(golden: Golden, name: str) -> Path:
    """A file of the real data sets: below GAZENET_TEST_DATA or beside the golden's collection. Raises Skipped."""
    folders = [Path(os.environ.get("GAZENET_TEST_DATA") or "."), golden.path.resolve().parents[2]]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise GoldenSkipped(f"{name} is not below GAZENET_TEST_DATA")


def alexnet(golden: Golden) -> float:
    """Map and logits of AlexNet."""
    golden.options()
    network = prepare(AlexNet(), golden)
    assert isinstance(network, AlexNet)
    features = network.features(single(golden))
    return difference(golden, {"features": features, "logits": network.classify(features)})


def residual(golden: Golden) -> float:
    """A residual network of a published name."""
    config = golden.options("output_stride", "classes", "in_channels")
    arguments = {key: config[key] for key in ("output_stride", "classes", "in_channels") if key in config}
    return _staged(golden, resnet(config["net"], **arguments))


def residual_two_layers(golden: Golden) -> float:
    """A residual network with ``fc1`` and ``fc2`` at its end."""
    config = golden.options()
    counts, form = FORMS[config["net"].removesuffix("_fc1_fc2")]
    return _staged(golden, TwoLayerResNet(counts, form, GAZE_OUTPUTS))


def _staged(golden: Golden, network: ResNet) -> float:
    prepare(network, golden)
    stages: Sequence[Tensor] = network.stages(single(golden))
    outputs = {f"layer{k}": value for k, value in enumerate(stages, 1)}
    return difference(golden, {**outputs, "logits": network.classify(stages[-1])})


def face_crops(golden: Golden) -> float:
    """What each network of a face sees of one frame."""
    config = golden.options("box_ltrb")
    frame = np.ascontiguousarray(single(golden).numpy().astype(np.uint8)[..., ::-1])
    pixels, box, size = torch.from_numpy(frame).permute(2, 0, 1), tuple(config["box_ltrb"]), frame.shape[:2]
    head, face, picture = (_cut(pixels, box, side) for side in (224, 96, 227))
    return difference(
        golden,
        {
            "gaze360_legacy": gaze360.network_crop(head, True),
            "gaze360_correct": gaze360.network_crop(head, False),
            "esr9": network_crop(face, True)[None],
            "videogaze_face": people.network_picture(picture, True),
            "videogaze_frame": people.network_picture(_cut(pixels, (0, 0, size[1], size[0]), 227), True),
            "videogaze_eyes": torch.tensor(people.eyes(box, size)),
        },
    )


def _cut(pixels: Tensor, box: PixelBox, side: int) -> Image:
    crop = cut(pixels, box, side)
    if crop is None:
        raise ValueError(f"nothing of the box {box} lies inside the frame")
    return crop
