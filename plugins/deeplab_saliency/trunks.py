"""Trunks other than the published ResNet-50, and the fusion of the features of a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.checkpoint import checked_state
from gazenet.backbones.onnx_graph import read_graph
from gazenet.backbones.resnet2d import DEEP, Bottleneck
from gazenet.errors import UsageError

BGR_MEAN = (104.0, 117.0, 123.0)
EPS = 1e-5
"""Added to the variance in batch norms."""
STAGES = ((32, 3, 1, 1), (64, 4, 2, 1), (128, 6, 1, 2), (256, 3, 1, 4))
"""Planes, blocks, stride and dilation of the stages, at an output stride of 8."""


class ThinResNet(nn.Module):
    """ResNet-50 of half the width, with its strides in the first 1x1 convolution of a stage (open_nsfw).

    The last two strides became dilation, so that its cells at multiples of the lost strides hold what they held.

    Args:
        mean, std: of the RGB pictures that it is given; it undoes them, because it wants BGR in 0..255 less its mean.
    """

    features = 1024
    levels = 128, 256
    shift: Tensor
    scale: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for number, (planes, count, stride, dilation) in enumerate(STAGES, 1):
            stage = nn.Sequential(nn.MaxPool2d(1, stride))  # the stride of the 1x1 convolutions
            for _ in range(count):
                stage.append(Bottleneck(inputs, planes, DEEP, 1, dilation, dilation))
                inputs = 4 * planes
            self.add_module(f"layer{number}", stage)
        self.register_buffer("scale", 255 * torch.tensor(std).view(3, 1, 1), persistent=False)
        shift = 255 * torch.tensor(mean) - torch.tensor(BGR_MEAN).flip(0)
        self.register_buffer("shift", shift.view(3, 1, 1), persistent=False)

    def stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the outputs of the stages of normalised RGB ``[N, 3, H, W]``, at strides 4, 8, 8, 8."""
        x = torch.relu(self.bn1(self.conv1((x * self.scale + self.shift).flip(1))))
        # The pool's padding lies behind the picture; after a rectification zeros never win.
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 3, 2)
        first = self.get_submodule("layer1")(x)
        second = self.get_submodule("layer2")(first)
        third = self.get_submodule("layer3")(second)
        return first, second, third, self.get_submodule("layer4")(third)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the last stage, ``[N, 1024, H/8, W/8]``."""
        return self.stages(x)[-1]


class WindowFusion(nn.Module):
    """The fusion of the features of a window: per channel, a weighted sum over time.

    It is initialised to the features of the last frame.
    """

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.mix = nn.Conv3d(channels, channels, (frames, 1, 1), groups=channels)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.mix.weight[:, :, -1] = 1

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C, h, w]`` of ``[N, frames, C, h, w]``."""
        return self.mix(x.transpose(1, 2))[:, :, 0]


def load_onnx(trunk: ThinResNet, path: str | Path) -> None:
    """Read the weights of ``open_nsfw.onnx``. Raises UsageError for another file."""
    trunk.load_state_dict(_converted(trunk, _kernels(Path(path)), path))


def _kernels(path: Path) -> list[list[NDArray[np.float32]]]:
    """Return kernel and bias of every convolution in order, and the constants of the arithmetic after it."""
    from onnx import numpy_helper

    graph: Any = read_graph(path).graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    constants |= {
        node.output[0]: constants[node.input[0]] for node in graph.node if node.input and node.input[0] in constants
    }
    after = {name: node for node in reversed(graph.node) for name in node.input}
    return [_followed(node, after, constants) for node in graph.node if node.op_type == "Conv"]


def _followed(node: Any, after: dict[str, Any], constants: dict[str, Any]) -> list[NDArray[np.float32]]:
    values: list[NDArray[np.float32]] = []
    while node is not None and len(values) < 5:
        values += [constants[name] for name in node.input if name in constants]
        node = after.get(node.output[0])
    return values


def _converted(trunk: ThinResNet, kernels: list[list[NDArray[np.float32]]], path: str | Path) -> dict[str, Tensor]:
    """Return a state dict; the graph contains the arithmetic of batch norms instead of batch norms."""
    state = dict(trunk.state_dict())
    names = _names(trunk)
    if len(kernels) != len(names) or any(len(one) != 5 for one in kernels):
        raise UsageError(f"{path}: is no thin ResNet-50 (open_nsfw): its graph has other convolutions")
    for (conv, norm), values in zip(names, kernels, strict=True):
        kernel, bias, mean, scale, shift = (torch.from_numpy(one.copy()).float() for one in values)
        flat = {"running_mean": mean - bias, "weight": scale, "bias": shift}
        state |= {f"{conv}.weight": kernel, **{f"{norm}.{name}": value.flatten() for name, value in flat.items()}}
        state[f"{norm}.running_var"] = torch.full_like(scale.flatten(), 1 - EPS)
    return checked_state(trunk, state, path)


def _names(trunk: ThinResNet) -> list[tuple[str, str]]:
    """(convolution, batch norm) in the order of the graph: a projection stands before a block's last convolution."""
    names = [("conv1", "bn1")]
    for name, block in trunk.named_modules():
        if isinstance(block, Bottleneck):
            projection = [("downsample.0", "downsample.1")] if block.downsample is not None else []
            inside = [("conv1", "bn1"), ("conv2", "bn2"), *projection, ("conv3", "bn3")]
            names += [(f"{name}.{conv}", f"{name}.{norm}") for conv, norm in inside]
    return names
