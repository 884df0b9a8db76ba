"""AViNet: ViNet with sound at its deepest level (Jain et al., IROS 2021). All keys are the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from gazenet.backbones.s3d import ShallowLevels
from gazenet.backbones.sliding_windows import Chain
from gazenet.backbones.soundnet import SoundNet
from gazenet.backbones.vinet import ViNet
from gazenet_plugins.avinet.fusion import (
    AUDIO_STEPS,
    CHANNELS,
    STEPS,
    Transformer,
    attended,
    bilinear_of,
    multiplied,
)

FUSIONS = ("bilinear", "transformer", "bilinear_transformer")
CLIP = 32
PUBLISHED_SIZE = (224, 384)
NARROW = 32
"""Channels, each a token, of the transformer after the bilinear layer."""


class AViNet(nn.Module):
    """The network from a clip ``[N, 3, 32, H, W]`` and its sound ``[N, 1, L, 1]`` to saliency ``[N, H, W]`` in 0..1.

    Frames are RGB, normalised by mean and standard deviation of ImageNet. L is 48,000 to 70,560, which gives three
    steps of sound.

    Args:
        fusion: one of :data:`FUSIONS`: pairs of positions and steps of sound; both as tokens of one sequence; pairs,
            then channels as tokens.
        size: (height, width) of the frames, multiples of 32; the fusion layers fix it.

    Raises ValueError for another fusion or size.
    """

    places: Mapping[str, str] = {
        "logits": "visual_model.decoder.convtsp4",
        "audio_features": "audionet",
        "fused": ">visual_model.decoder.convtsp1",
    }
    """Inner values by their names in reference vectors: the output of a module, or its input after ``>``."""

    def __init__(self, fusion: str = "bilinear", size: tuple[int, int] = PUBLISHED_SIZE) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"fusion {fusion!r}: choose from {', '.join(FUSIONS)}")
        if min(size) < 32 or size[0] % 32 or size[1] % 32:
            raise ValueError(f"frames of {size[0]}x{size[1]}: both sides must be multiples of 32")
        self.fusion, self.size = fusion, size
        grid = size[0] // 32, size[1] // 32
        cells = STEPS * grid[0] * grid[1]
        self.visual_model = ViNet(CLIP)
        self.audionet = SoundNet()
        self.bilinear = bilinear_of(grid)
        if fusion == "transformer":
            self.conv_in_1x1 = nn.Conv3d(CHANNELS, CHANNELS // 2, 1)
            self.audio_conv_1x1 = nn.Conv2d(CHANNELS, CHANNELS // 2, 1)
            self.transformer = Transformer(cells + AUDIO_STEPS, CHANNELS // 2)
        elif fusion == "bilinear_transformer":
            self.conv_in_1x1 = nn.Conv3d(CHANNELS, NARROW, 1)
            self.conv_out_1x1 = nn.Conv3d(NARROW, CHANNELS, 1)
            self.transformer = Transformer(NARROW, cells)

    def forward(self, clip: Tensor, audio: Tensor) -> Tensor:
        """Return the map of the last frame. Raises ValueError for clips of another length or size."""
        if tuple(clip.shape[2:]) != (CLIP, *self.size):
            raise ValueError(f"a clip of {list(clip.shape[2:])}: the network takes {[CLIP, *self.size]}")
        return self.after_chains(self.visual_model.backbone.near(self.frame_stem(clip)), audio)

    def frame_stem(self, frames: Tensor) -> Tensor:
        """Apply :meth:`gazenet.backbones.s3d.S3dEncoder.frame_stem`."""
        return self.visual_model.frame_stem(frames)

    def chains(self) -> Sequence[Chain]:
        """Return the layers that sliding windows share."""
        return self.visual_model.chains()

    def after_chains(self, shallow: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return the map from the levels y3 and y2 of the encoder, and the sound."""
        levels = self.visual_model.backbone.deeper(ShallowLevels(*shallow))
        fused = self.fused(levels.y0, self.audionet(audio))
        return self.visual_model.decoder(levels._replace(y0=fused))

    def fused(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse the deepest level ``[N, 1024, 4, H/32, W/32]`` with sound ``[N, 1024, 3, 1]``; the shape is kept."""
        if self.fusion == "transformer":
            return attended(self.transformer, self.conv_in_1x1(visual), self.audio_conv_1x1(audio))
        pairs = multiplied(self.bilinear, visual, audio)
        if self.fusion == "bilinear":
            return pairs
        narrow = self.conv_in_1x1(pairs)
        tokens = narrow.flatten(2).transpose(0, 1)
        return self.conv_out_1x1(self.transformer(tokens).transpose(0, 1).reshape(narrow.shape))


def fusion_of(state: Mapping[str, Tensor]) -> str:
    """Return the fusion that a state dict belongs to, by its keys."""
    if "audio_conv_1x1.weight" in state:
        return "transformer"
    return "bilinear_transformer" if "conv_out_1x1.weight" in state else "bilinear"
