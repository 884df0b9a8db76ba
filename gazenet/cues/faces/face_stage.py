"""Faces in frames: one detection pass that all face cues share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import AssetPath
from gazenet.cues.faces.detections import MESH_POINTS, Detection
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.registry import PluginEntry
from gazenet.errors import PluginError, UsageError
from gazenet.guard.guarded_call import guarded

Image = NDArray[np.uint8]
COLUMNS = 15
"""Columns of a detection: the box, its score and five points (x, y)."""


class FaceDetector(Protocol):
    """A face detector; see :class:`gazenet.cues.faces.face_specs.FaceModelSpec`."""

    def load(self, asset_path: AssetPath) -> None:
        """Load the weights."""

    def detect(self, image: Image) -> NDArray[np.float32]:
        """Return float32 ``[N, 15]``: box, score and five points, in pixels of the RGB image uint8 ``[H, W, 3]``."""


class LandmarkNetwork(Protocol):
    """A landmark network; see :class:`gazenet.cues.faces.face_specs.FaceModelSpec`."""

    def load(self, asset_path: AssetPath) -> None:
        """Load the weights."""

    def landmarks(self, image: Image, box: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return points float32 ``[478, 3]`` in pixels of the image and their presence in 0..1."""


class FaceStage:
    """Detects faces and their landmarks, frame by frame: the result of a frame depends on that frame alone.

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
        detector: PluginEntry[FaceModelSpec],
        asset_path: AssetPath,
        landmarks: PluginEntry[FaceModelSpec] | None = None,
        *,
        score: float = 0.35,
        max_side: int = 640,
        max_faces: int = 12,
    ) -> None:
        self._names = f"face detector {detector.name}", f"face landmarks {landmarks.name}" if landmarks else ""
        self._detector: FaceDetector = self._instantiated(detector, self._names[0])
        self._landmarks: LandmarkNetwork | None = self._instantiated(landmarks, self._names[1]) if landmarks else None
        self._asset_path = asset_path
        self._score, self._max_side, self._max_faces = score, max_side, max_faces

    @staticmethod
    def _instantiated(entry: PluginEntry[FaceModelSpec], name: str) -> Any:
        implementation = entry.load()
        with guarded(name, "loading", own=(UsageError,), lenient=True):
            return implementation()

    def load(self) -> None:
        """Load the weights. Raises UsageError if they are missing, and PluginError."""
        with guarded(self._names[0], "loading", own=(UsageError,), lenient=True):
            self._detector.load(self._asset_path)
        if self._landmarks is not None:
            with guarded(self._names[1], "loading", own=(UsageError,), lenient=True):
                self._landmarks.load(self._asset_path)

    def detect(
        self, images: Sequence[Image], full_size: tuple[int, int], frames: Sequence[int] | None = None
    ) -> list[list[dict[str, Any]]]:
        """Return the detections of each image (RGB uint8 ``[H, W, 3]``) as records, in pixels of ``full_size``.

        ``frames``: the frame indices of the images in their video, 0, 1, ... by default. Raises PluginError that
        names the network and the frame.
        """
        numbers = range(len(images)) if frames is None else frames
        per_image = [self._detect_one(one, full_size, f"frame {k}") for one, k in zip(images, numbers, strict=True)]
        return [[face.to_record() for face in faces] for faces in per_image]

    def _detect_one(self, image: Image, full_size: tuple[int, int], where: str) -> list[Detection]:
        # The frame is shared with other stages: a detector must not change it.
        image = image.view()
        image.flags.writeable = False
        height, width = image.shape[:2]
        shrink = min(1.0, self._max_side / max(height, width))
        small = np.array(image)
        if shrink < 1:
            shrunk = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            small = np.asarray(shrunk, np.uint8)
        with guarded(self._names[0], where):
            rows = _checked_boxes(self._names[0], where, self._detector.detect(np.ascontiguousarray(small)))
        rows = rows[rows[:, 4] >= self._score]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")][: self._max_faces]
        scale = np.array([full_size[1] / small.shape[1], full_size[0] / small.shape[0]] * 2, np.float32)
        to_image = np.array([width / small.shape[1], height / small.shape[0]] * 2, np.float32)
        return [self._describe(image, row, to_image, scale, full_size, where) for row in rows]

    def _describe(
        self,
        image: Image,
        row: NDArray[np.float32],
        to_image: NDArray[np.float32],
        scale: NDArray[np.float32],
        full_size: tuple[int, int],
        where: str,
    ) -> Detection:
        left, top, right, bottom = (float(v) for v in row[:4] * scale)
        mesh, presence = None, 0.0
        if self._landmarks is not None:
            with guarded(self._names[1], where):
                output = self._landmarks.landmarks(image, row[:4] * to_image)
                points, presence = _checked_landmarks(self._names[1], where, output)
            sx, sy = full_size[1] / image.shape[1], full_size[0] / image.shape[0]
            mesh = (points * np.array([sx, sy, (sx + sy) / 2], np.float32)).astype(np.float32)
        return Detection((left, top, right, bottom), float(row[4]), mesh, presence)


def _checked_boxes(name: str, where: str, rows: object) -> NDArray[np.float32]:
    """Return float32 ``[N, 15]``. Raises PluginError for anything else, and for boxes or scores that are not finite.

    Points that a detector does not provide are NaN.
    """
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f":
        kind = rows.dtype if isinstance(rows, np.ndarray) else type(rows).__name__
        raise PluginError(f"{name}: {where}: detect must return a float32 array, not {kind}")
    if rows.ndim != 2 or rows.shape[1] != COLUMNS:
        raise PluginError(f"{name}: {where}: detections have shape {list(rows.shape)}, expected [N, {COLUMNS}]")
    if not np.isfinite(rows[:, :5]).all() or np.isinf(rows).any():
        raise PluginError(f"{name}: {where}: the detections hold values that are not finite")
    return np.array(rows, np.float32)


def _checked_landmarks(name: str, where: str, output: object) -> tuple[NDArray[np.float32], float]:
    """Return points float32 ``[478, 3]`` and presence in 0..1. Raises PluginError for anything else."""
    if not isinstance(output, tuple) or len(output) != 2:
        raise PluginError(f"{name}: {where}: landmarks must return (points, presence), not {type(output).__name__}")
    points, presence = output
    if not isinstance(points, np.ndarray) or points.shape != (MESH_POINTS, 3) or points.dtype.kind != "f":
        form = f"{points.dtype} {list(points.shape)}" if isinstance(points, np.ndarray) else type(points).__name__
        raise PluginError(f"{name}: {where}: the points are {form}, expected float32 [{MESH_POINTS}, 3]")
    if not np.isfinite(points).all():
        raise PluginError(f"{name}: {where}: the points hold values that are not finite")
    if not 0 <= float(presence) <= 1:
        raise PluginError(f"{name}: {where}: the presence is {float(presence):.4g}, expected 0 to 1")
    return np.array(points, np.float32), float(presence)
