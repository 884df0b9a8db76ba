"""Declarations of face detectors and landmark networks: data, importable without torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FaceModelSpec(BaseModel):
    """A face detector (group ``gazenet.face_detectors``) or a landmark network (``gazenet.face_landmarks``).

    A detector's class has ``load(asset_path)`` and ``detect(image) -> float32 [N, 15]``: left, top, right, bottom,
    score and five points (x, y) in pixels of the given RGB image uint8 ``[H, W, 3]``. A landmark network's class has
    ``load(asset_path)`` and ``landmarks(image, box) -> (float32 [478, 3], presence in 0..1)``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: int = 1
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = "1"
    summary: str
    implementation: str = Field(description="'package.module:Class', imported on use.")
    assets: tuple[str, ...] = ()
    licence: str = "unknown"
    paper: str = ""
    bibtex: str = ""
