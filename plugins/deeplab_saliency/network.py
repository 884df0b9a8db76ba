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
from gazenet_plugins.deeplab_saliency.trunks import ThinResNet, WindowFusion
from gazenet_plugins.deeplab_saliency.variant import PUBLISHED, Variant

SIZE = 216, 384
"""Height and width of the frames it was trained on; both sides must be divisible by ``STRIDE``."""
STRIDE = 8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WIDTH = 256

Enlargement = Literal["bilinear", "bicubic", "nearest"]


class PyramidPool(nn.Sequential):
    """The projected mean of the picture, expanded to all positions."""

    def __init__(self, inputs: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *_conv(inputs, WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, WIDTH, h, w]`` of ``[N, inputs, h, w]``."""
        return F.interpolate(super().forward(x), x.shape[2:], mode="bilinear", align_corners=False)


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling: five branches of different reach, concatenated and projected.

    Args:
        inputs: channels of the features.
        rates: dilations of the 3x3 branches.
    """

    def __init__(self, inputs: int, rates: Sequence[int]) -> None:
        super().__init__()
        views: list[nn.Module] = [nn.Sequential(*_conv(inputs, WIDTH, 1))]
        views += [nn.Sequential(*_conv(inputs, WIDTH, 3, rate)) for rate in rates]
        views.append(PyramidPool(inputs))
        self.convs = nn.ModuleList(views)
        self.project = nn.Sequential(*_conv(WIDTH * len(views), WIDTH, 1), nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, WIDTH, h, w]`` of ``[N, inputs, h, w]``."""
        return self.project(torch.cat([view(x) for view in self.convs], 1))


class SkipConnection(nn.Module):
    """A projected stage of the trunk that is added in the decoder."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, stage: Tensor) -> Tensor:
        """Add ``stage`` ``[N, inputs, h, w]`` to ``x`` ``[N, outputs, h, w]``."""
        return x + torch.relu(self.project(stage))


class DeepLabSaliency(nn.Module):
    """The network from a frame, or a short window of frames, to the saliency of the (last) frame.

    Args:
        rates: dilations of the pyramid.
        upsample: the filter of the decoder's upsampling.
        align_corners: whether corner pixels keep their positions, for filters with that option.
        variant: additions to the published network.
    """

    def __init__(
        self,
        rates: Sequence[int] = (12, 24, 36),
        upsample: Enlargement = "bilinear",
        align_corners: bool = False,
        variant: Variant = PUBLISHED,
    ) -> None:
        super().__init__()
        if upsample not in ("bilinear", "bicubic", "nearest"):
            raise ValueError(f"{upsample!r}: enlarge by bilinear, bicubic or nearest")
        self._upsample, self._align = upsample, None if upsample == "nearest" else align_corners
        self.variant = variant
        thin = variant.trunk == "resnet50_thin"
        self.backbone = ThinResNet(MEAN, STD) if thin else resnet("resnet50", classes=0, output_stride=STRIDE)
        self.aspp = PyramidPooling(self.backbone.features, rates)
        self.conv1 = nn.Sequential(*_conv(WIDTH, 128, 3))
        self.conv2 = nn.Sequential(*_conv(128, 64, 3))
        self.conv3 = nn.Sequential(*_conv(64, 32, 3))
        self.conv4 = nn.Conv2d(32, 1, 3, padding=1)
        quarter, eighth = ThinResNet.levels if thin else (256, 512)
        self.skip8 = SkipConnection(eighth, WIDTH) if variant.skips else None
        self.skip4 = SkipConnection(quarter, 128) if variant.skips else None
        self.window = WindowFusion(self.backbone.features, variant.frames) if variant.frames > 1 else None
        self.dropout = nn.Dropout2d(variant.dropout) if variant.dropout else None

    def forward(self, image: Tensor) -> Tensor:
        """Return maps ``[N, 1, H, W]`` in 0..1 of normalised RGB ``[N, 3, H, W]``.

        A network of windows takes ``[N, frames, 3, H, W]``; a single frame counts as a window of its copies.
        """
        return torch.sigmoid(self.logits(image))

    def logits(self, image: Tensor) -> Tensor:
        """Return the maps ``[N, 1, H, W]`` before the sigmoid. Raises ValueError for sides that 8 does not divide."""
        if image.shape[-2] % STRIDE or image.shape[-1] % STRIDE:
            raise ValueError(
                f"pictures of {image.shape[-2]}x{image.shape[-1]}: both sides must be divisible by {STRIDE}"
            )
        features, stages = self._features(image)
        x = self.aspp(features)
        if self.skip8 is not None:
            x = self.skip8(x, stages[1])
        x = x if self.dropout is None else self.dropout(x)
        x = self._larger(self.conv1(x))
        if self.skip4 is not None:
            x = self.skip4(x, stages[0])
        return self.conv4(self._larger(self.conv3(self._larger(self.conv2(x)))))

    def _features(self, image: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the trunk's last stage, fused over a window, and the skip stages of the last frame."""
        if self.window is None:
            return self._trunk(image)
        if image.dim() == 4:
            image = image[:, None].expand(-1, self.window.frames, -1, -1, -1)
        features, stages = self._trunk(image.flatten(0, 1))
        last = [stage.unflatten(0, image.shape[:2])[:, -1] for stage in stages]
        return self.window(features.unflatten(0, image.shape[:2])), last

    def _trunk(self, image: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        if self.skip8 is None:
            return self.backbone(image), ()
        stages = self.backbone.stages(image)
        return stages[-1], stages

    def _larger(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode=self._upsample, align_corners=self._align)


def _conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> list[nn.Module]:
    """Build a convolution that keeps the size, with batch norm and ReLU."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


def normalised(images: Tensor) -> Tensor:
    """Normalise uint8 RGB ``[..., 3, H, W]`` for the network."""
    mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (MEAN, STD))
    return (images.float() / 255 - mean) / std


def to_maximum(maps: Tensor) -> Tensor:
    """Divide each of the maps ``[N, 1, H, W]`` by its maximum."""
    return maps / maps.amax((2, 3), keepdim=True).clamp_min(1e-12)
