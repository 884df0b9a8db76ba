"""Gaze360 as an extractor: head crops in, one cone per person out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.backbones.checkpoint import file_in, load_published
from gazenet.cues.colour_pictures import rgb
from gazenet.cues.exportable import Call, Exportable, FunctionModule, SelectedOutputs, fixed_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Face, Record, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_mode, weights_path
from gazenet.cues.faces.face_crops import cut, pixel_box
from gazenet.cues.faces.head_gaze import gaze_of
from gazenet.cues.rendering import Canvas, FloatMap, brightest
from gazenet.cues.window_cache import FrameCache
from gazenet_plugins.gaze360 import published_map
from gazenet_plugins.gaze360.crops import CENTRE, CropPlace, by_index, followed, network_crop
from gazenet_plugins.gaze360.network import FEATURES, FRAMES, SIDE, Gaze360, cartesian
from gazenet_plugins.gaze360.spec import SPEC

CHECKPOINT = "model.pth.tar"
TRAINED_RATE = 8
"""Frames per second of the training clips."""

QUANTILES_PER_SIGMA = 1.2816
"""The 10 % and 90 % quantiles of a Gaussian, in standard deviations."""

CONE_RANGE = (0.1, 0.8)
FULL_STRENGTH = 0.35
"""Length of the gaze in the image plane from which a cone is fully bright; a gaze into the camera stays dark."""

FAST_SIDE = 320
"""Longer side in pixels of the field in published mode, unless ``exact``."""


@dataclass(frozen=True)
class FaceGaze:
    """A gaze: unit vector in the data set's axes, (yaw, pitch) and half the quantile width, in radians."""

    face: Face
    vector: NDArray[np.float32]
    angles: tuple[float, float]
    bound: float


