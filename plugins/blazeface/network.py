"""BlazeFace: depthwise blocks and two heads, as MediaPipe runs it.

Source: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. State-dict keys as
in the converted files ``blazeface.pth`` and ``blazefaceback.pth``.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRONT_SIDE, BACK_SIDE = 128, 256
GRIDS = ((16, 2), (8, 6))
"""Cells along a side and boxes per cell, of both heads."""

COORDINATES = 16
"""Centre, size and six points (x, y) of a box."""

FRONT = ((24, 28, -32, 36, 42, -48, 56, 64, 72, 80, 88), (-96, 96, 96, 96, 96))
"""Channels of the blocks before the first head and between the heads; negative: the block halves the size."""

BACK = tuple(itertools.chain([24] * 7, [-24], [24] * 7, [-48], [48] * 7, [-96], [96] * 7))


class BlazeBlock(nn.Module):
    """A depthwise and a pointwise convolution with a shortcut that is pooled and padded with zero channels."""

    def __init__(self, inputs: int, outputs: int, stride: int, residual: bool = True) -> None:
        super().__init__()
        self.stride, self.more, self.residual = stride, outputs - inputs, residual
        self.convs = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 1 if stride == 1 else 0, groups=inputs),
            nn.Conv2d(inputs, outputs, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        # The original pads right and bottom only, and only where it halves the size.
        """Return ``[N, outputs, h, w]``, divided by the stride."""
        out: Tensor = self.convs(x if self.stride == 1 else F.pad(x, (0, 2, 0, 2)))
        if not self.residual:
            return F.relu(out)
        shortcut = x if self.stride == 1 else F.max_pool2d(x, 2)
        return F.relu(out + F.pad(shortcut, (0, 0, 0, 0, 0, self.more)))


def _stem() -> list[nn.Module]:
    return [nn.Conv2d(3, 24, 5, 2), nn.ReLU()]


def _blocks(inputs: int, channels: tuple[int, ...]) -> list[nn.Module]:
    pairs = itertools.pairwise((inputs, *channels))
    return [BlazeBlock(abs(a), abs(b), 2 if b < 0 else 1) for a, b in pairs]


class BlazeFace(nn.Module):
    """The network from pictures ``[N, 3, S, S]`` RGB in -1..1 to boxes ``[N, 896, 16]`` and logits ``[N, 896]``.

    S is 128, or 256 with ``back``. Boxes are in pixels, relative to :func:`anchors`, in the same order.
    """

    def __init__(self, back: bool = False) -> None:
        super().__init__()
        self.side = BACK_SIDE if back else FRONT_SIDE
        if back:
            self.backbone = nn.Sequential(*_stem(), *_blocks(24, BACK))
            self.final = BlazeBlock(96, 96, 2, residual=False)
        else:
            first, second = FRONT
            self.backbone1 = nn.Sequential(*_stem(), *_blocks(24, first))
            self.backbone2 = nn.Sequential(*_blocks(88, second))
        fine = 96 if back else 88
        self.classifier_8, self.classifier_16 = nn.Conv2d(fine, 2, 1), nn.Conv2d(96, 6, 1)
        self.regressor_8, self.regressor_16 = nn.Conv2d(fine, 2 * COORDINATES, 1), nn.Conv2d(96, 6 * COORDINATES, 1)
        self._parts = ("backbone", "final") if back else ("backbone1", "backbone2")

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes ``[N, 896, 16]`` and logits ``[N, 896]``."""
        first, second = (self.get_submodule(name) for name in self._parts)
        fine = first(F.pad(pictures, (1, 2, 1, 2)))
        coarse = second(fine)
        boxes = [_rows(self.regressor_8(fine), COORDINATES), _rows(self.regressor_16(coarse), COORDINATES)]
        logits = [_rows(self.classifier_8(fine), 1), _rows(self.classifier_16(coarse), 1)]
        return torch.cat(boxes, 1), torch.cat(logits, 1)[..., 0]


def _rows(x: Tensor, each: int) -> Tensor:
    """Reorder ``[N, boxes * each, h, w]`` to ``[N, h * w * boxes, each]``, cell by cell."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1, each)


def anchors() -> Tensor:
    """Return the centres (x, y) ``[896, 2]`` that boxes are relative to, in fractions of the side."""
    centres = []
    for cells, boxes in GRIDS:
        middle = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(middle, middle, indexing="ij")
        centres.append(torch.stack([x, y], -1).reshape(-1, 2).repeat_interleave(boxes, 0))
    return torch.cat(centres)
