"""Goldens of VideoGaze: the network, its pathways, the cone, the published picture."""

from __future__ import annotations

import numpy as np
import torch

from gazenet.cues.colour_pictures import Picture, blended, stretched
from gazenet.testing.goldens import Golden, difference, prepare
from gazenet_plugins.videogaze import geometry, published_map
from gazenet_plugins.videogaze import network as networks
from tests.goldens.cues import single

ORDER = "forward(source, target, face, eyes)"
OVERLAY = 0.4
GREY = 77
"""Published overlays are shown over a constant frame."""


def network(golden: Golden) -> float:
    """The complete network, with the classifiers that nothing uses."""
    config = golden.options("side", "order")
    if config.get("order", ORDER) != ORDER:
        raise ValueError(f"another order of inputs: {config['order']}")
    net = networks.VideoGaze(config.get("side", 20), classifiers=True)
    prepare(net, golden)
    inputs = golden.inputs()
    scene = net.transformation_path.alexnet(inputs["source"])
    target, raw_cone = net.frame_features(inputs["target"]), net.cone_pathway(inputs["face"])
    output = net.follow(scene, target, raw_cone, inputs["eyes"])
    return difference(
        golden,
        {
            "heatmap": output.heat,
            "frame_probability": output.probability,
            "conv5": target.conv5,
            "saliency": target.salient.view(-1, 1, 13, 13),
            "cone_raw": raw_cone,
            "transform_raw": output.move.raw,
            "R": output.move.turn,
            "t": output.move.shift,
            "gate": output.move.gate,
            "cone_map": output.cone,
            "frame_logit": output.frame_logit,
            "logits": output.logits,
        },
    )


def saliency_pathway(golden: Golden) -> float:
    """The tower without its last pool."""
    golden.options()
    net = prepare(networks.Tower(False, True), golden)
    return difference(golden, {"conv5": net(single(golden))})


def cone_pathway(golden: Golden) -> float:
    """Face to cone."""
    golden.options()
    net = networks.ConePathway(True)
    prepare(net, golden)
    pool5 = net.alexnet(single(golden))
    return difference(golden, {"pool5": pool5, "cone_raw": net.raw(pool5)})


def transformation_path(golden: Golden) -> float:
    """Two frames to the move between them."""
    golden.options()
    net = prepare(networks.TransformationPath(True), golden)
    inputs = golden.inputs()
    move = net(inputs["source"], inputs["target"])
    return difference(golden, {"R": move.turn, "t": move.shift, "gate": move.gate, "raw": move.raw})


def projected_cone(golden: Golden) -> float:
    """Rotation and cone from given numbers."""
    golden.options()
    inputs = golden.inputs()
    turn = geometry.rotation(inputs["angles"])
    opening = 0.5 + 0.49 * inputs["alpha_u"]
    inside = geometry.cone(inputs["eyes"], inputs["v"], turn, inputs["t"], opening)
    return difference(golden, {"R": turn, "cone_map": inside})


def following_map(golden: Golden) -> float:
    """The picture of gaze following, and what is shown for viewing."""
    config = golden.options("height", "width", "resized_hw")
    size = (config["height"], config["width"])
    logits = [torch.as_tensor(value) for value in golden.inputs().values()]
    heats = [value.flatten().softmax(0).view(value.shape).numpy() for value in logits]
    total = published_map.total(heats)
    picture = published_map.picture(total)
    frame = np.full((*size, 3), GREY, np.uint8)
    peak = peak_of(heats[0], *size) if heats else (-1, -1)
    return difference(
        golden,
        {
            "sum": total,
            "image": picture,
            "resized": stretched(picture, tuple(config["resized_hw"])),
            "overlay": overlay(picture, frame, OVERLAY),
            "peak0_xy": np.array(peak),
        },
    )


def overlay(coloured: Picture, frame: Picture, alpha: float) -> Picture:
    """The picture blended over a frame ``[H, W, 3]``, as published for viewing."""
    return blended(stretched(coloured, (frame.shape[0], frame.shape[1])), frame, alpha)


def peak_of(heat: published_map.Heat, height: int, width: int) -> tuple[int, int]:
    """The pixel (x, y) of the top left corner of the brightest cell."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return int(column / heat.shape[1] * width), int(row / heat.shape[0] * height)
