"""Pictures of the frames that were predicted best and worst: prediction on the left, fixations on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import inside
from gazenet.errors import MediaError
from gazenet.evaluation.evaluation import Evaluation, VideoScores
from gazenet.evaluation.predictions import PredictedVideo
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


def pick(evaluation: Evaluation, predictor: str, metric: str, count: int, best: bool) -> list[Example]:
    """Pick the ``count`` frames of a predictor with the highest (or lowest) score, apart from each other."""
    videos = evaluation.scores[predictor]
    every = [
        Example(video, int(frame), float(score))
        for video, scored in videos.items()
        for frame, score in zip(scored.scores.frames, scored.scores.values[metric], strict=True)
        if np.isfinite(score)
    ]
    picked: list[Example] = []
    for example in sorted(every, key=lambda example: example.score, reverse=best):
        times = videos[example.video].prediction.times
        near = [other for other in picked if other.video == example.video]
        if all(abs(times[other.frame] - times[example.frame]) >= APART_S for other in near):
            picked.append(example)
        if len(picked) == count:
            break
    return picked


def write_examples(evaluation: Evaluation, folder: Path, count: int, metric: str = "nss") -> list[Path]:
    """Write ``<folder>/<predictor>-<best|worst>-<number>-<video>-<frame>.jpg`` for every predictor.

    Returns the paths. A video that cannot be read any more is shown as a grey frame.
    """
    metric = metric if metric in evaluation.metrics else evaluation.metrics[0]
    wanted = [
        (name, kind, number, example)
        for name in evaluation.scores
        for kind in ("best", "worst")
        for number, example in enumerate(pick(evaluation, name, metric, count, kind == "best"), 1)
    ]
    written = []
    for video in evaluation.videos:
        here = [entry for entry in wanted if entry[3].video == video]
        any_prediction = next(iter(evaluation.scores.values()))[video].prediction
        frames = _decoded(any_prediction, sorted({entry[3].frame for entry in here}))
        for name, kind, number, example in here:
            picture = _side_by_side(frames[example.frame], evaluation.scores[name][video], example.frame)
            path = folder / f"{_plain(name)}-{kind}-{number}-{video}-{example.frame}.jpg"
            write_bytes(path, frame_picture(picture, 2 * SIDE, quality=85))
            written.append(path)
    return written


def _decoded(prediction: PredictedVideo, frames: Sequence[int]) -> dict[int, Image]:
    """Some frames of a video, the longer side at most ``SIDE`` pixels."""
    height, width = prediction.size
    scale = min(1.0, SIDE / max(height, width))
    grey = np.full((max(2, round(height * scale)), max(2, round(width * scale)), 3), 96, np.uint8)
    images = dict.fromkeys(frames, grey)
    if prediction.media is None or not frames:
        return images
    from gazenet.media.decode import VideoReader

    try:
        with VideoReader(prediction.media, max_side=SIDE) as reader:
            for index, frame in enumerate(reader):
                if index in images:
                    images[index] = frame.image
                if index >= frames[-1]:
                    break
    except MediaError:
        return images
    return images


def _side_by_side(image: Image, scored: VideoScores, frame: int) -> Image:
    maps, size = scored.prediction.maps, scored.prediction.size
    h, w = maps.shape[1:]
    predicted = draw_overlay(image, np.asarray(maps[frame], np.float32), style=STYLE)
    fixated = draw_overlay(image, scored.truth.density(frame, h, w, scored.sigma), style=STYLE)
    scale = np.array(image.shape[1::-1]) / np.array(size[::-1])
    for x, y in inside(scored.truth[frame], size) * scale:
        cv2.circle(fixated, (int(x), int(y)), 4, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(fixated, (int(x), int(y)), 3, (255, 255, 255), -1, cv2.LINE_AA)
    return np.concatenate([predicted, fixated], axis=1)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
