"""Goldens of Gaze360: the network, its loss and angles, the published picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.testing.goldens import Golden, difference, prepare
from gazenet_plugins.gaze360 import network as networks
from gazenet_plugins.gaze360 import published_map
from gazenet_plugins.gaze360.network import cartesian
from tests.goldens.cues import single

QUANTILE = 0.1


def network(golden: Golden) -> float:
    """The complete network; its keys carry the published prefix."""
    golden.options("input_layout")
    net = networks.Gaze360()
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
    inputs = golden.inputs()
    predicted, target, bound = inputs["pred"], inputs["target"], inputs["bound"].expand(-1, 2)
    return difference(
        golden,
        {
            "loss": pinball_loss(predicted, target, bound)[None],
            "cartesian": cartesian(predicted),
            "compatible": compatible(predicted),
            "angle_deg": angle_degrees(predicted, target),
        },
    )


def direction_map(golden: Golden) -> float:
    """The picture of gaze directions with integer and with floating depth."""
    config = golden.options("height", "width", "faces")
    height, width, faces = config["height"], config["width"], config["faces"]
    angles = torch.tensor([[face["yaw"], face["pitch"]] for face in faces]).view(-1, 2)
    gazes = cartesian(angles).numpy()
    clouds = [published_map.cone_points(face["box_ltrb"][:2], g) for face, g in zip(faces, gazes, strict=True)]
    outputs = {"cartesian": gazes}
    for name, whole in (("integer", True), ("float", False)):
        depths = [published_map.exact_depth(points, height, width, whole) for points in clouds]
        outputs[f"image_{name}"] = published_map.picture(depths, height, width)
        if depths:
            outputs["points"], outputs[f"depth_{name}"] = clouds[0], depths[0]
    return difference(golden, outputs)


def compatible(angles: Tensor) -> Tensor:
    """The second form that the published records hold, ``[N, 3]``: pitch, yaw, 1."""
    yaw, pitch = angles.unbind(-1)
    return torch.stack([pitch, yaw, torch.ones_like(yaw)], -1)


def angle_degrees(angles: Tensor, other: Tensor) -> Tensor:
    """The angle ``[N]`` in degrees between two gazes ``[N, 2]``; the score of the data set is its mean."""
    cosine = F.cosine_similarity(cartesian(angles), cartesian(other), -1)
    return torch.rad2deg(cosine.clamp(-1, 1).acos())


def pinball_loss(angles: Tensor, target: Tensor, bound: Tensor) -> Tensor:
    """The mean quantile loss of both borders ``angles -/+ bound`` (all ``[N, 2]``; section 4.2 of the paper)."""
    low, high = target - (angles - bound), target - (angles + bound)
    below = torch.maximum(QUANTILE * low, (QUANTILE - 1) * low)
    above = torch.maximum((1 - QUANTILE) * high, -QUANTILE * high)
    return below.mean() + above.mean()
