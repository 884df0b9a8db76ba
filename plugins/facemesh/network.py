"""The face mesh through LiteRT: a square crop of 1.5 times the face box in, 478 points out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.types import AssetPath

SIDE = 256
MARGIN = 1.5


class FaceMesh:
    """Landmark network; deterministic, one face at a time, one thread."""

    def load(self, asset_path: AssetPath) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._net = Interpreter(model_path=str(asset_path("face_landmarks")), num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        outputs = self._net.get_output_details()
        self._points = next(o["index"] for o in outputs if np.prod(o["shape"]) == 1434)
        # Of the two scalar outputs the four-dimensional one is the presence logit.
        self._presence = next(o["index"] for o in outputs if np.prod(o["shape"]) == 1 and len(o["shape"]) == 4)

    def landmarks(self, image: NDArray[np.uint8], box: Sequence[float]) -> tuple[NDArray[np.float32], float]:
        """Points ``[478, 3]`` (x, y, depth) in pixels of ``image`` (RGB uint8) and the presence 0..1 of a face."""
        left, top, right, bottom = (float(v) for v in box)
        side = max(right - left, bottom - top, 2.0) * MARGIN
        zoom = SIDE / side
        shift = [SIDE / 2 - zoom * (left + right) / 2, SIDE / 2 - zoom * (top + bottom) / 2]
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]], np.float32)
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        self._net.set_tensor(self._input, crop[None].astype(np.float32) / 255)
        self._net.invoke()
        points = self._net.get_tensor(self._points).reshape(478, 3).copy()
        logit = float(self._net.get_tensor(self._presence).reshape(-1)[0])
        points[:, :2] = (points[:, :2] - np.array(shift, np.float32)) / zoom
        points[:, 2] /= zoom
        return points, float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))
