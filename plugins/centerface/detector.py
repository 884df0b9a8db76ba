"""CenterFace through onnxruntime: heat map of face centres, sizes, offsets and five points at stride 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.backbones.onnx_graph import OnnxNetwork
from gazenet.cues.extractor import AssetPath
from gazenet.cues.faces.nms import nms

STRIDE = 4
MULTIPLE = 32
FLOOR = 0.2
"""Lowest score of a candidate; the platform applies a higher threshold of its own."""


class CenterFace:
    """A face detector; input RGB 0..255 without normalisation, sides padded to multiples of 32."""

    def load(self, asset_path: AssetPath) -> None:
        """Load the network, on the CPU."""
        self._network = OnnxNetwork(asset_path("centerface"), free={0: (0, 2, 3)})

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect faces in ``image`` uint8 ``[H, W, 3]`` RGB as ``[N, 15]``: box, score, five points (x, y)."""
        height, width = image.shape[:2]
        padded = np.zeros((1, 3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32)
        padded[0, :, :height, :width] = image.transpose(2, 0, 1)
        heat, scale, offset, points = self._network(padded)
        faces = decode(heat[0, 0], scale[0], offset[0], points[0])
        return suppress(faces)


def decode(
    heat: NDArray[np.float32], scale: NDArray[np.float32], offset: NDArray[np.float32], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Decode the four output maps (channel 0 vertical, 1 horizontal) to candidates above the floor, ``[N, 15]``."""
    rows, columns = np.nonzero(heat > FLOOR)
    size = np.exp(scale[:, rows, columns]) * STRIDE
    y = (rows + offset[0, rows, columns] + 0.5) * STRIDE
    x = (columns + offset[1, rows, columns] + 0.5) * STRIDE
    top, left = y - size[0] / 2, x - size[1] / 2
    five = points[:, rows, columns]
    faces = [left, top, left + size[1], top + size[0], heat[rows, columns]]
    for k in range(5):
        faces += [five[2 * k + 1] * size[1] + left, five[2 * k] * size[0] + top]
    return np.stack(faces, 1).astype(np.float32) if len(rows) else np.zeros((0, 15), np.float32)


def suppress(faces: NDArray[np.float32], iou: float = 0.3) -> NDArray[np.float32]:
    """Drop faces ``[N, 15]`` that overlap with a better one by more than ``iou``; best first."""
    return faces[nms(faces[:, :4], faces[:, 4], iou)]
