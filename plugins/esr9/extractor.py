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
from gazenet.cues.extractor import AssetPath, CueMaps, Face, Record, VideoContext, Windows
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
    """One face: class of each branch and of the majority, affect ``[B, 2]``, attention ``[B, 6, 6]``."""

    face: Face
    labels: NDArray[np.int64]
    vote: int
    affect: NDArray[np.float32]
    attention: NDArray[np.float32]


class Esr9Cue:
    """Emotions of all faces, and maps of where the ensemble looked to tell them.

    Args:
        mode: ``"corrected"``: BGR crops as in training, attention scaled to 1 in each face. ``"published"``: what the
            released GASP weights were made with (see the model card).
        weights: a folder with the ten published files (or one of them), instead of the declared asset.
        statistics: ``"running"`` or ``"face"``, what the branches normalise with; empty: by mode.
        merge: how the maps of the branches become one: ``sum``, ``mean``, ``gmean``, ``first``.
        every: also of branches that voted otherwise.

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
        folder = folder_of(weights_path(self._weights, SPEC.assets[0], asset_path))
        network = Esr9(BRANCHES, self._statistics)
        load_published(network.base, folder / BASE_FILE)
        for number, branch in enumerate(network.branches, 1):
            load_published(branch, folder / BRANCH_FILE.format(number))
        self._device, self._dtype = device, dtype
        self._network = network.eval().to(device, dtype)
        self._run: Call = self._network

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """The network, from faces ``[N, 3, 96, 96]`` in 0..1 to votes and attention. Raises UsageError otherwise."""
        faces = noise(2, 3, *fixed_size(SPEC.name, size, (SIDE, SIDE)))
        names = ("emotion", "affect", "attention")
        return Exportable(self._network, (faces,), ("face",), names, use=partial(setattr, self, "_run"))

    def begin(self, video: VideoContext) -> None:
        """Nothing is kept between videos."""

    def extract(self, windows: Windows) -> CueMaps:
        """One map ``[h, w]`` per window; records: emotion, votes, valence and arousal of every face."""
        assert windows.frames is not None
        maps, records, pictures = [], [], []
        for frames, faces in zip(windows.frames, windows.faces, strict=True):
            anchor = frames[windows.anchor]
            looks = [look for face in faces[windows.anchor] if (look := self._look(anchor, face, windows.size))]
            records.append({"faces": [_record(look) for look in looks]})
            if not self._published:
                maps.append(self._placed(windows, looks))
                continue
            drawn = [
                FaceMap(pixel_box(look.face.box), self._merged(from_zero(look.attention), look)) for look in looks
            ]
            maps.append(_grey(drawn, windows))
            pictures.append(rgb(picture(drawn, *windows.size)))
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records, pictures or None)

    @torch.inference_mode()
    def _look(self, frame: torch.Tensor, face: Face, size: tuple[int, int]) -> FaceExpression | None:
        """One face a pass: a frame's result must not depend on its batch. None where the box has no pixels."""
        crop = cut(frame, pixel_box(scaled(face.box, size, frame)), SIDE)
        if crop is None:
            return None
        said = EnsembleExpression(*self._run(network_crop(crop, self._published).to(self._device, self._dtype)[None]))
        return FaceExpression(
            face,
            said.labels()[0].cpu().numpy(),
            int(said.vote()[0]),
            said.affect()[0].float().cpu().numpy(),
            said.attention[0].float().cpu().numpy(),
        )

    def _placed(self, windows: Windows, looks: list[FaceExpression]) -> FloatMap:
        canvas = Canvas(windows.size, windows.map_size)
        fields = ((look.face.box, self._merged(to_one(look.attention), look)) for look in looks)
        return brightest((placed(canvas, box, field) for box, field in fields), canvas)

    def _merged(self, maps: NDArray[np.floating], look: FaceExpression) -> NDArray[np.floating]:
        return merged(maps, look.labels, look.vote, self._merge, self._every)


def _grey(drawn: list[FaceMap], windows: Windows) -> FloatMap:
    """The published picture before colours, as a map."""
    grey = levels(drawn, *windows.size)
    stretched = cv2.resize(grey, windows.map_size[::-1], interpolation=cv2.INTER_AREA)
    return (np.asarray(stretched, np.float32) / 255).astype(np.float32)


def network_crop(crop: NDArray[np.uint8], published: bool) -> torch.Tensor:
    """A crop uint8 ``[96, 96, 3]`` RGB as float32 ``[3, 96, 96]`` in 0..1; BGR, as in training, unless published."""
    ordered = crop if published else crop[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(ordered)).permute(2, 0, 1).float() / 255


def _record(look: FaceExpression) -> Record:
    valence, arousal = look.affect.mean(0)
    return {
        "track": look.face.track,
        "box": [round(value, 1) for value in look.face.box],
        "emotion": EMOTIONS[look.vote],
        "votes": [EMOTIONS[label] for label in look.labels],
        "valence": round(float(valence), 4),
        "arousal": round(float(arousal), 4),
    }
