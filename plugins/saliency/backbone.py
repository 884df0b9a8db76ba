"""The frozen image network of the saliency readout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.backbones.onnx_graph import OnnxNetwork
from gazenet_plugins.saliency.network import LEVELS

TAPS = ("/Relu_21_output_0", "/Relu_39_output_0", "/Relu_48_output_0")
BGR_MEAN = np.array([104, 117, 123], np.float32)


class Backbone:
    """Features of open_nsfw (ResNet-50-thin) at strides 8, 16 and 32."""

    def __init__(self, path: Path) -> None:
        self._network = OnnxNetwork(path, free={0: (1, 2)}, outputs=TAPS)

    def __call__(self, image: NDArray[np.uint8]) -> list[torch.Tensor]:
        """Return three float tensors ``[C, H / stride, W / stride]`` for ``image`` uint8 ``[H, W, 3]`` RGB."""
        levels = self._network((image[..., ::-1].astype(np.float32) - BGR_MEAN)[None])
        return [torch.from_numpy(_channels_first(x[0], c)) for x, c in zip(levels, LEVELS, strict=True)]


def _channels_first(level: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    last = level.shape[-1] == channels and level.shape[0] != channels
    return np.ascontiguousarray(level.transpose(2, 0, 1) if last else level)
