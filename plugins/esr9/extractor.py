"""ESR-9 as an extractor: face crops in, attention inside the faces out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.backbones.checkpoint import folder_of, load_published
from gazenet.cues.colour_pictures import rgb
from gazenet.cues.exportable import Call, Exportable, fixed_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Face, Record, Windows
from gazenet.cues.extractor_parameters import checked_choice, checked_mode, weights_path
from gazenet.cues.faces.face_crops import cut, pixel_box, scaled
from gazenet.cues.rendering import Canvas, FloatMap, brightest
from gazenet_plugins.esr9.attention import MERGES, FaceMap, from_zero, levels, merged, picture, placed, to_one
from gazenet_plugins.esr9.network import BRANCHES, EMOTIONS, SIDE, EnsembleExpression, Esr9, Statistics
from gazenet_plugins.esr9.spec import SPEC

STATISTICS = {"published": "face", "corrected": "running"}
BASE_FILE = "Net-Base-Shared_Representations.pt"
BRANCH_FILE = "Net-Branch_{}.pt"


@dataclass(frozen=True)
class FaceExpression:
    """An expression: class of each branch and of the majority, affect ``[B, 2]``, attention ``[B, 6, 6]``."""

    face: Face
    labels: NDArray[np.int64]
    vote: int
    affect: NDArray[np.float32]
    attention: NDArray[np.float32]


class Esr9Cue(Extractor):
    """Classifies the emotions of all faces and maps the attention of the ensemble.

    Args:
        mode: ``"corrected"``: BGR crops as in training, attention scaled to 1 in each face. ``"published"``: the
            input of the released GASP weights (see the model card).
        weights: a folder with the ten published files (or one of them), instead of the declared asset.
        statistics: ``"running"`` or ``"face"``, the statistics of the batch norms of the branches; empty: by mode.
        merge: how the maps of the branches are merged: ``sum``, ``mean``, ``gmean``, ``first``.
        every: merge also the maps of branches outside the majority.

    Raises UsageError for other values.
    """

    spec = SPEC

    def __init__(
        self,
        mode: str = "corrected",
        weights: str = "",
        statistics: str = "",
        merge: str = "sum",
        every: bool = False,
    ) -> None:
        self._published, self._weights = checked_mode(SPEC.name, mode) == "published", weights
        checked_choice(SPEC.name, "statistics", statistics, ("", *STATISTICS.values()))
        checked_choice(SPEC.name, "merge", merge, MERGES)
        self._statistics = cast(Statistics, statistics or STATISTICS[mode])
        self._merge, self._every = merge, every

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the base and the branches onto ``device`` in ``dtype``."""
        folder = folder_of(weights_path(self._weights, SPEC.assets[0], asset_path))
        network = Esr9(BRANCHES, self._statistics)
        load_published(network.base, folder / BASE_FILE)
        for number, branch in enumerate(network.branches, 1):
            load_published(branch, folder / BRANCH_FILE.format(number))
        self._device, self._dtype = device, dtype
        self._network = network.eval().to(device, dtype)
        self._run: Call = self._network

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from faces ``[N, 3, 96, 96]`` in 0..1 to votes and attention.

        Raises UsageError for another ``size``.
        """
        faces = noise(2, 3, *fixed_size(SPEC.name, size, (SIDE, SIDE)))
        names = ("emotion", "affect", "attention")
        return Exportable(self._network, (faces,), ("face",), names, use=partial(setattr, self, "_run"))

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: emotion, votes, valence and arousal of every face."""
        assert windows.frames is not None
        maps, records, pictures = [], [], []
        for frames, faces in zip(windows.frames, windows.faces, strict=True):
            anchor = frames[windows.anchor]
            expressions = [
                expression
                for face in faces[windows.anchor]
                if (expression := self._expression(anchor, face, windows.size))
            ]
            records.append({"faces": [_record(expression) for expression in expressions]})
            if not self._published:
                maps.append(self._placed(windows, expressions))
                continue
            face_maps = [
                FaceMap(pixel_box(expression.face.box), self._merged(from_zero(expression.attention), expression))
                for expression in expressions
            ]
            maps.append(_grey(face_maps, windows))
            pictures.append(rgb(picture(face_maps, *windows.size)))
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records, pictures or None)

    @torch.inference_mode()
    def _expression(self, frame: torch.Tensor, face: Face, size: tuple[int, int]) -> FaceExpression | None:
        """Run the network on one face, so that no result depends on the batch; None if the box has no pixels."""
        crop = cut(frame, pixel_box(scaled(face.box, size, frame)), SIDE)
        if crop is None:
            return None
        output = EnsembleExpression(
            *self._run(network_crop(crop, self._published).to(self._device, self._dtype)[None])
        )
        return FaceExpression(
            face,
            output.labels()[0].cpu().numpy(),
            int(output.vote()[0]),
            output.affect()[0].float().cpu().numpy(),
            output.attention[0].float().cpu().numpy(),
        )

    def _placed(self, windows: Windows, expressions: list[FaceExpression]) -> FloatMap:
        canvas = Canvas(windows.size, windows.map_size)
        fields = (
            (expression.face.box, self._merged(to_one(expression.attention), expression)) for expression in expressions
        )
        return brightest((placed(canvas, box, field) for box, field in fields), canvas)

    def _merged(self, maps: NDArray[np.floating], expression: FaceExpression) -> NDArray[np.floating]:
        return merged(maps, expression.labels, expression.vote, self._merge, self._every)


def _grey(face_maps: list[FaceMap], windows: Windows) -> FloatMap:
    """Return the published picture before colouring, as a map."""
    grey = levels(face_maps, *windows.size)
    stretched = cv2.resize(grey, windows.map_size[::-1], interpolation=cv2.INTER_AREA)
    return (np.asarray(stretched, np.float32) / 255).astype(np.float32)


def network_crop(crop: NDArray[np.uint8], published: bool) -> torch.Tensor:
    """Convert a crop uint8 ``[96, 96, 3]`` RGB to float32 ``[3, 96, 96]`` in 0..1; to BGR unless published."""
    ordered = crop if published else crop[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(ordered)).permute(2, 0, 1).float() / 255


def _record(expression: FaceExpression) -> Record:
    valence, arousal = expression.affect.mean(0)
    return {
        "track": expression.face.track,
        "box": [round(value, 1) for value in expression.face.box],
        "emotion": EMOTIONS[expression.vote],
        "votes": [EMOTIONS[label] for label in expression.labels],
        "valence": round(float(valence), 4),
        "arousal": round(float(arousal), 4),
    }
