"""The face mesh through LiteRT: a square crop of 1.5 times the face box in, 478 points out."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import AssetPath

SIDE = 256
MARGIN = 1.5
"""Side of the crop in longer sides of the face box."""


class FaceMesh:
    """The landmark network, for one face at a time. Each calling thread has an interpreter of its own."""

    def load(self, asset_path: AssetPath) -> None:
        """Load the network, on the CPU."""
        self._path = str(asset_path("face_landmarks"))
        self._local = threading.local()
        self._interpreter()

    def _interpreter(self) -> Any:
        if not hasattr(self._local, "net"):
            from ai_edge_litert.interpreter import Interpreter

            self._local.net = Interpreter(model_path=self._path, num_threads=1)
            self._local.net.allocate_tensors()
        return self._local.net

    def landmarks(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return points ``[478, 3]`` (x, y, depth) in pixels of ``image`` (RGB uint8) and their presence in 0..1."""
        left, top, right, bottom = (float(v) for v in box)
        side = max(right - left, bottom - top, 2.0) * MARGIN
        zoom = SIDE / side
        shift = [SIDE / 2 - zoom * (left + right) / 2, SIDE / 2 - zoom * (top + bottom) / 2]
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]], np.float32)
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        net = self._interpreter()
        net.set_tensor(net.get_input_details()[0]["index"], crop[None].astype(np.float32) / 255)
        net.invoke()
        points, logit = _read(net)
        points[:, :2] = (points[:, :2] - np.array(shift, np.float32)) / zoom
        points[:, 2] /= zoom
        return points, float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def _read(net: Any) -> tuple[NDArray[np.float32], float]:
    """Read points ``[478, 3]`` in pixels of the crop and the presence logit, the four-dimensional scalar output."""
    outputs = net.get_output_details()
    mesh = next(o["index"] for o in outputs if np.prod(o["shape"]) == 1434)
    presence = next(o["index"] for o in outputs if np.prod(o["shape"]) == 1 and len(o["shape"]) == 4)
    return net.get_tensor(mesh).reshape(478, 3).copy(), float(net.get_tensor(presence).reshape(-1)[0])
