"""Facial expression: a blob on every face, brighter the less neutral the expression."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from gazenet.cues.exportable import Call, Exportable, fixed_size
from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Face, Windows
from gazenet.cues.rendering import Canvas, brightest
from gazenet_plugins.facial_expression.network import CLASSES, SIDE, ExpressionNet, read_weights
from gazenet_plugins.facial_expression.spec import SPEC


class FacialExpression(Extractor):
    """Computes the probabilities of seven expressions per face.

    Args:
        base: brightness in 0..1 of a neutral face.
    """

    spec = SPEC

    def __init__(self, base: float = 0.3) -> None:
        self._base = base

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network onto ``device``, in float32."""
        self._device = device
        self._net = ExpressionNet()
        self._net.load_state_dict(read_weights(asset_path("expression_manifest"), asset_path("expression_weights")))
        self._run: Call = self._net.eval().to(device)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from crops ``[N, 3, 112, 112]`` in 0..255 to probabilities.

        Raises UsageError for another ``size``.
        """
        side = fixed_size(SPEC.name, size, (SIDE, SIDE))
        crops = 255 * torch.rand(2, 3, *side, generator=torch.Generator().manual_seed(0))
        return Exportable(self._net, (crops,), ("face",), ("expression",), use=partial(setattr, self, "_run"))

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: per face, the probabilities by class name."""
        canvas = Canvas(windows.size, windows.map_size)
        anchor_faces = [frames[windows.anchor] for frames in windows.faces]
        scores = iter(self._classify([face for faces in anchor_faces for face in faces]))
        maps, records = [], []
        for faces in anchor_faces:
            rated = [(face, next(scores)) for face in faces]
            blobs = ((self._base + (1 - self._base) * (1 - s[0])) * canvas.face_blob(face) for face, s in rated)
            maps.append(brightest(blobs, canvas))
            records.append({"faces": [{"track": face.track, **_named(s)} for face, s in rated]})
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records)

    @torch.inference_mode()
    def _classify(self, faces: list[Face]) -> list[np.ndarray]:
        """Return probabilities ``[7]`` per face, computed face by face so that no result depends on the batch."""
        neutral = np.eye(len(CLASSES), dtype=np.float32)[0]
        results = []
        for face in faces:
            if face.crop is None:
                results.append(neutral)
                continue
            crop = torch.from_numpy(np.ascontiguousarray(face.crop)).permute(2, 0, 1)[None].to(self._device).float()
            results.append(self._run(crop)[0].float().cpu().numpy())
        return results


def _named(scores: np.ndarray) -> dict[str, float]:
    return {name: round(float(score), 4) for name, score in zip(CLASSES, scores, strict=True)}
