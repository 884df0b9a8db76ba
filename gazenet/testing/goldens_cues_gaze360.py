"""Goldens of Gaze360: the network, its loss and angles, the published picture."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import nn

from gazenet.testing.goldens import Golden, difference, prepare
from gazenet.testing.goldens_cues import single

ROOM = "gazenet_plugins.gaze360"


def network(golden: Golden) -> float:
    """The complete network; its keys carry the published prefix."""
    golden.options("input_layout")
    net = import_module(f"{ROOM}.network").Gaze360()
    prepare(nn.ModuleDict({"module": net}), golden)
    features = net.frame_features(single(golden))
    gaze = net.gaze(features)
    return difference(
        golden,
        {
            "angles": gaze.angles,
            "bound": gaze.bound,
            "raw": gaze.raw,
            "lstm": gaze.lstm,
            "frame_features": features.flatten(0, 1),
        },
    )


def loss(golden: Golden) -> float:
    """The pinball loss and the forms of an angle."""
    golden.options()
    angles = import_module(f"{ROOM}.angles")
    inputs = golden.inputs()
    predicted, target, bound = inputs["pred"], inputs["target"], inputs["bound"].expand(-1, 2)
    return difference(
        golden,
        {
            "loss": angles.pinball_loss(predicted, target, bound)[None],
            "cartesian": angles.cartesian(predicted),
            "compatible": angles.compatible(predicted),
            "angle_deg": angles.angle_degrees(predicted, target),
        },
    )


def direction_map(golden: Golden) -> float:
    """The picture of gaze directions with integer and with floating depth."""
    config = golden.options("height", "width", "faces")
    to_vector, drawn = import_module(f"{ROOM}.angles").cartesian, import_module(f"{ROOM}.published_map")
    height, width, faces = config["height"], config["width"], config["faces"]
    angles = torch.tensor([[face["yaw"], face["pitch"]] for face in faces]).view(-1, 2)
    gazes = to_vector(angles).numpy()
    clouds = [drawn.cone_points(face["box_ltrb"][:2], g) for face, g in zip(faces, gazes, strict=True)]
    outputs = {"cartesian": gazes}
    for name, whole in (("integer", True), ("float", False)):
        depths = [drawn.exact_depth(points, height, width, whole) for points in clouds]
        outputs[f"image_{name}"] = drawn.picture(depths, height, width)
        if depths:
            outputs["points"], outputs[f"depth_{name}"] = clouds[0], depths[0]
    return difference(golden, outputs)
