"""Joint attention: for every tracked face, its gaze cone times what there is to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gazenet.cues.extractor import AssetPath, CueMaps, Face, Record, VideoContext, Windows
from gazenet.cues.faces.head_gaze import gaze_of
from gazenet.cues.rendering import Canvas, FloatMap
from gazenet_plugins.gaze_following.spec import SPEC


class GazeFollowing:
    """The candidates are the image saliency map and the other people's faces; one's own face is not a target.

    Args:
        half_angle: standard deviation of the cone's fall-off in radians.
        full_strength: length of the gaze vector in the image plane from which a person counts fully.
        face_weight: how bright a face is as a target beside the saliency map's maximum of 1.
    """

    spec = SPEC
    not_exportable = "geometry without a network"

    def __init__(self, half_angle: float = 0.35, full_strength: float = 0.35, face_weight: float = 1.0) -> None:
        self._half_angle, self._full_strength, self._face_weight = half_angle, full_strength, face_weight

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        self._device = device

    def begin(self, video: VideoContext) -> None:
        """Nothing is kept between videos."""

    def extract(self, windows: Windows) -> CueMaps:
        """One map ``[h, w]`` per window: the mean over people, each brought to a maximum of his strength."""
        canvas = Canvas(windows.size, windows.map_size)
        saliency = windows.maps["saliency"].float().cpu().numpy()
        maps, records = [], []
        for frames, salient in zip(windows.faces, saliency, strict=True):
            one, record = self._follow(canvas, frames[windows.anchor], salient)
            maps.append(one)
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
            things = np.clip(salient - canvas.face_blob(face, 0.6), 0, 1)
            for other, blob in enumerate(blobs):
                if other != k:
                    things = np.maximum(things, np.clip(blob, 0, 1))
            seen = canvas.cone(gaze.origin, gaze.direction, self._half_angle) * things
            peak = float(seen.max())
            if peak > 1e-3:
                total += seen * (strength / peak)
                row, column = np.unravel_index(int(seen.argmax()), seen.shape)
                x, y = float(canvas.columns()[0, column]), float(canvas.rows()[row, 0])
                targets.append(
                    {"track": face.track, "target": [round(x, 1), round(y, 1)], "strength": round(strength, 3)}
                )
        return np.clip(total / max(len(faces), 1), 0, 1).astype(np.float32), {"faces": targets}
