"""Faces in frames: one detection pass that all face cues share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.faces.detections import Detection
from gazenet.cues.faces.spec import FaceModelSpec
from gazenet.cues.registry import Entry
from gazenet.cues.types import AssetPath

Image = NDArray[np.uint8]


class FaceDetector(Protocol):
    """See :class:`gazenet.cues.faces.spec.FaceModelSpec`."""

    def load(self, asset_path: AssetPath) -> None: ...

    def detect(self, image: Image) -> NDArray[np.float32]: ...


class LandmarkNetwork(Protocol):
    """See :class:`gazenet.cues.faces.spec.FaceModelSpec`."""

    def load(self, asset_path: AssetPath) -> None: ...

    def landmarks(self, image: Image, box: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]: ...


class FaceStage:
    """Detects faces and their landmarks, frame by frame and without memory: a frame's result depends on it alone.

    Args:
        detector: entry of group ``gazenet.face_detectors``.
        asset_path: finds the verified weights.
        landmarks: entry of group ``gazenet.face_landmarks``, or None for boxes only.
        score: faces below this confidence (0..1) are dropped.
        max_side: the detector sees the frame scaled down to this many pixels on its longer side.
        max_faces: the most faces kept per frame, best first.
    """

    def __init__(
        self,
        detector: Entry[FaceModelSpec],
        asset_path: AssetPath,
        landmarks: Entry[FaceModelSpec] | None = None,
        *,
        score: float = 0.35,
        max_side: int = 640,
        max_faces: int = 12,
    ) -> None:
        self._detector: FaceDetector = detector.load()()
        self._landmarks: LandmarkNetwork | None = landmarks.load()() if landmarks else None
        self._asset_path = asset_path
        self._score, self._max_side, self._max_faces = score, max_side, max_faces

    def load(self) -> None:
        """Reads the weights. Raises UsageError where they are missing."""
        self._detector.load(self._asset_path)
        if self._landmarks is not None:
            self._landmarks.load(self._asset_path)

    def detect(self, images: Sequence[Image], full_size: tuple[int, int]) -> list[list[dict[str, Any]]]:
        """Detections of each image (RGB uint8 ``[H, W, 3]``) as records, coordinates in pixels of ``full_size``."""
        return [[face.to_record() for face in self._detect_one(image, full_size)] for image in images]

    def _detect_one(self, image: Image, full_size: tuple[int, int]) -> list[Detection]:
        height, width = image.shape[:2]
        shrink = min(1.0, self._max_side / max(height, width))
        small = image
        if shrink < 1:
            shrunk = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            small = np.asarray(shrunk, np.uint8)
        found = self._detector.detect(np.ascontiguousarray(small))
        found = found[found[:, 4] >= self._score]
        found = found[np.argsort(-found[:, 4], kind="stable")][: self._max_faces]
        scale = np.array([full_size[1] / small.shape[1], full_size[0] / small.shape[0]] * 2, np.float32)
        to_image = np.array([width / small.shape[1], height / small.shape[0]] * 2, np.float32)
        return [self._describe(image, row, to_image, scale, full_size) for row in found]

    def _describe(
        self,
        image: Image,
        row: NDArray[np.float32],
        to_image: NDArray[np.float32],
        scale: NDArray[np.float32],
        full_size: tuple[int, int],
    ) -> Detection:
        left, top, right, bottom = (float(v) for v in row[:4] * scale)
        mesh, presence = None, 0.0
        if self._landmarks is not None:
            points, presence = self._landmarks.landmarks(image, row[:4] * to_image)
            sx, sy = full_size[1] / image.shape[1], full_size[0] / image.shape[0]
            mesh = (points * np.array([sx, sy, (sx + sy) / 2], np.float32)).astype(np.float32)
        return Detection((left, top, right, bottom), float(row[4]), mesh, presence)
