"""STSANet (Wang et al., IEEE TMM 2023): 32 frames in, the saliency map of the 16th of them out.

An S3D encoder gives four scales; each is reduced to four frames that attend to each other; the scales are fused from
coarse to fine. All keys are the published ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gazenet.backbones.s3d import S3D, S3dLevels, ShallowLevels
from gazenet.backbones.unpool import unpool
from gazenet_plugins.stsanet.attention import LEVELS, Unpool, attention_layers, attention_level
from gazenet_plugins.stsanet.fusion import INCEPTIONS, fuse, fusion_layers, inception, upsampling

CLIP = 32
"""Frames of a window."""

TARGET = 15
"""Position in the window, from 0, of the frame that the map belongs to."""

PUBLISHED_SIZE = (224, 384)

DECISIVE = ("base1.", "branch0_pre.", "branch0_0_", "branch0_1_", "branch0_mid.")
"""Prefixes of the layers that determine the positions of un-pooling; rounding would change those positions."""


class STSANet(S3D):
    """The network from 32 frames to the saliency of the frame at position 15.

    Args:
        size: (height, width) of the frames, multiples of 32; LayerNorms over whole feature maps fix it.

    Raises ValueError for other sizes.
    """

    def __init__(self, size: tuple[int, int] = PUBLISHED_SIZE) -> None:
        super().__init__()
        if min(size) < 32 or size[0] % 32 or size[1] % 32:
            raise ValueError(f"frames of {size[0]}x{size[1]}: both sides must be multiples of 32")
        self.size = size
        self.put_back: Unpool = unpool
        layers = fusion_layers()
        for index in range(len(LEVELS)):
            layers |= attention_layers(index, size[0] // (4 << index), size[1] // (4 << index))
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.enlarge = upsampling()

    def forward(self, clip: Tensor) -> Tensor:  # type: ignore[override]
        """Return ``[B, H, W]`` in 0..1 for ``clip`` ``[B, 3, 32, H, W]``, RGB, normalised by mean and std of ImageNet.

        Raises ValueError for clips of another length or size.
        """
        self._check(clip)
        return self.after_chains(self.near(self.frame_stem(clip)))

    def after_chains(self, shallow: Sequence[Tensor]) -> Tensor:
        """Return the map from the levels y3 and y2 of the encoder."""
        return self.decode(self.deeper(ShallowLevels(*shallow)))

    def decode(self, levels: S3dLevels) -> Tensor:
        """Return the map ``[B, H, W]`` from the levels of the encoder."""
        layers = dict(self.named_children())
        scales = [attention_level(layers, k, x, self.put_back) for k, x in enumerate(reversed(levels))]
        x = self.enlarge(layers["branch3_beh_0"](scales[3]))
        for step in range(len(INCEPTIONS)):
            x = self.enlarge(inception(layers, step, fuse(layers, step, x, scales[2 - step])))
        x = self.enlarge(layers["readout_1"](x))
        return layers["readout_2"](x).flatten(0, 2)

    def _check(self, clip: Tensor) -> None:
        shape = tuple(clip.shape[1:])
        if shape != (3, CLIP, *self.size):
            height, width = self.size
            raise ValueError(
                f"a clip of shape {list(shape)}, expected {[3, CLIP, height, width]}: "
                f"the LayerNorms ({self.norms()}) are made for frames of {height}x{width}"
            )

    def norms(self) -> str:
        """Describe the layers that fix the size, for messages."""
        shape = list(self.get_submodule("ln_0_0").normalized_shape)  # type: ignore[arg-type]
        return f"ln_0_0 over {shape}, ..."
