"""VideoGaze: where, and in which frame, does the person of a source frame look?

Source: Recasens, Vondrick, Khosla, Torralba, "Following Gaze in Video", ICCV 2017.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.alexnet import alexnet_classifier, alexnet_features
from gazenet_plugins.videogaze.geometry import GRID, cone, rotation

SIDE = 227
CELLS = 20
OPENING = (0.5, 0.99)


class Tower(nn.Module):
    """AlexNet's convolutions; published files also hold its classifier, which nothing uses (58.6 M values)."""

    def __init__(self, last_pool: bool, classifier: bool) -> None:
        super().__init__()
        self.features = alexnet_features(last_pool)
        self.classifier = alexnet_classifier() if classifier else None

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


class ConePathway(nn.Module):
    """A face crop to the raw cone ``[N, 4]``: direction of the gaze, opening."""

    def __init__(self, classifier: bool) -> None:
        super().__init__()
        self.alexnet = Tower(True, classifier)
        self.linear1, self.linear2, self.linear3 = nn.Linear(9216, 500), nn.Linear(500, 200), nn.Linear(200, 4)

    def forward(self, faces: Tensor) -> Tensor:
        return self.raw(self.alexnet(faces))

    def raw(self, features: Tensor) -> Tensor:
        """From the tower's map ``[N, 256, 6, 6]``."""
        x = F.threshold(self.linear1(features.flatten(1)), 0, 1e-6)
        return self.linear3(F.threshold(self.linear2(x), 0, 1e-6))


class PlaneTransform(NamedTuple):
    """From a target frame's plane to the source's; ``gate`` ``[N]`` in 0..1 says whether they show one scene.

    ``turn`` ``[N, 3, 3]``, ``shift`` ``[N, 3]``, ``raw`` ``[N, 7]``.
    """

    turn: Tensor
    shift: Tensor
    gate: Tensor
    raw: Tensor


class TransformationPath(nn.Module):
    """Two frames to the :class:`PlaneTransform` between them."""

    def __init__(self, classifier: bool) -> None:
        super().__init__()
        self.alexnet = Tower(True, classifier)
        self.conv_features = nn.Sequential(nn.Conv2d(512, 100, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
        self.linear_features = nn.Sequential(nn.Linear(400, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU())
        self.final_linear = nn.Linear(100, 7)

    def forward(self, source: Tensor, target: Tensor) -> PlaneTransform:
        return self.move(self.alexnet(source), self.alexnet(target))

    def move(self, source: Tensor, target: Tensor) -> PlaneTransform:
        """From the tower's maps ``[N, 256, 6, 6]`` of both frames."""
        x = self.conv_features(torch.cat([source, target], 1)).flatten(1)
        raw = self.final_linear(self.linear_features(x))
        turn = rotation(math.pi * torch.tanh(raw[:, 3:6]))
        return PlaneTransform(turn, raw[:, :3], raw[:, 6].clamp(0, 1), raw)


class FrameFeatures(NamedTuple):
    """What one frame gives, whatever it is compared with.

    ``scene`` ``[N, 256, 6, 6]`` for the transformation; ``conv5`` ``[N, 256, 13, 13]``; ``salient`` ``[N, 169]``.
    """

    scene: Tensor
    conv5: Tensor
    salient: Tensor


class FollowingOutput(NamedTuple):
    """The answer for N pairs of a person and a target frame.

    ``heat`` ``[N, 1, 20, 20]`` sums to 1; ``probability`` ``[N, 1]`` that the target frame holds what is looked at;
    the rest are intermediate values.
    """

    heat: Tensor
    probability: Tensor
    move: PlaneTransform
    cone: Tensor
    frame_logit: Tensor
    logits: Tensor


class VideoGaze(nn.Module):
    """``forward(source, target, face, eyes)``: pictures ``[N, 3, 227, 227]``, ``eyes`` ``[N, 3]``.

    Args:
        side: cells along one side of the answer.
        classifiers: with the unused classifiers, so that all published keys are there (176 M values).
    """

    def __init__(self, side: int = CELLS, classifiers: bool = False) -> None:
        super().__init__()
        self.side = side
        self.saliency_pathway = Tower(False, classifiers)
        self.last_conv = nn.Conv2d(256, 1, 1)
        self.cone_pathway = ConePathway(classifiers)
        self.transformation_path = TransformationPath(classifiers)
        self.sigmoid1, self.sigmoid2 = nn.Linear(2 * GRID**2, 200), nn.Linear(200, 1)
        self.linear_final = nn.Linear(GRID**2, side**2)
        self.last_convolution = nn.Conv2d(1, 1, 1)

    def forward(self, source: Tensor, target: Tensor, face: Tensor, eyes: Tensor) -> FollowingOutput:
        scene = self.transformation_path.alexnet(source)
        return self.follow(scene, self.frame_features(target), self.cone_pathway(face), eyes)

    def frame_features(self, frames: Tensor) -> FrameFeatures:
        """All that is computed of a frame by itself."""
        conv5 = self.saliency_pathway(frames)
        salient = F.relu(self.last_conv(conv5)).flatten(1)
        return FrameFeatures(self.transformation_path.alexnet(frames), conv5, salient)

    def follow(self, source_scene: Tensor, target: FrameFeatures, raw_cone: Tensor, eyes: Tensor) -> FollowingOutput:
        """The answer from features of source frame, target frame and face."""
        move = self.transformation_path.move(source_scene, target.scene)
        opening = raw_cone[:, 3].clamp(*OPENING)
        inside = cone(eyes, raw_cone[:, :3], move.turn, move.shift, opening)
        gated = move.gate[:, None] * inside
        hidden = F.relu(self.sigmoid1(torch.cat([target.salient, gated], 1)))
        frame_logit = self.sigmoid2(hidden)
        logits = self.linear_final(gated * target.salient)
        heat = logits.softmax(1).view(-1, 1, self.side, self.side)
        return FollowingOutput(heat, frame_logit.sigmoid(), move, inside, frame_logit, logits)
