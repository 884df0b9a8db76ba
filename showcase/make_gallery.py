"""Makes the pictures of showcase/gallery from a prediction of the demo clip.

    python showcase/make_gallery.py [--input demo/social_clip.mp4] [--time SECONDS]

``overlay.png``: a frame with the predicted attention; ``cues.png``: each cue and what was made of them;
``architecture.svg``: how the parts fit together. Without the clip, it is made first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from architecture import architecture

from gazenet.files import write_bytes, write_text
from gazenet.inference.person_attention import face_shares
from gazenet.media.decode import VideoReader
from gazenet.report.overlay_drawing import OverlayStyle, draw_overlay, in_view, normalised
from gazenet.report.palette import cue_colour, rgb

Image = NDArray[np.uint8]
GALLERY = Path(__file__).resolve().parent / "gallery"
OVERLAY_SIZE, TILE_SIZE, GAP, CAPTION = 960, 400, 12, 40
PAPER, INK = (250, 249, 247), (40, 36, 44)
TILE_STYLE = OverlayStyle(strength=0.8, light=0.55, marker=False, boxes=False)


def frame_at(path: Path, index: int) -> Image:
    """The decoded frame of an index, RGB. Raises ValueError where the video is shorter."""
    with VideoReader(path, max_side=1280) as reader:
        for frame in reader:
            if frame.index == index:
                return frame.image
    raise ValueError(f"{path} has no frame {index}")


def overlay_picture(image: Image, prediction: Any, index: int, size: tuple[int, int]) -> Image:
    """The frame with glow, peak and people; ``size`` is the (height, width) of the video."""
    saliency, faces = prediction.saliency[index], prediction.faces[index]
    shares, _ = face_shares(saliency, faces, size)
    return draw_overlay(image, saliency, in_view(faces, size, image.shape[:2]), shares)


def cue_sheet(image: Image, prediction: Any, index: int) -> Image:
    """Every cue's map over the frame, and last the fused one; three in a row."""
    tiles = [
        _tile(image, maps[index], f"{name.replace('_', ' ')}", rgb(cue_colour(k)))
        for k, (name, maps) in enumerate(prediction.cues.items())
    ]
    tiles.append(_tile(image, prediction.saliency[index], "fused", rgb("#b8336a")))
    empty = np.full_like(tiles[0], 0)
    empty[:] = PAPER
    tiles += [empty] * (-len(tiles) % 3)
    rows = [np.concatenate(tiles[k : k + 3], axis=1) for k in range(0, len(tiles), 3)]
    return np.concatenate(rows)


def _tile(image: Image, one: NDArray[Any], name: str, colour: tuple[int, int, int]) -> Image:
    height = round(TILE_SIZE * image.shape[0] / image.shape[1])
    small = cv2.resize(image, (TILE_SIZE, height), interpolation=cv2.INTER_AREA)
    # A cue's strength is kept: a silent cue looks silent, while the fused map is relative to its peak.
    level = one.astype(np.float32) / 255 if one.dtype == np.uint8 else normalised(one).astype(np.float32) / 255
    drawn = draw_overlay(small, level, style=TILE_STYLE)
    if one.dtype == np.uint8:
        top = float(level.max())
        drawn = cv2.addWeighted(drawn, top, draw_overlay(small, level * 0, style=TILE_STYLE), 1 - top, 0)
    tile = np.empty((height + CAPTION + GAP, TILE_SIZE + GAP, 3), np.uint8)
    tile[:] = PAPER
    tile[GAP // 2 : GAP // 2 + height, GAP // 2 : GAP // 2 + TILE_SIZE] = drawn
    y = GAP // 2 + height + 27
    cv2.rectangle(tile, (8, y - 12), (19, y - 1), colour, -1)
    cv2.putText(tile, name, (28, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, INK, 1, cv2.LINE_AA)
    return tile


def telling_frame(prediction: Any) -> int:
    """The frame whose cues are strongest in sum, away from both ends."""
    strength = np.sum([maps.reshape(len(maps), -1).max(axis=1).astype(float) for maps in prediction.cues.values()], 0)
    margin = len(strength) // 10
    return margin + int(np.argmax(strength[margin : len(strength) - margin or None]))


def write_png(path: Path, image: Image) -> None:
    """An RGB picture as PNG, atomically."""
    done, data = cv2.imencode(".png", image[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise ValueError(f"{path}: a picture of shape {image.shape} cannot be encoded")
    write_bytes(path, data.tobytes())


def make_gallery(source: Path, prediction: Any, folder: Path, time: float | None = None) -> None:
    """Writes the three pictures of a predicted video into a folder."""
    index = telling_frame(prediction) if time is None else int(np.argmin(np.abs(prediction.times - time)))
    image = frame_at(source, index)
    with VideoReader(source) as reader:
        size = (reader.info.height, reader.info.width)
    picture = overlay_picture(image, prediction, index, size)
    scale = min(1.0, OVERLAY_SIZE / image.shape[1])
    write_png(folder / "overlay.png", cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    write_png(folder / "cues.png", cue_sheet(image, prediction, index))
    write_text(folder / "architecture.svg", architecture())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the pictures of the gallery.")
    parser.add_argument("--input", type=Path, default=Path("demo/social_clip.mp4"), help="the video (%(default)s)")
    parser.add_argument("--time", type=float, help="seconds; by default the frame with the strongest cues")
    parser.add_argument("--output_dir", type=Path, default=GALLERY, help="where the pictures go (%(default)s)")
    given = parser.parse_args(arguments)
    import gazenet

    if not given.input.exists():
        from make_clip import make_clip

        make_clip(given.input)
    make_gallery(given.input, gazenet.predict(given.input), given.output_dir, given.time)
    return 0


if __name__ == "__main__":
    sys.exit(main())
