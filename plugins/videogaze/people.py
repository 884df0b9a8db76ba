"""The search for the target of one person in the neighbouring frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.exportable import Call, FunctionModule
from gazenet.cues.extractor import Face, Windows
from gazenet.cues.faces.face_crops import PixelBox, cut, pixel_box, scaled
from gazenet.cues.window_cache import FrameCache
from gazenet_plugins.videogaze.network import SIDE, FrameFeatures, VideoGaze

REACH = 3
"""Frames searched before and after that of a person."""


@dataclass(frozen=True)
class FollowedGaze:
    """The target of a person: ``heat`` ``[20, 20]`` in the frame at ``offset`` from their own."""

    face: Face
    offset: int
    heat: NDArray[np.float32]
    probability: float


def network_picture(picture: NDArray[np.uint8], published: bool) -> torch.Tensor:
    """Convert uint8 ``[S, S, 3]`` RGB to float32 ``[3, S, S]`` in 0..1; to BGR if published."""
    ordered = picture[..., ::-1] if published else picture
    return torch.from_numpy(np.ascontiguousarray(ordered)).permute(2, 0, 1).float() / 255


def eyes(box: PixelBox, size: tuple[int, int]) -> tuple[float, float, float]:
    """Return the centre of a box in fractions of the width and height of the frame, and 0."""
    return (box[0] + box[2]) / (2 * size[1]), (box[1] + box[3]) / (2 * size[0]), 0.0


class Follower:
    """Runs the network and caches what windows share: features of frames, answers of people.

    Args:
        published: use BGR pictures.
    """

    def __init__(self, network: VideoGaze, device: torch.device, dtype: torch.dtype, published: bool) -> None:
        self._device, self._dtype, self._published = device, dtype, published
        self.features_of: Call = FunctionModule(network, VideoGaze.frame_features)
        self.cone_of: Call = network.cone_pathway
        self.answer_of: Call = FunctionModule(network, VideoGaze.answer)
        self._frames: FrameCache[FrameFeatures] = FrameCache()
        self._answers: FrameCache[FollowedGaze | None] = FrameCache()

    def clear(self) -> None:
        """Forget everything, for the next video."""
        self._frames.clear()
        self._answers.clear()

    def forget_before(self, frame: int) -> None:
        """Forget all frames before ``frame``."""
        self._frames.forget_before(frame)
        self._answers.forget_before(frame)

    def answers(self, windows: Windows, b: int, position: int) -> Iterator[FollowedGaze]:
        """Yield the answers of all people in one frame of window ``b``, which extends :data:`REACH` frames further."""
        for face in windows.faces[b][position]:
            ask = partial(self._ask, windows, b, position, face)
            answer = self._answers.get(frame_of(windows, b, position), (face.track, face.box), ask)
            if answer is not None:
                yield answer

    @torch.inference_mode()
    def _ask(self, windows: Windows, b: int, position: int, face: Face) -> FollowedGaze | None:
        """Return the answer of one person; None if the face is outside the frame."""
        assert windows.frames is not None
        frame = windows.frames[b, position]
        crop = cut(frame, pixel_box(scaled(face.box, windows.size, frame)), SIDE)
        if crop is None:
            return None
        places = range(position - REACH, position + REACH + 1)
        targets = [self._features(windows, b, place) for place in places]
        together = FrameFeatures(*(torch.cat(parts) for parts in zip(*targets, strict=True)))
        count = len(targets)
        source = targets[REACH].scene.expand(count, -1, -1, -1)
        raw_cone = self.cone_of(self._picture(crop)).expand(count, -1)
        where = torch.tensor([eyes(pixel_box(face.box), windows.size)], device=self._device, dtype=self._dtype)
        heats, probability = self.answer_of(source, *together, raw_cone, where.expand(count, -1))
        best = int(probability[:, 0].argmax())
        return FollowedGaze(face, best - REACH, heats[best, 0].float().cpu().numpy(), float(probability[best, 0]))

    def _features(self, windows: Windows, b: int, position: int) -> FrameFeatures:
        """Compute the features of one frame by itself, so that no result depends on the batch."""
        assert windows.frames is not None
        frame = windows.frames[b, position]

        def compute() -> FrameFeatures:
            height, width = frame.shape[-2:]
            resized = cut(frame, (0, 0, width, height), SIDE)
            assert resized is not None
            return FrameFeatures(*self.features_of(self._picture(resized)))

        # Frames repeated before the first one are identical to it.
        return self._frames.get(max(0, frame_of(windows, b, position)), None, compute)

    def _picture(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        return network_picture(picture, self._published).to(self._device, self._dtype)[None]


def frame_of(windows: Windows, b: int, position: int) -> int:
    """Return the frame at a position of window ``b``; negative before the video, where frame 0 is repeated."""
    return int(windows.index[b]) + position - windows.anchor
