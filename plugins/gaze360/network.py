"""Gaze360: seven head crops through a ResNet-18 and a bidirectional LSTM to one gaze with its uncertainty.

Source: Kellnhofer et al., "Gaze360: Physically Unconstrained Gaze Estimation in the Wild", ICCV 2019, section 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gazenet.backbones.resnet2d import FORMS, TwoLayerResNet

FRAMES = 7
SIDE = 224
FEATURES = 256


@dataclass(frozen=True)
class GazeOutput:
    """The gaze of the centre frame.

    ``angles`` ``[B, 2]``: yaw, pitch in radians; ``bound`` ``[B, 2]``: half the width between the 10 % and the 90 %
    quantile, radians, the same for both; ``raw`` ``[B, 3]`` before squashing; ``lstm`` ``[B, 7, 512]``.
    """

    angles: Tensor
    bound: Tensor
    raw: Tensor
    lstm: Tensor


class Gaze360(nn.Module):
    """The network from crops ``[B, 7, 3, H, W]`` or ``[B, 21, H, W]``, RGB normalised, to a :class:`GazeOutput`."""

    def __init__(self) -> None:
        super().__init__()
        self.base_model = TwoLayerResNet(*FORMS["resnet18"], outputs=FEATURES)
        self.lstm = nn.LSTM(FEATURES, FEATURES, num_layers=2, batch_first=True, bidirectional=True)
        self.last_layer = nn.Linear(2 * FEATURES, 3)

    def forward(self, crops: Tensor) -> GazeOutput:
        """Return the gaze of the centre frame."""
        return self.gaze(self.frame_features(crops))

    def frame_features(self, crops: Tensor) -> Tensor:
        """Compute features ``[B, 7, 256]`` of the crops, each by itself."""
        height, width = crops.shape[-2:]
        return self.base_model(crops.reshape(-1, 3, height, width)).view(-1, FRAMES, FEATURES)

    def gaze(self, features: Tensor) -> GazeOutput:
        """Compute the gaze from features ``[B, 7, 256]``."""
        states, _ = self.lstm(features)
        raw = self.last_layer(states[:, FRAMES // 2])
        angles = torch.tanh(raw[:, :2]) * raw.new_tensor([math.pi, math.pi / 2])
        bound = math.pi * torch.sigmoid(raw[:, 2:]).expand(-1, 2)
        return GazeOutput(angles, bound, raw, states)


def cartesian(angles: Tensor) -> Tensor:
    """Return unit vectors ``[N, 3]`` of angles ``[N, 2]`` (yaw, pitch; radians).

    Axes of the data set, seen from the camera: x to the left, y up, z away from it; (0, 0, -1) looks into the camera.
    Hence yaw is positive towards the left of the picture, pitch is positive upwards.
    """
    yaw, pitch = angles.unbind(-1)
    return torch.stack([pitch.cos() * yaw.sin(), pitch.sin(), -pitch.cos() * yaw.cos()], -1)
