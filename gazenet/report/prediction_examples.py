"""Pictures of the frames that were predicted best and worst: prediction on the left, where people looked right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import inside
from gazenet.errors import MediaError
from gazenet.evaluation.evaluation import Comparison, Judged
from gazenet.files import write_bytes
from gazenet.report.jpeg import frame_picture
from gazenet.report.overlay_drawing import OverlayStyle, draw_overlay

SIDE = 640
"""Longer side of each half."""
APART_S = 1.0
"""Frames of one video that are shown lie at least so many seconds apart: neighbours look alike."""
STYLE = OverlayStyle(marker=False, boxes=False)
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Example:
    """A frame of a video and its score."""

    video: str
    frame: int
    score: float


def chosen(comparison: Comparison, name: str, count: int, metric: str, best: bool) -> list[Example]:
    """The ``count`` frames of a predictor with the highest (or lowest) score, apart from each other."""
    every = [
        Example(video, int(frame), float(score))
        for video, one in comparison.judged[name].items()
        for frame, score in zip(one.scores.frames, one.scores.values[metric], strict=True)
        if np.isfinite(score)
    ]
    found: list[Example] = []
    for example in sorted(every, key=lambda one: one.score, reverse=best):
        times = comparison.judged[name][example.video].video.times
        near = [one for one in found if one.video == example.video]
        if all(abs(times[one.frame] - times[example.frame]) >= APART_S for one in near):
            found.append(example)
        if len(found) == count:
            break
    return found


def write_pictures(comparison: Comparison, folder: Path, count: int, metric: str = "nss") -> list[Path]:
    """``<folder>/<predictor>-<best|worst>-<number>-<video>-<frame>.jpg`` for every predictor; returns the paths.

    A video that cannot be read any more is shown as a grey frame.
    """
    metric = metric if metric in comparison.metrics else comparison.metrics[0]
    wanted = [
        (name, kind, number, example)
        for name in comparison.judged
        for kind in ("best", "worst")
        for number, example in enumerate(chosen(comparison, name, count, metric, kind == "best"), 1)
    ]
    written = []
    for video in comparison.videos:
        here = [one for one in wanted if one[3].video == video]
        any_of = next(iter(comparison.judged.values()))[video]
        frames = _decoded(any_of, sorted({one[3].frame for one in here}))
        for name, kind, number, example in here:
            picture = _side_by_side(frames[example.frame], comparison.judged[name][video], example.frame)
            path = folder / f"{_plain(name)}-{kind}-{number}-{video}-{example.frame}.jpg"
            write_bytes(path, frame_picture(picture, 2 * SIDE, quality=85))
            written.append(path)
    return written


def _decoded(one: Judged, frames: Sequence[int]) -> dict[int, Image]:
    """Some frames of a video, the longer side at most ``SIDE``."""
    height, width = one.video.size
    scale = min(1.0, SIDE / max(height, width))
    found = {
        k: np.full((max(2, round(height * scale)), max(2, round(width * scale)), 3), 96, np.uint8) for k in frames
    }
    if one.video.media is None or not frames:
        return found
    from gazenet.media.decode import VideoReader

    try:
        with VideoReader(one.video.media, max_side=SIDE) as reader:
            for index, frame in enumerate(reader):
                if index in found:
                    found[index] = frame.image
                if index >= frames[-1]:
                    break
    except MediaError:
        return found
    return found


def _side_by_side(image: Image, one: Judged, frame: int) -> Image:
    h, w = one.video.maps.shape[1:]
    predicted = draw_overlay(image, np.asarray(one.video.maps[frame], np.float32), style=STYLE)
    looked = draw_overlay(image, one.truth.density(frame, h, w, one.sigma), style=STYLE)
    scale = np.array(image.shape[1::-1]) / np.array(one.video.size[::-1])
    for x, y in inside(one.truth[frame], one.video.size) * scale:
        cv2.circle(looked, (int(x), int(y)), 4, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(looked, (int(x), int(y)), 3, (255, 255, 255), -1, cv2.LINE_AA)
    return np.concatenate([predicted, looked], axis=1)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
