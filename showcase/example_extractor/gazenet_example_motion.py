"""Motion as a cue: what changed since the frame before attracts the eye."""

import torch
from torch.nn import functional as F

from gazenet.cues.extractor import CueMaps
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, WindowSpec


class Motion:
    """Blurred absolute frame difference, relative to its own maximum."""

    spec = ExtractorSpec(
        name="motion",
        summary="What moved since the frame before",
        cue="other",
        implementation="gazenet_example_motion:Motion",
        window=WindowSpec(before=1),
        input=InputSpec(height=90, width=160),
        parameters={"threshold": 0.08},
        licence="MIT",
    )

    def __init__(self, threshold=0.08):
        self.threshold = threshold

    def load(self, device, dtype, asset_path):
        taps = torch.exp(-(torch.arange(-6.0, 7.0) ** 2) / 18).to(device)
        self.kernel = (taps / taps.sum()).view(1, 1, -1, 1)

    def begin(self, video):
        pass

    def extract(self, windows):
        grey = windows.frames.float().mean(2) / 255
        moved = (grey[:, 1] - grey[:, 0]).abs()
        moved = F.relu(moved - self.threshold)[:, None]
        moved = F.conv2d(moved, self.kernel, padding=(6, 0))
        moved = F.conv2d(moved, self.kernel.transpose(2, 3), padding=(0, 6))
        maps = F.interpolate(moved, windows.map_size, mode="bilinear")[:, 0]
        peak = maps.amax((1, 2), keepdim=True)
        return CueMaps(maps / peak.clamp_min(1e-3))
