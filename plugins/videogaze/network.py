"""VideoGaze: gaze following from a person in a source frame to a target frame.

Source: Recasens, Vondrick, Khosla, Torralba, "Following Gaze in Video", ICCV 2017.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.alexnet import alexnet_classifier, alexnet_features
from gazenet.backbones.checkpoint import file_in, load_state, read_state
from gazenet_plugins.videogaze.geometry import GRID, cone, rotation

SIDE = 227
CELLS = 20
OPENING = (0.5, 0.99)
"""Bounds of the squared cosine of half the angle of a cone."""
CHECKPOINT = "model.pth.tar"
UNUSED = ".classifier."
"""Part of the keys of the unused classifiers in the published checkpoint."""


class Tower(nn.Module):
    """The convolutions of AlexNet; published files also contain its unused classifier (58.6 M values)."""

    def __init__(self, last_pool: bool, classifier: bool) -> None:
        super().__init__()
        self.features = alexnet_features(last_pool)
        self.classifier = alexnet_classifier() if classifier else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of the last convolution."""
        return self.features(x)


class ConePathway(nn.Module):
    """The tower from a face crop to the raw cone ``[N, 4]``: direction of the gaze, opening."""

    def __init__(self, classifier: bool) -> None:
        super().__init__()
        self.alexnet = Tower(True, classifier)
        self.linear1, self.linear2, self.linear3 = nn.Linear(9216, 500), nn.Linear(500, 200), nn.Linear(200, 4)

    def forward(self, faces: Tensor) -> Tensor:
        """Return the raw cone ``[N, 4]``."""
        return self.raw(self.alexnet(faces))

    def raw(self, features: Tensor) -> Tensor:
        """Return the raw cone ``[N, 4]`` from the tower's map ``[N, 256, 6, 6]``."""
        x = F.threshold(self.linear1(features.flatten(1)), 0, 1e-6)
        return self.linear3(F.threshold(self.linear2(x), 0, 1e-6))


class PlaneTransform(NamedTuple):
    """The transformation from the plane of a target frame to that of the source frame.

    ``gate`` ``[N]`` in 0..1: whether both frames show the same scene.

    ``turn`` ``[N, 3, 3]``, ``shift`` ``[N, 3]``, ``raw`` ``[N, 7]``.
    """

    turn: Tensor
    shift: Tensor
    gate: Tensor
    raw: Tensor


class TransformationPath(nn.Module):
    """The tower from two frames to the :class:`PlaneTransform` between them."""

    def __init__(self, classifier: bool) -> None:
        super().__init__()
        self.alexnet = Tower(True, classifier)
        self.conv_features = nn.Sequential(nn.Conv2d(512, 100, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
        self.linear_features = nn.Sequential(nn.Linear(400, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU())
        self.final_linear = nn.Linear(100, 7)

    def forward(self, source: Tensor, target: Tensor) -> PlaneTransform:
        """Return the transformation from target to source."""
        return self.move(self.alexnet(source), self.alexnet(target))

    def move(self, source: Tensor, target: Tensor) -> PlaneTransform:
        """Return the transformation from the tower's maps ``[N, 256, 6, 6]`` of both frames."""
        x = self.conv_features(torch.cat([source, target], 1)).flatten(1)
        raw = self.final_linear(self.linear_features(x))
        turn = rotation(math.pi * torch.tanh(raw[:, 3:6]))
        return PlaneTransform(turn, raw[:, :3], raw[:, 6].clamp(0, 1), raw)


class FrameFeatures(NamedTuple):
    """The features of one frame, independent of other frames.

    ``scene`` ``[N, 256, 6, 6]`` for the transformation; ``conv5`` ``[N, 256, 13, 13]``; ``salient`` ``[N, 169]``.
    """

    scene: Tensor
    conv5: Tensor
    salient: Tensor


class FollowingOutput(NamedTuple):
    """The output for N pairs of a person and a target frame.

    ``heat`` ``[N, 1, 20, 20]`` sums to 1; ``probability`` ``[N, 1]`` that the target frame contains the target;
    the rest are intermediate values.
    """

    heat: Tensor
    probability: Tensor
    move: PlaneTransform
    cone: Tensor
    frame_logit: Tensor
    logits: Tensor


class VideoGaze(nn.Module):
    """The network from source, target and face ``[N, 3, 227, 227]`` and eyes ``[N, 3]`` to the target of a gaze.

    Args:
        side: cells along each side of the heat map.
        classifiers: include the unused classifiers, so that all published keys exist (176 M values).
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
        """Return heat map and probability for each pair."""
        scene = self.transformation_path.alexnet(source)
        return self.follow(scene, self.frame_features(target), self.cone_pathway(face), eyes)

    def frame_features(self, frames: Tensor) -> FrameFeatures:
        """Compute the features of frames, each by itself."""
        conv5 = self.saliency_pathway(frames)
        salient = F.relu(self.last_conv(conv5)).flatten(1)
        return FrameFeatures(self.transformation_path.alexnet(frames), conv5, salient)

    def follow(self, source_scene: Tensor, target: FrameFeatures, raw_cone: Tensor, eyes: Tensor) -> FollowingOutput:
        """Return the output from features of source frame, target frame and face."""
        move = self.transformation_path.move(source_scene, target.scene)
        opening = raw_cone[:, 3].clamp(*OPENING)
        inside = cone(eyes, raw_cone[:, :3], move.turn, move.shift, opening)
        gated = move.gate[:, None] * inside
        hidden = F.relu(self.sigmoid1(torch.cat([target.salient, gated], 1)))
        frame_logit = self.sigmoid2(hidden)
        logits = self.linear_final(gated * target.salient)
        heat = logits.softmax(1).view(-1, 1, self.side, self.side)
        return FollowingOutput(heat, frame_logit.sigmoid(), move, inside, frame_logit, logits)

    def answer(
        self, scene: Tensor, target: Tensor, conv5: Tensor, salient: Tensor, raw_cone: Tensor, eyes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return heat and probability from tensors alone, for export.

        ``scene`` belongs to the source frame, the next three (see :class:`FrameFeatures`) to the target frame.
        """
        output = self.follow(scene, FrameFeatures(target, conv5, salient), raw_cone, eyes)
        return output.heat, output.probability


def loaded(path: Path) -> VideoGaze:
    """Load the network from a checkpoint file, or from a folder with ``model.pth.tar``.

    The unused classifiers (704 MB of the file) are dropped. Raises UsageError as :func:`load_state` does.
    """
    file = file_in(path, CHECKPOINT)
    used = {key: value for key, value in read_state(file).items() if UNUSED not in key}
    return load_state(VideoGaze(), used, file)
