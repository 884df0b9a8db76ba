"""DeepLabV3 (Chen et al., 2017) on a dilated ResNet-50, and a decoder that raises the resolution by steps of two.

Rebuilt from a published table of layers and parameters: 39,430,945 of them. What the table leaves open (rates, the
filter of the enlargement, the outer names) is chosen, see the model card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.resnet2d import resnet

SIZE = 216, 384
"""Height and width of the frames it was trained on; both sides must be divisible by ``STRIDE``."""
STRIDE = 8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WIDTH = 256

Enlargement = Literal["bilinear", "bicubic", "nearest"]


class PyramidPool(nn.Sequential):
    """The mean of the picture, projected, and spread over all positions again."""

    def __init__(self, inputs: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *_conv(inputs, WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, h, w]`` to ``[N, WIDTH, h, w]``."""
        return F.interpolate(super().forward(x), x.shape[2:], mode="bilinear", align_corners=False)


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling: five views of different reach side by side, projected.

    Args:
        inputs: channels of the features.
        rates: dilations of the 3x3 views.
    """

    def __init__(self, inputs: int, rates: Sequence[int]) -> None:
        super().__init__()
        views: list[nn.Module] = [nn.Sequential(*_conv(inputs, WIDTH, 1))]
        views += [nn.Sequential(*_conv(inputs, WIDTH, 3, rate)) for rate in rates]
        views.append(PyramidPool(inputs))
        self.convs = nn.ModuleList(views)
        self.project = nn.Sequential(*_conv(WIDTH * len(views), WIDTH, 1), nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, h, w]`` to ``[N, WIDTH, h, w]``."""
        return self.project(torch.cat([view(x) for view in self.convs], 1))


class DeepLabSaliency(nn.Module):
    """One frame to where people look in it.

    Args:
        rates: dilations of the pyramid.
        upsample: the filter by which the decoder enlarges.
        align_corners: whether corner pixels keep their places, for filters that know the difference.
    """

    def __init__(
        self, rates: Sequence[int] = (12, 24, 36), upsample: Enlargement = "bilinear", align_corners: bool = False
    ) -> None:
        super().__init__()
        if upsample not in ("bilinear", "bicubic", "nearest"):
            raise ValueError(f"{upsample!r}: enlarge by bilinear, bicubic or nearest")
        self._upsample, self._align = upsample, None if upsample == "nearest" else align_corners
        self.backbone = resnet("resnet50", classes=0, output_stride=STRIDE)
        self.aspp = PyramidPooling(self.backbone.features, rates)
        self.conv1 = nn.Sequential(*_conv(WIDTH, 128, 3))
        self.conv2 = nn.Sequential(*_conv(128, 64, 3))
        self.conv3 = nn.Sequential(*_conv(64, 32, 3))
        self.conv4 = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised RGB ``[N, 3, H, W]`` to maps ``[N, 1, H, W]`` in 0..1."""
        return torch.sigmoid(self.logits(image))

    def logits(self, image: Tensor) -> Tensor:
        """The maps ``[N, 1, H, W]`` before the sigmoid. Raises ValueError for sides that 8 does not divide."""
        if image.shape[2] % STRIDE or image.shape[3] % STRIDE:
            raise ValueError(
                f"pictures of {image.shape[2]}x{image.shape[3]}: both sides must be divisible by {STRIDE}"
            )
        x = self.aspp(self.backbone(image))
        for stage in (self.conv1, self.conv2, self.conv3):
            x = F.interpolate(stage(x), scale_factor=2, mode=self._upsample, align_corners=self._align)
        return self.conv4(x)


def _conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size, batch norm, rectification."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


def normalised(images: Tensor) -> Tensor:
    """uint8 RGB ``[N, 3, H, W]`` as the network wants it."""
    mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (MEAN, STD))
    return (images.float() / 255 - mean) / std


def to_maximum(maps: Tensor) -> Tensor:
    """Maps ``[N, 1, H, W]``, each divided by its own maximum."""
    return maps / maps.amax((2, 3), keepdim=True).clamp_min(1e-12)
