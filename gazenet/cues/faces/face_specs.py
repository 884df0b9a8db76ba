"""Declarations of face detectors and landmark networks: data, importable without torch."""

from __future__ import annotations

from gazenet.plugin_registry import Members, PluginSpec

DETECTORS, LANDMARKS = "gazenet.face_detectors", "gazenet.face_landmarks"
DETECTOR: Members = {"detect": ("image",)}
LANDMARK_NETWORK: Members = {"landmarks": ("image", "box")}


class FaceModelSpec(PluginSpec):
    """A face detector (group ``gazenet.face_detectors``) or a landmark network (``gazenet.face_landmarks``).

    A detector's class has ``load(asset_path)`` and ``detect(image) -> float32 [N, 15]``: left, top, right, bottom,
    score and five points (x, y) in pixels of the given RGB image uint8 ``[H, W, 3]``. A landmark network's class has
    ``load(asset_path)`` and ``landmarks(image, box) -> (float32 [478, 3], presence in 0..1)``.
    """

    summary: str
    assets: tuple[str, ...] = ()

    @classmethod
    def members_in(cls, group: str) -> Members:
        """The methods of a detector or of a landmark network, by the group that it is declared in."""
        return {"load": ("asset_path",), **(DETECTOR if group == DETECTORS else LANDMARK_NETWORK)}
