"""The expression network: four dense blocks of separable convolutions, 329 KB of uint8 weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
MEAN = (122.782, 117.001, 104.298)
SIDE = 112
_BLOCKS = ((3, 32), (32, 64), (64, 128), (128, 256))


def _same(x: Tensor, stride: int) -> Tensor:
    """Pad like SAME in TensorFlow for a 3x3 convolution: one-sided for stride 2 on even sizes."""
    return F.pad(x, (0, 1, 0, 1) if stride == 2 and x.shape[-1] % 2 == 0 else (1, 1, 1, 1))


class DepthwiseSeparable(nn.Module):
    """A depthwise 3x3 convolution, then a pointwise one with bias."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[B, inputs, h, w]``."""
        return self.pointwise(self.depthwise(_same(x, self.stride)))


class PlainConv(nn.Module):
    """A 3x3 convolution with bias and stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[B, inputs, h, w]``."""
        return self.conv(_same(x, 2))


class DenseBlock(nn.Module):
    """Four convolutions; each later one takes the rectified sum of all before it."""

    def __init__(self, inputs: int, outputs: int, first: bool) -> None:
        super().__init__()
        self.conv0: nn.Module = PlainConv(inputs, outputs) if first else DepthwiseSeparable(inputs, outputs, 2)
        self.conv1, self.conv2, self.conv3 = (DepthwiseSeparable(outputs, outputs) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[B, outputs, h/2, w/2]``."""
        a = F.relu(self.conv0(x))
        b = self.conv1(a)
        c = self.conv2(F.relu(a + b))
        d = self.conv3(F.relu(a + b + c))
        return F.relu(a + b + c + d)


class ExpressionNet(nn.Module):
    """The network from RGB crops ``[B, 3, 112, 112]`` in 0..255 to probabilities ``[B, 7]`` of CLASSES."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.ModuleList(DenseBlock(i, o, k == 0) for k, (i, o) in enumerate(_BLOCKS))
        self.fc = nn.Linear(256, len(CLASSES))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Return probabilities ``[B, 7]``."""
        x = (crops.float() - self.mean) / 255
        for block in self.dense:
            x = block(x)
        return F.softmax(self.fc(x.mean((2, 3))), 1)


def read_weights(manifest: Path, data: Path) -> dict[str, Tensor]:
    """Read the published quantised weights as a state dict of :class:`ExpressionNet`."""
    raw = data.read_bytes()
    state, offset = {}, 0
    for group in json.loads(manifest.read_text()):
        for entry in group["weights"]:
            kind = np.dtype(entry.get("quantization", entry)["dtype"])
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(raw, kind, count, offset).astype(np.float32).reshape(entry["shape"])
            offset += count * kind.itemsize
            if "quantization" in entry:
                values = values * entry["quantization"]["scale"] + entry["quantization"]["min"]
            key, tensor = _translate(entry["name"], torch.from_numpy(np.ascontiguousarray(values)))
            state[key] = tensor
    return state


def _translate(name: str, value: Tensor) -> tuple[str, Tensor]:
    """Convert a published name ("dense0/conv1/depthwise_filter") and layout (HWIO) to those of PyTorch (OIHW)."""
    *path, leaf = name.split("/")
    block = [part for part in path if part]
    if block[-1] == "fc":
        return ("fc.weight", value.T.contiguous()) if leaf == "weights" else ("fc.bias", value)
    dense, conv = block[-2], block[-1]
    prefix = f"dense.{dense.removeprefix('dense')}.{conv}"
    if leaf == "depthwise_filter":
        return f"{prefix}.depthwise.weight", value.permute(2, 3, 0, 1).contiguous()
    if leaf == "pointwise_filter":
        return f"{prefix}.pointwise.weight", value.permute(3, 2, 0, 1).contiguous()
    if leaf == "filters":
        return f"{prefix}.conv.weight", value.permute(3, 2, 0, 1).contiguous()
    kind = "conv" if (dense, conv) == ("dense0", "conv0") else "pointwise"
    return f"{prefix}.{kind}.bias", value
