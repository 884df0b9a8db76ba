"""VideoGaze as an extractor: what people in neighbouring frames look at in the anchor frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import attrgetter

import cv2
import numpy as np
import torch

from gazenet.cues.colour_pictures import rgb, stretched
from gazenet.cues.exportable import Exportable, FunctionModule, SelectedOutputs, fixed_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Record, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_mode, weights_path
from gazenet.cues.rendering import Canvas, FloatMap, brightest
from gazenet_plugins.videogaze import published_map
from gazenet_plugins.videogaze.network import SIDE, FrameFeatures, VideoGaze, loaded
from gazenet_plugins.videogaze.people import REACH, FollowedGaze, Follower, frame_of
from gazenet_plugins.videogaze.spec import SPEC


class VideoGazeCue:
    """Maps what all people look at in the anchor frame.

    Args:
        mode: ``"corrected"``: RGB; the people in seven frames. ``"published"``: the input of the released GASP weights
            (see the model card).
        weights: a checkpoint file, or a folder with ``model.pth.tar``, instead of the declared asset.

    Raises UsageError for another mode.
    """

    spec = SPEC

    def __init__(self, mode: str = "corrected", weights: str = "") -> None:
        self._published, self._weights = checked_mode(SPEC.name, mode) == "published", weights

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network onto ``device`` in ``dtype``."""
        network = loaded(weights_path(self._weights, SPEC.assets[0], asset_path))
        self._device, self._network = device, network.eval().to(device, dtype)
        self._follower = Follower(network, device, dtype, self._published)

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from source frame, target frame, face and eyes to heat and probability.

        Parts: ``features`` of single frames, the ``cone`` of a face, the ``answer`` from both. Raises UsageError for
        another size.
        """
        network, follower = self._network, self._follower
        pictures = noise(2, 3, *fixed_size(SPEC.name, size, (SIDE, SIDE)))
        ends, eyes = ("heat", "probability"), torch.full((2, 3), 0.5)
        with torch.inference_mode():
            features = network.frame_features(pictures.to(self._device))
        examples = tuple(one.cpu().clone() for one in (features.scene, *features))
        names = ("scene", "target_scene", "conv5", "salient", "cone", "eyes")
        parts = {
            "features": Exportable(
                FunctionModule(network, VideoGaze.frame_features),
                (pictures,),
                ("picture",),
                FrameFeatures._fields,
                use=partial(setattr, follower, "features_of"),
            ),
            "cone": Exportable(
                network.cone_pathway, (pictures,), ("face",), ("cone",), use=partial(setattr, follower, "cone_of")
            ),
            "answer": Exportable(
                FunctionModule(network, VideoGaze.answer),
                (*examples, noise(2, 4), eyes),
                names,
                ends,
                use=partial(setattr, follower, "answer_of"),
            ),
        }
        complete = SelectedOutputs(network, attrgetter(*ends))
        return Exportable(complete, (*[pictures] * 3, eyes), ("source", "target", "face", "eyes"), ends, parts=parts)

    def begin(self, video: VideoContext) -> None:
        """Forget the frames of the video before."""
        self._follower.clear()

    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window; records: the target of each person and its frame."""
        self._follower.forget_before(int(windows.index.min()) - windows.anchor)
        maps, records, pictures = [], [], []
        for b in range(len(windows)):
            if self._published:
                heat = published_map.total([answer.heat for answer in self._last_of_seven(windows, b)])
                maps.append(_grey(heat, windows))
                pictures.append(rgb(stretched(published_map.picture(heat), windows.size)))
            else:
                maps.append(self._map(windows, b))
            answers = self._follower.answers(windows, b, windows.anchor)
            records.append({"faces": [_record(answer, windows.size) for answer in answers]})
        return CueMaps(torch.from_numpy(np.stack(maps)).to(self._device), records, pictures or None)

    def _map(self, windows: Windows, b: int) -> FloatMap:
        canvas = Canvas(windows.size, windows.map_size)
        scaled = (a.heat * np.float32(a.probability / a.heat.max()) for a in self._looking_here(windows, b))
        return brightest((_stretched(heat, canvas) for heat in scaled), canvas)

    def _last_of_seven(self, windows: Windows, b: int) -> Iterator[FollowedGaze]:
        """Yield, as published, the people three frames back for whom the last of their seven frames won."""
        source = windows.anchor - REACH
        if frame_of(windows, b, source) < 0:
            return iter(())
        return (answer for answer in self._follower.answers(windows, b, source) if answer.offset == REACH)

    def _looking_here(self, windows: Windows, b: int) -> Iterator[FollowedGaze]:
        """Yield the people of the seven frames who look at the anchor frame; repeated frames count once."""
        times = windows.times[b]
        done: set[float] = set()
        for position in range(windows.anchor - REACH, windows.anchor + REACH + 1):
            if frame_of(windows, b, position) < 0 or times[position] in done:
                continue
            done.add(times[position])
            for answer in self._follower.answers(windows, b, position):
                if times[position + answer.offset] == times[windows.anchor]:
                    yield answer


def _grey(heat: FloatMap, windows: Windows) -> FloatMap:
    """Return the published picture before colouring, as a map."""
    levels = published_map.levels(heat).astype(np.float32) / np.float32(255)
    return _stretched(levels, Canvas(windows.size, windows.map_size))


def _stretched(heat: FloatMap, canvas: Canvas) -> FloatMap:
    return np.asarray(cv2.resize(heat, canvas.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _record(answer: FollowedGaze, size: tuple[int, int]) -> Record:
    """Return the record; the peak is located on a tenfold enlarged heat map, for a cell is 1/20 of the frame."""
    fine = cv2.resize(answer.heat, None, fx=10, fy=10, interpolation=cv2.INTER_LINEAR)
    row, column = np.unravel_index(int(fine.argmax()), fine.shape)
    return {
        "track": answer.face.track,
        "box": [round(value, 1) for value in answer.face.box],
        "frame_offset": answer.offset,
        "probability": round(answer.probability, 4),
        "target": [
            round(float((column + 0.5) / fine.shape[1] * size[1]), 1),
            round(float((row + 0.5) / fine.shape[0] * size[0]), 1),
        ],
    }
