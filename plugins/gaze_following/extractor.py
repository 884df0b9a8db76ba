"""Gaze following: the gaze cone of every face times the possible targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Face, Record, Windows
from gazenet.cues.faces.head_gaze import gaze_of
from gazenet.cues.rendering import Canvas, FloatMap
from gazenet_plugins.gaze_following.spec import SPEC


class GazeFollowing(Extractor):
    """Maps what people look at: the saliency map and the faces of others, inside their gaze cones.

    Args:
        half_angle: standard deviation of the cone's fall-off in radians.
        full_strength: length of the gaze vector in the image plane from which a person has full weight.
        face_weight: brightness of a face as a target, where the maximum of the saliency map is 1.
    """

    spec = SPEC
    not_exportable = "geometry without a network"

    def __init__(self, half_angle: float = 0.35, full_strength: float = 0.35, face_weight: float = 1.0) -> None:
        self._half_angle, self._full_strength, self._face_weight = half_angle, full_strength, face_weight

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Remember the device; there are no weights."""
        self._device = device

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window: the mean over people, each scaled to a maximum of their strength."""
        canvas = Canvas(windows.size, windows.map_size)
        saliency = windows.maps["saliency"].float().cpu().numpy()
        maps, records = [], []
        for frames, salient in zip(windows.faces, saliency, strict=True):
            map_, record = self._follow(canvas, frames[windows.anchor], salient)
            maps.append(map_)
            records.append(record)
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records)

    def _follow(self, canvas: Canvas, faces: Sequence[Face], salient: FloatMap) -> tuple[FloatMap, Record]:
        blobs = [self._face_weight * canvas.face_blob(face) for face in faces]
        total, targets = canvas.empty(), []
        for k, face in enumerate(faces):
            gaze = gaze_of(face)
            if gaze is None:
                continue
            strength = min(float(np.hypot(*gaze.direction)) / self._full_strength, 1.0)
            candidates = np.clip(salient - canvas.face_blob(face, 0.6), 0, 1)
            for other, blob in enumerate(blobs):
                if other != k:
                    candidates = np.maximum(candidates, np.clip(blob, 0, 1))
            looked_at = canvas.cone(gaze.origin, gaze.direction, self._half_angle) * candidates
            peak = float(looked_at.max())
            if peak > 1e-3:
                total += looked_at * (strength / peak)
                row, column = np.unravel_index(int(looked_at.argmax()), looked_at.shape)
                x, y = float(canvas.columns()[0, column]), float(canvas.rows()[row, 0])
                targets.append(
                    {"track": face.track, "target": [round(x, 1), round(y, 1)], "strength": round(strength, 3)}
                )
        return np.clip(total / max(len(faces), 1), 0, 1).astype(np.float32), {"faces": targets}
