"""Residual networks for pictures (He et al., CVPR 2016; ResNeXt: Xie et al., CVPR 2017), with the usual key names.

Keys: ``conv1``, ``bn1``, ``layer1`` .. ``layer4`` with ``conv1``, ``bn1``, ``conv2``, ... and ``downsample.0``,
``downsample.1`` inside each block, ``fc``. Children stand in the order of computation, so that checkpoints of networks
that were cut by position can be built from ``children()``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class BlockForm:
    """The form of all blocks of a network. One group with ``width_per_group`` 64 is the plain network."""

    bottleneck: bool
    groups: int = 1
    width_per_group: int = 64

    @property
    def expansion(self) -> int:
        """Ratio of output channels to nominal width."""
        return 4 if self.bottleneck else 1

    def width(self, planes: int) -> int:
        """Return the channels inside a block of nominal width ``planes``."""
        return planes * self.width_per_group // 64 * self.groups if self.bottleneck else planes


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, the first with the stride, and the identity or its projection.

    ``entry`` is the dilation of the convolution that has the stride, ``dilation`` that of those after it.
    """

    def __init__(self, inputs: int, planes: int, form: BlockForm, stride: int, entry: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, entry, entry, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = projection(inputs, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, H, W]`` to ``[N, outputs, H / stride, W / stride]``."""
        inside = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(inside + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 with stride, groups and dilation, 1x1 to four times the planes, and the identity or its projection.

    ``entry`` is the dilation of its only 3x3 convolution; ``dilation`` applies from the next block on.
    """

    def __init__(self, inputs: int, planes: int, form: BlockForm, stride: int, entry: int, dilation: int) -> None:
        super().__init__()
        width, outputs = form.width(planes), planes * form.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, entry, entry, form.groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, H, W]`` to ``[N, outputs, H / stride, W / stride]``."""
        inside = self.relu(self.bn1(self.conv1(x)))
        inside = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(inside)))))
        return self.relu(inside + (x if self.downsample is None else self.downsample(x)))


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the 1x1 convolution beside a block that changes channels or size; None if nothing changes."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


DILATED = {32: (False, False, False), 16: (False, False, True), 8: (False, True, True), 4: (True, True, True)}
"""By output stride: whether the stride of stage 2, 3 and 4 becomes a dilation."""


class ResNet(nn.Module):
    """A residual network: ``[N, in_channels, H, W]`` to logits ``[N, classes]``, or to the maps of its stages.

    Args:
        counts: blocks of the four stages.
        form: the kind of block.
        classes: outputs of ``fc``; 0: neither ``avgpool`` nor ``fc``, and the result is the last stage's map.
        in_channels: of the picture.
        output_stride: 32, 16, 8 or 4: pixels per cell of the last map. Stages that lose their stride get dilated
            convolutions instead, so that their cells at multiples of the lost stride are unchanged: the convolution
            that had the stride keeps the dilation of the stage before it.

    Raises ValueError for another output stride.
    """

    def __init__(
        self,
        counts: Sequence[int],
        form: BlockForm,
        *,
        classes: int = 1000,
        in_channels: int = 3,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        if output_stride not in DILATED:
            raise ValueError(f"output stride {output_stride}: must be one of {', '.join(map(str, DILATED))}")
        self.features = 512 * form.expansion
        self._inputs, self._dilation = 64, 1
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        dilated = DILATED[output_stride]
        self.layer1 = self._stage(form, 64, counts[0], 1, False)
        self.layer2 = self._stage(form, 128, counts[1], 2, dilated[0])
        self.layer3 = self._stage(form, 256, counts[2], 2, dilated[1])
        self.layer4 = self._stage(form, 512, counts[3], 2, dilated[2])
        self.avgpool = nn.AdaptiveAvgPool2d(1) if classes else None
        self.fc = nn.Linear(self.features, classes) if classes else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stage(self, form: BlockForm, planes: int, count: int, stride: int, dilated: bool) -> nn.Sequential:
        kind = Bottleneck if form.bottleneck else BasicBlock
        entry = self._dilation
        if dilated:
            self._dilation, stride = self._dilation * stride, 1
        blocks = [kind(self._inputs, planes, form, stride, entry, self._dilation)]
        self._inputs = planes * form.expansion
        blocks += [kind(self._inputs, planes, form, 1, self._dilation, self._dilation) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def stem(self, x: Tensor) -> Tensor:
        """Return the input of the first stage, ``[N, 64, H/4, W/4]``."""
        return self.maxpool(self.relu(self.bn1(self.conv1(x))))

    def stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the outputs of ``layer1`` .. ``layer4``, at strides 4, 8, 16, 32 unless dilated."""
        first = self.layer1(self.stem(x))
        second = self.layer2(first)
        third = self.layer3(second)
        return first, second, third, self.layer4(third)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, or the map of the last stage."""
        return self.classify(self.stages(x)[-1])

    def classify(self, last: Tensor) -> Tensor:
        """Return logits from the map of the last stage; the map itself in a network without classes."""
        if self.avgpool is None or self.fc is None:
            return last
        return self.fc(self.avgpool(last).flatten(1))


class TwoLayerResNet(ResNet):
    """The variant with two layers at its end: pool, ``fc1`` to 1000, ReLU, ``fc2`` to ``outputs``.

    Source: the backbone of Gaze360 (Kellnhofer et al., ICCV 2019).
    """

    def __init__(self, counts: Sequence[int], form: BlockForm, outputs: int) -> None:
        super().__init__(counts, form, classes=0)
        self.fc1 = nn.Linear(self.features, 1000)
        self.fc2 = nn.Linear(1000, outputs)

    def classify(self, last: Tensor) -> Tensor:
        """Return ``[N, outputs]`` from the map of the last stage."""
        return self.fc2(self.relu(self.fc1(last.mean((2, 3)))))


PLAIN, DEEP = BlockForm(bottleneck=False), BlockForm(bottleneck=True)

FORMS: dict[str, tuple[tuple[int, int, int, int], BlockForm]] = {
    "resnet18": ((2, 2, 2, 2), PLAIN),
    "resnet34": ((3, 4, 6, 3), PLAIN),
    "resnet50": ((3, 4, 6, 3), DEEP),
    "resnet101": ((3, 4, 23, 3), DEEP),
    "resnet152": ((3, 8, 36, 3), DEEP),
    "resnext50_32x4d": ((3, 4, 6, 3), BlockForm(True, 32, 4)),
    "resnext101_32x8d": ((3, 4, 23, 3), BlockForm(True, 32, 8)),
    "wide_resnet50_2": ((3, 4, 6, 3), BlockForm(True, 1, 128)),
    "wide_resnet101_2": ((3, 4, 23, 3), BlockForm(True, 1, 128)),
}
"""By published name: blocks per stage and their form."""


def resnet(name: str, *, classes: int = 1000, in_channels: int = 3, output_stride: int = 32) -> ResNet:
    """Build a network of :data:`FORMS` with random weights. Raises ValueError for an unknown name or output stride."""
    if name not in FORMS:
        raise ValueError(f"{name!r}: no such residual network; known: {', '.join(FORMS)}")
    counts, form = FORMS[name]
    return ResNet(counts, form, classes=classes, in_channels=in_channels, output_stride=output_stride)
