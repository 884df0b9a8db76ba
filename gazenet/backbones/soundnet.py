"""SoundNet with eight layers (Aytar et al., NIPS 2016): sound to features, 1024 channels at few time steps.

Networks that use it differ in the axis of time and in their keys: by name, as in the weights of its authors, or
numbered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from torch import Tensor, nn

Axis = Literal["height", "width"]
"""The axis of time in ``[N, C, H, W]``."""


class SoundNetStage(NamedTuple):
    """A convolution along time with stride 2, padded by half its kernel; a pool of ``pool`` steps (1: none)."""

    outputs: int
    kernel: int
    pool: int


STAGES = (
    SoundNetStage(16, 64, 8),
    SoundNetStage(32, 32, 8),
    SoundNetStage(64, 16, 1),
    SoundNetStage(128, 8, 1),
    SoundNetStage(256, 4, 4),
    SoundNetStage(512, 4, 1),
    SoundNetStage(1024, 4, 1),
)
HEAD_KERNEL = 8
OBJECTS, SCENES = 1000, 401


def _along(axis: Axis, steps: int, across: int) -> tuple[int, int]:
    return (steps, across) if axis == "height" else (across, steps)


def pool(axis: Axis, steps: int) -> nn.MaxPool2d:
    """Build a max pool over ``steps`` time steps; a remainder at the end is dropped."""
    size = _along(axis, steps, 1)
    return nn.MaxPool2d(size, size)


def _stages(axis: Axis) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    inputs = 1
    for outputs, kernel, _ in STAGES:
        sides = (_along(axis, kernel, 1), _along(axis, 2, 1), _along(axis, kernel // 2, 0))
        yield nn.Conv2d(inputs, outputs, *sides), nn.BatchNorm2d(outputs)
        inputs = outputs


class SoundNet(nn.Module):
    """Sound ``[N, 1, L, 1]`` to ``[N, 1024, steps, 1]``: 3 steps for L from 48,000 to 70,560, 2 for 35,280.

    Keys: ``conv1`` .. ``conv7``, ``batchnorm1`` .. ``batchnorm7``, and the classifiers of objects and scenes
    (``conv8_objs``, ``conv8_scns``), which exist in checkpoints and are never evaluated here.
    """

    def __init__(self) -> None:
        super().__init__()
        for k, (conv, norm) in enumerate(_stages("height"), 1):
            self.add_module(f"conv{k}", conv)
            self.add_module(f"batchnorm{k}", norm)
        self.conv8_objs = nn.Conv2d(STAGES[-1].outputs, OBJECTS, (HEAD_KERNEL, 1), (2, 1))
        self.conv8_scns = nn.Conv2d(STAGES[-1].outputs, SCENES, (HEAD_KERNEL, 1), (2, 1))
        self.relu = nn.ReLU(inplace=True)
        self.pools = nn.ModuleList(pool("height", stage.pool) for stage in STAGES)

    def forward(self, sound: Tensor) -> Tensor:
        """Return ``[N, 1024, steps, 1]``."""
        for k, reduced in enumerate(self.pools, 1):
            normal = self.get_submodule(f"batchnorm{k}")(self.get_submodule(f"conv{k}")(sound))
            sound = reduced(self.relu(normal))
        return sound


def numbered(last_pool: int = 2) -> nn.Sequential:
    """Build the form with numbered layers: sound ``[N, 1, 1, L]`` to ``[N, 1024, 1, steps]``.

    The convolutions have the numbers 0, 4, 8, 11, 14, 18 and 21.

    Args:
        last_pool: steps of the pool after the last stage; with 2, 35,280 samples give 1 step.
    """
    layers: list[nn.Module] = []
    for (conv, norm), stage in zip(_stages("width"), STAGES, strict=True):
        layers += [conv, norm, nn.ReLU(inplace=True)]
        layers += [pool("width", stage.pool)] if stage.pool > 1 else []
    return nn.Sequential(*layers, pool("width", last_pool))
