"""Gaze direction: a soft cone along the gaze of every face."""

from __future__ import annotations

import numpy as np
import torch

from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Record, Windows
from gazenet.cues.faces.head_gaze import GazeRay, gaze_of
from gazenet.cues.rendering import Canvas, brightest
from gazenet_plugins.gaze_direction.spec import SPEC


class GazeDirection(Extractor):
    """Draws the gaze of every face as a cone from between the eyes, by geometry without a network.

    Args:
        half_angle: standard deviation of the cone's fall-off in radians.
        full_strength: length of the gaze vector in the image plane (0..1) from which a cone is fully bright; a gaze
            into the camera stays dark.
    """

    spec = SPEC
    not_exportable = "geometry without a network"

    def __init__(self, half_angle: float = 0.25, full_strength: float = 0.35) -> None:
        self._half_angle, self._full_strength = half_angle, full_strength

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Remember the device; there are no weights."""
        self._device = device

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: the angles in degrees of every face."""
        canvas = Canvas(windows.size, windows.map_size)
        maps, records = [], []
        for frames in windows.faces:
            gazes = [(face.track, gaze) for face in frames[windows.anchor] if (gaze := gaze_of(face)) is not None]
            maps.append(brightest((self._cone(canvas, gaze) for _, gaze in gazes), canvas))
            records.append(_record(gazes))
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records)

    def _cone(self, canvas: Canvas, gaze: GazeRay) -> np.ndarray:
        strength = min(float(np.hypot(*gaze.direction)) / self._full_strength, 1.0)
        return strength * canvas.cone(gaze.origin, gaze.direction, self._half_angle)


def _record(gazes: list[tuple[int, GazeRay]]) -> Record:
    return {
        "faces": [
            {
                "track": track,
                "yaw": round(float(np.rad2deg(gaze.yaw)), 2),
                "pitch": round(float(np.rad2deg(gaze.pitch)), 2),
                "origin": [round(gaze.origin[0], 1), round(gaze.origin[1], 1)],
                "from_eyes": gaze.eyes,
            }
            for track, gaze in gazes
        ]
    }
