"""The published evaluation interface: a folder of frame sequences in, a folder of maps out.

``python -m gazenet_plugins.deeplab_saliency.evaluator FRAMES MAPS --weights FILE``
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gazenet.cues.windows import resize
from gazenet.errors import GazenetError, UsageError
from gazenet.files import write_bytes
from gazenet.media.picture_file import read_image
from gazenet.media.picture_folder import sequences
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency
from gazenet_plugins.deeplab_saliency.network import SIZE, normalised, to_maximum

Image = NDArray[np.uint8]


class SaliencyEvaluator:
    """Predicts maps of frames in folders, one folder per video.

    Args:
        weights: the checkpoint; None: ``saliency.pth`` beside this file.
        device: where the network runs; None: the GPU if there is one.
    """

    def __init__(self, weights: str | Path | None = None, device: torch.device | str | None = None) -> None:
        self._device = usable(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network = load_saliency(weights or Path(__file__).with_name("saliency.pth")).to(self._device)

    def evaluate(self, frames: str | Path, maps: str | Path) -> int:
        """Write ``maps/VIDEO/FRAME.png`` (8-bit grey) for every ``frames/VIDEO/FRAME.*`` and return their number.

        Frames may also be in ``frames/VIDEO/frames`` or ``images``, and may differ in size. Raises MediaError if there
        are no frames or one is unreadable.
        """
        count = 0
        for video, files in sequences(frames).items():
            folder = Path(maps) / video
            folder.mkdir(parents=True, exist_ok=True)
            for file, found in zip(files, self.predict(map(read_image, files)), strict=True):
                write_bytes(folder / f"{file.stem}.png", cv2.imencode(".png", found)[1].tobytes())
                count += 1
        return count

    def predict(self, frames: Iterator[Image]) -> Iterator[Image]:
        """Yield the map uint8 ``[H, W]`` of every RGB frame ``[H, W, 3]`` of a video, with its maximum at 255.

        For a network that takes a window of frames, the first frame is repeated before the video.
        """
        length, spacing = self._network.variant.frames, self._network.variant.spacing
        recent: deque[Tensor] = deque(maxlen=(length - 1) * spacing + 1)
        for frame in frames:
            recent.append(torch.from_numpy(resize(frame, SIZE)).permute(2, 0, 1))
            window = [recent[max(0, len(recent) - 1 - spacing * back)] for back in reversed(range(length))]
            yield self._map(window, (frame.shape[0], frame.shape[1]))

    @torch.inference_mode()
    def _map(self, window: Sequence[Tensor], size: tuple[int, int]) -> Image:
        pixels = torch.stack(list(window)).to(self._device)
        maps = self._network(normalised(pixels if len(window) == 1 else pixels[None]))
        if size != SIZE:
            maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        return (to_maximum(maps)[0, 0] * 255).round().byte().cpu().numpy()


def usable(device: torch.device | str) -> torch.device:
    """Return the device. Raises UsageError if it does not exist."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError):
        raise UsageError(f"device {device}: not there; use cpu") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return exit code 0, or 2 with one line for a bad file or folder."""
    parser = argparse.ArgumentParser(description="Writes a map of where people look for every frame of some videos.")
    parser.add_argument("frames", type=Path, help="folder with one folder of frames per video")
    parser.add_argument("maps", type=Path, help="folder for the maps")
    parser.add_argument("--weights", type=Path, help="checkpoint of the network (default: saliency.pth beside it)")
    parser.add_argument("--device", help="cpu or cuda:0 (default: the GPU where there is one)")
    options = parser.parse_args(argv)
    try:
        count = SaliencyEvaluator(options.weights, options.device).evaluate(options.frames, options.maps)
    except GazenetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{count} maps in {options.maps}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