class Gaze360Cue:
    """Estimates the gaze of all faces and draws it into the frame.

    Args:
        mode: ``"corrected"``: ImageNet normalisation, head boxes, tracked persons, frames about 1/8 s apart, a cone
            from the eyes as wide as the uncertainty. ``"published"``: the input of the released GASP weights (see the
            model card).
        weights: a checkpoint file, or a folder with ``model.pth.tar``, instead of the declared asset.
        exact: in published mode, the search tree of the original instead of a distance transform: slow, equal bytes.

    Raises UsageError for another mode.
    """

    spec = SPEC

    def __init__(self, mode: str = "corrected", weights: str = "", exact: bool = False) -> None:
        self._published, self._weights, self._exact = checked_mode(SPEC.name, mode) == "published", weights, exact
        self._memo: FrameCache[torch.Tensor | None] = FrameCache()
        self._step = 1

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network onto ``device`` in ``dtype``."""
        path = file_in(weights_path(self._weights, SPEC.assets[0], asset_path), CHECKPOINT)
        self._device, self._dtype = device, dtype
        self._network = load_published(Gaze360(), path).eval().to(device, dtype)
        self._features_of: Call = self._network.base_model
        self._gaze_of: Call = FunctionModule(self._network, _angles)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from seven crops ``[N, 7, 3, 224, 224]`` to angles and their bound, in radians.

        Parts: ``features`` of single crops, and the ``gaze`` from seven of them. Raises UsageError for another size.
        """
        side = fixed_size(SPEC.name, size, (SIDE, SIDE))
        base, network = self._network.base_model, self._network
        crop, features = noise(2, 3, *side), noise(2, FRAMES, FEATURES)
        ends = ("angles", "bound")
        parts = {
            "features": Exportable(
                base, (crop,), ("crop",), ("features",), use=partial(setattr, self, "_features_of")
            ),
            "gaze": Exportable(
                FunctionModule(network, _angles),
                (features,),
                ("features",),
                ends,
                use=partial(setattr, self, "_gaze_of"),
            ),
        }
        crops = noise(2, FRAMES, 3, *side)
        complete = SelectedOutputs(network, attrgetter(*ends))
        return Exportable(complete, (crops,), ("crops",), ends, parts=parts)

    def begin(self, video: VideoContext) -> None:
        """Forget the crops of the video before and choose the distance of frames."""
        self._memo.clear()
        widest = SPEC.window.before // CENTRE
        self._step = 1 if self._published else min(max(int(video.rate / TRAINED_RATE), 1), widest)

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: angles (degrees), vector and uncertainty of every face."""
        self._memo.forget_before(int(windows.index.min()) - windows.anchor)
        maps, records, pictures = [], [], []
        for b in range(len(windows)):
            gazes = [gaze for gaze in (self._gaze(windows, b, k) for k in range(_count(windows, b))) if gaze]
            records.append({"faces": [_record(gaze) for gaze in gazes]})
            canvas = Canvas(windows.size, windows.map_size)
            if not self._published:
                maps.append(brightest((_cone(canvas, gaze) for gaze in gazes), canvas))
                continue
            depths = self._depths(windows, gazes)
            maps.append(_grey(depths, canvas))
            shape = depths[0].shape if depths else windows.map_size
            pictures.append(rgb(published_map.picture(depths, shape[0], shape[1])))
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records, pictures or None)

    @torch.inference_mode()
    def _gaze(self, windows: Windows, b: int, k: int) -> FaceGaze | None:
        """Return the gaze of face ``k`` in the anchor frame of window ``b``; None if it is outside the frame."""
        assert windows.frames is not None
        positions = [windows.anchor + self._step * (j - CENTRE) for j in range(FRAMES)]
        frames, faces, face = windows.frames[b], windows.faces[b], windows.faces[b][windows.anchor][k]
        if self._published:
            places = by_index(k, faces, positions, frames, windows.size)
        else:
            places = followed(face, faces, positions, frames, windows.size)
        features = [self._features(windows, b, place) for place in places]
        centre = features[CENTRE]
        if centre is None:
            return None
        prediction, width = self._gaze_of(torch.stack([centre if f is None else f for f in features])[None])
        angles, bound = prediction.float().cpu(), float(width[0, 0])
        return FaceGaze(face, cartesian(angles)[0].numpy(), (float(angles[0, 0]), float(angles[0, 1])), bound)

    def _features(self, windows: Windows, b: int, place: CropPlace) -> torch.Tensor | None:
        """Compute the features of one crop by itself, so that no result depends on the batch."""
        assert windows.frames is not None
        pixels = windows.frames[b, place.position]

        def compute() -> torch.Tensor | None:
            crop = cut(pixels, place.box, SIDE)
            if crop is None:
                return None
            pixels_in = network_crop(crop, self._published).to(self._device, self._dtype)
            features: torch.Tensor = self._features_of(pixels_in[None])[0]
            return features

        frame = max(0, int(windows.index[b]) + place.position - windows.anchor)
        return self._memo.get(frame, place.box, compute)

    def _depths(self, windows: Windows, gazes: list[FaceGaze]) -> list[published_map.Depth]:
        """Return the depth field of every face as in the published picture, all of one size."""
        height, width = windows.size
        clouds = [published_map.cone_points(pixel_box(gaze.face.box)[:2], gaze.vector) for gaze in gazes]
        if self._exact:
            return [published_map.exact_depth(points, height, width) for points in clouds]
        zoom = min(1.0, FAST_SIDE / max(height, width))
        return [published_map.fast_depth(points, height, width, zoom) for points in clouds]


def _grey(depths: list[published_map.Depth], canvas: Canvas) -> FloatMap:
    """Return the published picture before colouring, as a map."""
    if not depths:
        return canvas.empty()
    field = published_map.grey(depths)
    return np.asarray(cv2.resize(field, canvas.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _count(windows: Windows, b: int) -> int:
    return len(windows.faces[b][windows.anchor])


def _cone(canvas: Canvas, gaze: FaceGaze) -> FloatMap:
    """Draw a cone from the eyes; in the data set x points to the left and y upwards."""
    direction = float(-gaze.vector[0]), float(-gaze.vector[1])
    strength = min(float(np.hypot(*direction)) / FULL_STRENGTH, 1.0)
    half_angle = float(np.clip(gaze.bound / QUANTILES_PER_SIGMA, *CONE_RANGE))
    return np.asarray(strength * canvas.cone(_eyes(gaze.face), direction, half_angle), np.float32)


def _eyes(face: Face) -> tuple[float, float]:
    """Return the point between the eyes; without landmarks two fifths down the box."""
    mesh = gaze_of(face)
    return mesh.origin if mesh else (face.centre[0], face.box[1] + 0.4 * face.size[1])


def _record(gaze: FaceGaze) -> Record:
    yaw, pitch = gaze.angles
    return {
        "track": gaze.face.track,
        "box": [round(value, 1) for value in gaze.face.box],
        "yaw": round(-float(np.rad2deg(yaw)), 2),
        "pitch": round(float(np.rad2deg(pitch)), 2),
        "half_width": round(float(np.rad2deg(gaze.bound)), 2),
        "gaze": [round(float(value), 4) for value in gaze.vector],
    }


def _angles(network: Gaze360, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return angles and their bound from the features of seven crops."""
    output = network.gaze(features)
    return output.angles, output.bound
