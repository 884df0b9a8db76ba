"""Stage two on stored pictures: a video of the published layout through an integrator, without any extractor."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.config.inference import InferConfig
from gazenet.config.picture_names import EXTRACTOR
from gazenet.errors import UsageError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.loaded_integrator import LoadedIntegrator
from gazenet.inference.engine.integrator_stream import open_stream
from gazenet.inference.engine.stage_graph import StageGraph, tuned_integrator
from gazenet.inference.engine.timing import Timings
from gazenet.inference.inputs.sources import CapturedFrames
from gazenet.inference.results import ChunkResult
from gazenet.maps.colours import colour_of, decolourise

STEMS = {extractor: stem for stem, extractor in EXTRACTOR.items()}
"""Extractor to the picture that it makes."""


def stem_of(cue: str) -> str:
    """The picture of a cue: the published picture of its extractor, else the cue names the picture itself."""
    return STEMS.get(cue, cue)


def picture_of(extractor: str) -> str:
    """The picture into which an extractor's maps are written."""
    return STEMS.get(extractor, f"det_transformed_{extractor}")


class StoredPass:
    """Fuses the stored cue pictures of one video; the counterpart of ``VideoPass`` where nothing is computed.

    A cue without a picture in some frame has that of the frame before; a cue without any picture in the video is
    black, and a warning says so.

    Raises:
        UsageError: there is no integrator, the source is not a folder of frames, or it lacks the first cue.
    """

    def __init__(self, graph: StageGraph, source: object, timings: Timings) -> None:
        if graph.integrator is None or not isinstance(source, CapturedFrames):
            raise UsageError("data.maps stored: needs an integrator and videos of the per-frame cache (processed)")
        name = graph.integrator.spec.name
        if not isinstance(graph.integrator.spec, GaspSpec):
            raise UsageError(
                f"data.maps stored: is only supported by integrators of the GASP family, not by {name}: compute the "
                "cues with --set data.maps=computed"
            )
        self._integrator: LoadedIntegrator = graph.integrator
        self._source, self._timings, self._chunk = source, timings, graph.config.chunk
        self.map_size = graph.config.map_shape((source.info.height, source.info.width))
        self.frames = source.reader.frames
        self.skipped: list[str] = []
        self.warnings: list[str] = []
        self._stems = {cue: stem_of(cue) for cue in self._integrator.spec.cues}
        self._check()

    def _check(self) -> None:
        present, first = self._source.reader.pictures, next(iter(self._stems.values()))
        missing = {cue: stem for cue, stem in self._stems.items() if stem not in present}
        if first in missing.values():
            raise UsageError(
                f"{self._source.info.path}: no frame has {first}_1.jpg; run the first stage (InferGenerator...), or "
                "let extractors make it: --set data.maps=computed"
            )
        for cue, stem in missing.items():
            self.warnings.append(f"no frame has {stem}_1.jpg; the cue {cue} is black")

    def run(self, emit: Callable[[ChunkResult], None], progress: Callable[[int], None] = lambda frames: None) -> None:
        """Work until the last frame; ``progress`` is called with the number of frames read."""
        self._emit = emit
        stream = open_stream(self._integrator)
        for start in range(0, self.frames, self._chunk):
            stop = min(start + self._chunk, self.frames)
            with self._timings.stage("decode"):
                maps = {cue: self._pictures(stem, start, stop) for cue, stem in self._stems.items()}
            with self._timings.stage("integrator", network=True):
                fused = stream.push(maps)
            self._send(fused)
            progress(stop)
        self._send(stream.finish())

    def _pictures(self, stem: str, start: int, stop: int) -> NDArray[np.uint8]:
        """RGB uint8 ``[n, h, w, 3]`` of the frames ``start`` .. ``stop - 1``."""
        reader = self._source.reader
        if stem not in reader.pictures:
            return np.zeros((stop - start, *self.map_size, 3), np.uint8)
        return reader.read(stem, start, stop)

    def _send(self, fused: FusedChunk) -> None:
        if not len(fused):
            return
        start, stop = fused.start, fused.start + len(fused)
        times = np.arange(start, stop) / float(self._source.info.rate)
        cues = {cue: self._grey(stem, start, stop) for cue, stem in self._stems.items()}
        images, no_faces = self._source.images(start, stop), [()] * len(fused)
        records: dict[str, list[dict[str, object]]] = {cue: [{}] * len(fused) for cue in cues}
        self._emit(ChunkResult(start, images, times, fused.saliency, fused.gates, no_faces, cues, records))

    def _grey(self, stem: str, start: int, stop: int) -> NDArray[np.uint8]:
        """The maps uint8 ``[n, h, w]`` from which coloured pictures were drawn, as far as colours differ."""
        height, width = self.map_size
        pictures = self._pictures(stem, start, stop)
        small = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in pictures]
        colour = colour_of(stem)
        if colour is None:
            return np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in small]).astype(np.uint8)
        return decolourise(np.stack(small).astype(np.uint8), colour)


def stored_maps(config: InferConfig) -> bool:
    """Return whether a run takes its cue maps from stored pictures."""
    return config.data is not None and config.data.maps == "stored" and config.integrator is not None


def stored_graph(config: InferConfig) -> StageGraph:
    """The integrator alone, without extractors and face detection. Raises UsageError."""
    return StageGraph(config, None, "", (), (), tuned_integrator(config))
