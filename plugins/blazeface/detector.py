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
"""Columns of a face up to its third point; the others are the mouth and the ears."""


class BlazeFaceDetector:
    """Detects face boxes with eyes and nose, without the corners of the mouth.

    The network takes squares; several of them cover a wide or high frame, where face-alignment searches only the one
    in its middle.

    Args:
        weights: a checkpoint file, or a folder with the published one, instead of the declared asset.
        centre: search only the square in the middle of the frame, as face-alignment does.
        score: faces below this score are dropped.
    """

    spec = SPEC
    checkpoint = "blazeface.pth"
    back = False

    def __init__(self, weights: str = "", centre: bool = False, score: float = 0.5) -> None:
        self._weights, self._centre, self._score = weights, centre, score

    def load(self, asset_path: AssetPath) -> None:
        """Load the weights, on the CPU."""
        path = weights_path(self._weights, self.spec.assets[0], asset_path)
        self._network = load_published(BlazeFace(self.back), file_in(path, self.checkpoint)).eval()

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect faces in ``image`` uint8 ``[H, W, 3]`` RGB as ``[N, 15]``: box, score, five points (x, y).

        Points: eyes, nose, and NaN for the corners of the mouth.
        """
        parts = squares(image, self._network.side, self._centre)
        answers = zip(parts, *self._network(network_input(parts)), strict=True)
        short = min(image.shape[:2])
        per_square = [
            in_frame(candidates(boxes, logits, self._network.side, self._score), square, short)
            for square, boxes, logits in answers
        ]
        faces = blended(np.concatenate(per_square))
        corners = np.full((len(faces), 4), np.nan, np.float32)
        return np.concatenate([faces[:, :BOX_EYES_NOSE], corners], 1)


class BackBlazeFace(BlazeFaceDetector):
    """The network for back cameras."""

    spec = BACK
    checkpoint = "blazefaceback.pth"
    back = True
