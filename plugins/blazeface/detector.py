"""BlazeFace as a face detector of the platform."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.backbones.checkpoint import file_in, load_published
from gazenet.cues.extractor import AssetPath
from gazenet.cues.extractor_parameters import weights_path
from gazenet_plugins.blazeface.decode import blended, candidates, in_frame, network_input, squares
from gazenet_plugins.blazeface.network import BlazeFace
from gazenet_plugins.blazeface.spec import BACK, SPEC

BOX_EYES_NOSE = 11
"""Columns of a face up to its third point; the others are the middle of the mouth and the ears."""


class BlazeFaceDetector:
    """Face boxes with eyes and nose; the corners of the mouth are unknown.

    The network sees squares; a wide or high frame is covered by several, where face-alignment looks at the one in its
    middle only.

    Args:
        weights: a checkpoint file, or a folder that holds the published one, instead of the declared asset.
        centre: only the square in the middle of the frame, as face-alignment.
        score: faces below this score are dropped.
    """

    spec = SPEC
    checkpoint = "blazeface.pth"
    back = False

    def __init__(self, weights: str = "", centre: bool = False, score: float = 0.5) -> None:
        self._weights, self._centre, self._score = weights, centre, score

    def load(self, asset_path: AssetPath) -> None:
        network = BlazeFace(self.back)
        path = weights_path(self._weights, self.spec.assets[0], asset_path)
        load_published(network, file_in(path, self.checkpoint))
        self._network = network.eval()

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """``image`` uint8 ``[H, W, 3]`` RGB. Returns ``[N, 15]``: left, top, right, bottom, score, five (x, y).

        Points: eyes, nose, and NaN for the corners of the mouth.
        """
        seen = squares(image, self._network.side, self._centre)
        answers = zip(seen, *self._network(network_input(seen)), strict=True)
        short = min(image.shape[:2])
        found = [
            in_frame(candidates(boxes, logits, self._network.side, self._score), square, short)
            for square, boxes, logits in answers
        ]
        faces = blended(np.concatenate(found))
        corners = np.full((len(faces), 4), np.nan, np.float32)
        return np.concatenate([faces[:, :BOX_EYES_NOSE], corners], 1)


class BackBlazeFace(BlazeFaceDetector):
    """The network of the back camera."""

    spec = BACK
    checkpoint = "blazefaceback.pth"
    back = True
