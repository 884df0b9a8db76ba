"""The published way to be judged: a folder of frame sequences in, a folder of maps out.

``python -m gazenet_plugins.deeplab_saliency.evaluator FRAMES MAPS --weights FILE``
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from gazenet.cues.windows import resize
from gazenet.errors import GazenetError, MediaError
from gazenet.files import write_bytes
from gazenet.media import read_image
from gazenet.media.source import IMAGE_SUFFIXES
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency
from gazenet_plugins.deeplab_saliency.network import SIZE, normalised, to_maximum

Image = NDArray[np.uint8]


class SaliencyEvaluator:
    """Maps of frames that lie in folders, one folder per video.

    Args:
        weights: the checkpoint.
        device: where the network runs.
    """

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = load_saliency(weights).to(self._device)

    @torch.inference_mode()
    def predict(self, frame: Image) -> Image:
        """The map uint8 ``[H, W]`` of an RGB frame ``[H, W, 3]``, its own maximum at 255."""
        pixels = torch.from_numpy(resize(frame, SIZE)).permute(2, 0, 1)[None].to(self._device)
        maps = self._network(normalised(pixels))
        if frame.shape[:2] != SIZE:
            maps = F.interpolate(maps, frame.shape[:2], mode="bilinear", align_corners=False)
        return (to_maximum(maps)[0, 0] * 255).round().byte().cpu().numpy()

    def evaluate(self, frames: str | Path, maps: str | Path) -> int:
        """Writes ``maps/VIDEO/FRAME.png`` (8-bit grey) for every picture ``frames/VIDEO/FRAME.*``; their number.

        Frames of one video may differ in size. Raises MediaError where there are no frames or one is unreadable.
        """
        count = 0
        for video, frame in found_frames(Path(frames)):
            _, data = cv2.imencode(".png", self.predict(read_image(frame)))
            folder = Path(maps) / video
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / f"{frame.stem}.png", data.tobytes())
            count += 1
        return count


def found_frames(folder: Path) -> list[tuple[str, Path]]:
    """(video, file) of all pictures in the folders of a folder, sorted by name.

    Raises MediaError where there are none, and for two pictures of one folder that would share a map.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder")
    videos = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {video.name: _pictures(video) for video in videos}
    if not any(found.values()):
        raise MediaError(f"{folder}: holds no folder with pictures; expected one folder of frames per video")
    return [(video, frame) for video, frames in found.items() for frame in frames]


def _pictures(video: Path) -> list[Path]:
    frames = sorted(path for path in video.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    name, count = Counter(path.stem for path in frames).most_common(1)[0] if frames else ("", 0)
    if count > 1:
        raise MediaError(f"{video}: {count} pictures are named {name}; keep one of them")
    return frames


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line where a file or folder is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m gazenet_plugins.deeplab_saliency.evaluator", description=__doc__)
    parser.add_argument("frames", type=Path, help="folder with one folder of frames per video")
    parser.add_argument("maps", type=Path, help="folder for the maps")
    parser.add_argument("--weights", type=Path, required=True, help="checkpoint of the network")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
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
