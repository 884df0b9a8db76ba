"""Modality encoders: one cue map in, features at half its resolution out."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from gazenet.fusion.gasp_config import EncoderKind


def _conv(inputs: int, outputs: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _transposed(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, 3, padding=1)


def _chain(layer: type | object, widths: list[int]) -> list[nn.Module]:
    assert callable(layer)
    return [layer(a, b) for a, b in pairwise(widths)]


def _published_conv(inputs: int, outputs: int) -> nn.Sequential:
    down = [*_chain(_conv, [inputs, outputs, 64]), nn.MaxPool2d(2), *_chain(_conv, [64, 128, 128])]
    return nn.Sequential(*down, *_chain(_transposed, [128, 128, 64, outputs, outputs]))


def _published_deep(inputs: int, outputs: int) -> nn.Sequential:
    down = _chain(_conv, [inputs, outputs, outputs, 64, 64, 128, *[128] * 5])
    inner = _chain(_conv, [128] * 4)
    return nn.Sequential(*down, nn.MaxPool2d(2), *inner, *_chain(_transposed, [128, 128, 128, 64, outputs, outputs]))


def _light(inputs: int, outputs: int) -> nn.Sequential:
    width = max(4, outputs + outputs // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, width, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(width, outputs, 3, padding=2, dilation=2),
        nn.Dropout2d(0.1),
    )


_KINDS = {"Conv": _published_conv, "Deep": _published_deep, "Light": _light}


class ModalityEncoder(nn.Module):
    """``[N, in_channels, H, W]`` to ``[N, out_channels, H/2, W/2]``.

    ``Conv`` (8 layers) and ``Deep`` (18 layers) are the published ones: linear apart from one max-pool. ``Light`` is
    two rectified layers.
    """

    def __init__(self, in_channels: int = 3, out_channels: int = 32, encoder: EncoderKind = "Conv") -> None:
        super().__init__()
        self.enc = _KINDS[encoder](in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features ``[N, out_channels, H/2, W/2]`` of maps ``[N, in_channels, H, W]``."""
        return self.enc(x)
