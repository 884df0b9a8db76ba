"""ESR-9: nine small branches on a shared base that vote on the emotion of a face.

Source: Siqueira, Magg, Wermter, "Efficient Facial Feature Learning with Wide Ensemble-based Convolutional Neural
Networks", AAAI 2020.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMOTIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
BRANCHES = 9
SIDE = 96

Statistics = Literal["running", "face", "batch"]


class ChoosableNorm(nn.BatchNorm2d):
    """A batch norm with selectable ``statistics``; running values are never updated.

    ``running``: the learned ones. ``batch``: those of the batch, as in the published code, whose branches never leave
    training mode. ``face``: those of each face, which is the same for batches of one face.
    """

    statistics: Statistics = "running"

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[N, C, h, w]``."""
        if self.statistics == "face":
            return F.instance_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        mean, variance = (None, None) if self.statistics == "batch" else (self.running_mean, self.running_var)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, mean is None, 0.0, self.eps)


class SharedBase(nn.Module):
    """The shared base: faces ``[N, 3, 96, 96]`` in 0..1 to features ``[N, 128, 20, 20]``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 64, 5), nn.Conv2d(64, 128, 3)
        self.conv3, self.conv4 = nn.Conv2d(128, 128, 3), nn.Conv2d(128, 128, 3)
        self.bn1, self.bn2, self.bn3, self.bn4 = (
            ChoosableNorm(64),
            ChoosableNorm(128),
            ChoosableNorm(128),
            ChoosableNorm(128),
        )

    def forward(self, faces: Tensor) -> Tensor:
        """Return features ``[N, 128, 20, 20]``."""
        x = F.relu(self.bn1(self.conv1(faces)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        return F.max_pool2d(F.relu(self.bn4(self.conv4(x))), 2)


class BranchOutput(NamedTuple):
    """A branch output: ``emotion`` ``[N, 8]`` logits; raw ``affect`` ``[N, 2]``; ``last`` map ``[N, 512, 6, 6]``."""

    emotion: Tensor
    affect: Tensor
    last: Tensor


class EnsembleBranch(nn.Module):
    """A branch of the ensemble on the shared features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(128, 128, 3), nn.Conv2d(128, 256, 3)
        self.conv3, self.conv4 = nn.Conv2d(256, 256, 3), nn.Conv2d(256, 512, 3, padding=1)
        self.bn1, self.bn2, self.bn3, self.bn4 = (
            ChoosableNorm(128),
            ChoosableNorm(256),
            ChoosableNorm(256),
            ChoosableNorm(512),
        )
        self.fc = nn.Linear(512, len(EMOTIONS))
        self.fc_dimensional = nn.Linear(len(EMOTIONS), 2)

    def forward(self, features: Tensor) -> BranchOutput:
        """Return emotion, affect and the last map."""
        x = F.relu(self.bn1(self.conv1(features)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        last = F.relu(self.bn4(self.conv4(x)))
        emotion = self.fc(last.mean((2, 3)))
        return BranchOutput(emotion, self.fc_dimensional(F.relu(emotion)), last)

    def attention(self, output: BranchOutput) -> Tensor:
        """Return Grad-CAM ``[N, 6, 6]`` of the decision of the branch.

        Only a mean and one linear layer follow the last map: the gradient is a row of the weight.
        """
        rows = self.fc.weight[output.emotion.argmax(1)]
        return torch.einsum("nc,nchw->nhw", rows, output.last) / output.last[0, 0].numel()


class EnsembleExpression(NamedTuple):
    """The output of an ensemble of B branches for N faces.

    ``emotion`` ``[N, B, 8]`` logits; ``affect_raw`` ``[N, B, 2]``; ``attention`` ``[N, B, 6, 6]``, not normalised.
    """

    emotion: Tensor
    affect_raw: Tensor
    attention: Tensor

    def labels(self) -> Tensor:
        """Return the class of each branch, ``[N, B]``."""
        return self.emotion.argmax(2)

    def vote(self) -> Tensor:
        """Return the class of most branches, ``[N]``; the lowest one in a tie."""
        return F.one_hot(self.labels(), len(EMOTIONS)).sum(1).argmax(1)

    def affect(self) -> Tensor:
        """Return raw valence, and arousal mapped from -1..1 to 0..1 and clipped, ``[N, B, 2]``."""
        valence, arousal = self.affect_raw.unbind(-1)
        return torch.stack([valence, ((arousal + 1) / 2).clamp(0, 1)], -1)


class Esr9(nn.Module):
    """The ensemble from faces ``[N, 3, 96, 96]`` in 0..1 to an :class:`EnsembleExpression`.

    Args:
        branches: their number.
        statistics: those of the batch norms of the branches; the base always uses the learned ones.
    """

    def __init__(self, branches: int = BRANCHES, statistics: Statistics = "running") -> None:
        super().__init__()
        self.base = SharedBase()
        self.branches = nn.ModuleList(EnsembleBranch() for _ in range(branches))
        normalise_with(self.branches, statistics)

    def forward(self, faces: Tensor) -> EnsembleExpression:
        """Return the output of all branches."""
        features = self.base(faces)
        members = [cast(EnsembleBranch, branch) for branch in self.branches]
        pairs = [(branch, branch(features)) for branch in members]
        return EnsembleExpression(
            torch.stack([output.emotion for _, output in pairs], 1),
            torch.stack([output.affect for _, output in pairs], 1),
            torch.stack([branch.attention(output) for branch, output in pairs], 1),
        )


def normalise_with(network: nn.Module, statistics: Statistics) -> None:
    """Select the statistics of all batch norms in ``network``."""
    for module in network.modules():
        if isinstance(module, ChoosableNorm):
            module.statistics = statistics
