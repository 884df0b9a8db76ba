"""One plugin of each kind for gazenet: a cue, an integrator, a sink and a data set, in one module."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from gazenet.plugins import (
    ConfigModel,
    CueMaps,
    Dataset,
    ExtractorSpec,
    FrameFixations,
    Fused,
    InputSpec,
    Integrator,
    IntegratorSpec,
    ReaderSpec,
    Sink,
    SinkSpec,
    UsageError,
    WindowSpec,
    writing,
)


class Motion:
    """Blurred absolute frame difference, relative to its own maximum."""

    spec = ExtractorSpec(
        name="motion",
        summary="What moved since the frame before",
        cue="other",
        implementation="gazenet_example:Motion",
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
        moved = F.relu((grey[:, 1] - grey[:, 0]).abs() - self.threshold)[:, None]
        moved = F.conv2d(moved, self.kernel, padding=(6, 0))
        moved = F.conv2d(moved, self.kernel.transpose(2, 3), padding=(0, 6))
        maps = F.interpolate(moved, windows.map_size, mode="bilinear")[:, 0]
        return CueMaps(maps / maps.amax((1, 2), keepdim=True).clamp_min(1e-3))


class CentredMotion(Integrator):
    """Motion, the more the nearer it is to the middle of the frame; the gate of the cue is its strength."""

    spec = IntegratorSpec(
        name="centred_motion",
        summary="Motion weighted by the centre of the frame",
        cues=("motion",),
        implementation="gazenet_example:CentredMotion",
        parameters={"spread": 0.4},
        licence="MIT",
    )

    def __init__(self, spread=0.4):
        self.spread = spread

    def fuse(self, maps):
        motion = maps["motion"].astype(np.float32) / 255
        y, x = (np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in motion.shape[1:])
        centre = np.exp(-(y[:, None] ** 2 + x**2) / (2 * self.spread**2))
        return Fused((0.05 + motion) * centre, motion.max(axis=(1, 2))[:, None])


class PeakSettings(ConfigModel):
    """What ``outputs.peaks`` of a config may say."""

    every: int = 1


class Peaks(Sink):
    """``peaks.csv``: where the map is highest, in 0..1 of the frame, on every n-th frame."""

    spec = SinkSpec(
        name="peaks",
        summary="Where the map is highest",
        implementation="gazenet_example:Peaks",
        files=("peaks.csv",),
        settings=PeakSettings,
        licence="MIT",
    )

    def __init__(self, settings):
        self.every, self.rows = settings.every, []

    def open(self, context):
        self.path = context.folder / self.files[0]

    def write(self, chunk):
        for frame, saliency in enumerate(chunk.saliency, chunk.start):
            if frame % self.every == 0:
                row, column = np.unravel_index(saliency.argmax(), saliency.shape)
                self.rows.append((frame, (column + 0.5) / saliency.shape[1], (row + 0.5) / saliency.shape[0]))

    def close(self, summary):
        with writing(self.path), self.path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("frame", "x", "y"), *self.rows])


@dataclass(frozen=True)
class Clip:
    """A video with ``<name>.csv`` beside it: lines ``seconds,x,y``, x and y in pixels of 640 x 360."""

    path: Path
    still = False
    size = (360, 640)

    @property
    def name(self):
        return self.path.stem

    def fixations(self, times):
        rows = np.loadtxt(self.path.with_suffix(".csv"), delimiter=",", ndmin=2)
        points = [rows[np.abs(rows[:, 0] - time) < 0.02, 1:] for time in times]
        return FrameFixations(self.size, points, np.array([len(one) for one in points]))


class Clips(Dataset):
    """All ``.mp4`` files of a folder that have a table beside them."""

    spec = ReaderSpec(
        name="clips", summary="Videos with a table of fixations each", implementation="gazenet_example:Clips"
    )
    name, sigma, reference_width = "clips", 20.0, 640

    def __init__(self, root):
        self.root = Path(root)

    def items(self):
        clips = [Clip(path) for path in sorted(self.root.glob("*.mp4")) if path.with_suffix(".csv").exists()]
        if not clips:
            raise UsageError(f"{self.root}: holds no .mp4 with a .csv beside it")
        return clips
