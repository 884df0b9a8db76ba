"""One extractor at work on a video, chunk by chunk, so that a resumed run gives the same bytes.

The extractor runs on anchors: the frames 0, s, 2s, ... of the stride s. Block k holds the anchors inside the frames
``[kC, (k+1)C)`` of the chunk size C; its batches are composed the same way whenever it is computed. The maps of
chunk k are final once its own anchors and, where frames follow its last anchor, the next anchor are known, or the end
of the video is. Float maps are interpolated first and quantised last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import integrator_planes
from gazenet.cues.extractor import AssetPath, Extractor, Record, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.interpolate import interpolate, quantise
from gazenet.cues.output_checks import checked_output, checked_pictures, frames_text
from gazenet.cues.registry import PluginEntry
from gazenet.cues.windows import WindowBuilder, WindowSource
from gazenet.errors import UsageError
from gazenet.guard.guarded_call import guarded

__all__ = ["CueRunner", "RunnerSettings", "WindowSource", "neutral_map"]

Chunk = tuple[NDArray[np.uint8], list[Record]]


def neutral_map(spec: ExtractorSpec, map_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the constant map uint8 ``[h, w]`` that stands in for a cue without a result, or for a skipped one."""
    return quantise(np.full(map_size, spec.neutral, np.float32))


@dataclass(frozen=True)
class RunnerSettings:
    """The settings by which a run drives an extractor.

    Attributes:
        asset_path: finds declared weights.
        map_size: (h, w) of the maps.
        stride: replaces ``spec.window.stride``; None leaves it.
        chunk: C, frames per chunk.
        device: where the extractor's tensors live.
        dtype: the floating type the extractor is asked to compute in.

    Raises ValueError for a stride or chunk below 1.
    """

    asset_path: AssetPath
    map_size: tuple[int, int]
    stride: int | None = None
    chunk: int = 32
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        if (self.stride is not None and self.stride < 1) or self.chunk < 1:
            raise ValueError(f"stride {self.stride} and chunk {self.chunk} must be at least 1")


class CueRunner:
    """One extractor at work. Call ``load`` once, ``begin`` per video, then ``compute_block``, ``ready``, ``take``.

    Args:
        entry: the extractor's entry in the registry.
        parameters: what the config changes of ``entry.spec.parameters``; UsageError for unknown names or types.
        settings: sizes, stride, device and weights.
        adopt: called with the loaded extractor, to replace its network by another backend.
    """

    def __init__(
        self,
        entry: PluginEntry,
        parameters: Mapping[str, object],
        settings: RunnerSettings,
        adopt: Callable[[Extractor], None] | None = None,
    ) -> None:
        self.entry, self.spec = entry, entry.spec
        self.parameters = entry.spec.with_parameters(parameters)
        self.device, self.dtype = torch.device(settings.device), settings.dtype
        self.map_size, self.chunk = settings.map_size, settings.chunk
        self.stride = entry.spec.window.stride if settings.stride is None else settings.stride
        self.makes_pictures = entry.spec.pictures_with(self.parameters)
        self._asset_path, self._adopt = settings.asset_path, adopt
        self._extractor: Extractor | None = None
        self._builder: WindowBuilder | None = None
        self._maps: dict[int, NDArray[np.float32]] = {}
        self._records: dict[int, Record | None] = {}
        self._pictures: dict[int, NDArray[np.uint8]] = {}

    def load(self) -> None:
        """Import, construct and load the extractor. PluginError names it; missing weights stay a UsageError."""
        implementation = self.entry.load()
        with guarded(self.spec.name, "loading", own=(UsageError,), lenient=True):
            extractor: Extractor = implementation(**self.parameters)
            extractor.load(self.device, self.dtype, self._asset_path)
            if self._adopt is not None:
                self._adopt(extractor)
        self._extractor = extractor

    def begin(self, video: VideoContext, map_size: tuple[int, int] | None = None) -> None:
        """Start a video and drop what is left of another. ``map_size`` replaces that of the settings.

        The sound reaches only extractors that ask for it.
        """
        if self._extractor is None:
            self.load()
        assert self._extractor is not None
        self.map_size = self.map_size if map_size is None else map_size
        self._forget_before(None)
        self._builder = WindowBuilder(self.spec, self.device, video, self.map_size)
        with guarded(self.spec.name, "beginning a video"), torch.no_grad():
            self._extractor.begin(video if self.spec.audio else replace(video, waveform=None))

    def anchors(self, k: int, last_frame: int | None = None) -> range:
        """Return the anchors of block k (none where the stride skips the block)."""
        first = -(-k * self.chunk // self.stride) * self.stride
        stop = (k + 1) * self.chunk
        return range(first, stop if last_frame is None else min(stop, last_frame + 1), self.stride)

    def frames(self, k: int, last_frame: int | None = None) -> range:
        """Return the frames of chunk k (fewer than C in the last one)."""
        stop = (k + 1) * self.chunk
        return range(k * self.chunk, stop if last_frame is None else min(stop, last_frame + 1))

    def earliest(self, k: int) -> int:
        """Return the first frame that computing block k looks at."""
        anchors = self.anchors(k)
        return max(0, (anchors[0] if anchors else k * self.chunk) - self.spec.window.before)

    def horizon(self, k: int) -> int:
        """Return the last frame that computing block k looks at, in a video that goes on; -1 if it looks at none."""
        anchors = self.anchors(k)
        return anchors[-1] + self.spec.window.after if anchors else -1

    def first_block(self, k: int) -> int:
        """Return the block to begin with when chunk k is the first one wanted (a resumed run): it may lie before k."""
        return self._anchor_before(k * self.chunk) // self.chunk

    def compute_block(self, k: int, last_frame: int | None, source: WindowSource) -> None:
        """Run the extractor on the anchors of block k.

        Call it when frame ``horizon(k)`` is in ``source``, or the end of the video is known (``last_frame``). A block
        whose maps are still held is not computed again. Raises PluginError naming the extractor and the frame.
        """
        if self._extractor is None or self._builder is None:
            raise RuntimeError("begin comes before compute_block")
        anchors = self.anchors(k, last_frame)
        if all(anchor in self._maps for anchor in anchors):
            return
        for start in range(0, len(anchors), self.spec.batch):
            batch = anchors[start : start + self.spec.batch]
            windows = self._builder.build(batch, last_frame, source)
            maps, records, pictures = self._extracted(self._extractor, windows)
            if pictures:
                self._pictures.update(zip(batch, pictures, strict=True))
            for row, anchor in enumerate(batch):
                # A copy: a view would keep the whole batch alive as long as its last anchor.
                self._maps[anchor] = maps[row].copy()
                self._records[anchor] = None if records is None else records[row]
        self._builder.forget()

    def newest(
        self, anchor: int, source: WindowSource
    ) -> tuple[NDArray[np.float32], Record, NDArray[np.uint8] | None]:
        """Return map ``[h, w]``, record and coloured picture, if any, of the newest frame of a live run.

        Nothing is kept; ``anchor`` stands in for the frames after it. Raises PluginError.
        """
        if self._extractor is None or self._builder is None:
            raise RuntimeError("begin comes before newest")
        windows = self._builder.build([anchor], anchor, source)
        self._builder.forget()
        maps, records, pictures = self._extracted(self._extractor, windows)
        return maps[0], {} if records is None else records[0], pictures[0] if pictures else None

    def ready(self, k: int, last_frame: int | None) -> bool:
        """Return whether ``take(k, last_frame)`` can be called: chunk k exists and all its anchors are computed."""
        return bool(self.frames(k, last_frame)) and not self._missing(k, last_frame)

    def take(self, k: int, last_frame: int | None) -> Chunk:
        """Maps uint8 ``[n, h, w]`` and records of chunk k (n = C, fewer at the end); older anchors are forgotten.

        Between anchors the last anchor's record is repeated with its index as ``"anchor"``. An extractor without
        records gives empty ones. Chunks are taken in rising order. ValueError when not ready.
        """
        frames = self.frames(k, last_frame)
        if not self.ready(k, last_frame):
            raise ValueError(f"{self.spec.name}: chunk {k} is not ready: anchors {self._missing(k, last_frame)}")
        needed = self._needed(k, last_frame)
        maps = quantise(interpolate({anchor: self._maps[anchor] for anchor in needed}, frames))
        records = [self._record(frame) for frame in frames]
        self._forget_before(self._anchor_before((k + 1) * self.chunk))
        return maps, records

    def pictures(self, k: int, last_frame: int | None) -> NDArray[np.uint8]:
        """Return coloured pictures uint8 ``[n, 3, 120, 120]`` (RGB planes) of chunk k; asked for before ``take``.

        Between anchors the last anchor's picture is repeated. ValueError when not ready.
        """
        if not self.ready(k, last_frame):
            raise ValueError(f"{self.spec.name}: chunk {k} is not ready: anchors {self._missing(k, last_frame)}")
        return np.stack([self._pictures[self._anchor_before(frame)] for frame in self.frames(k, last_frame)])

    def _extracted(
        self, extractor: Extractor, windows: Windows
    ) -> tuple[NDArray[np.float32], list[Record] | None, list[NDArray[np.uint8]]]:
        """Return checked maps ``[B, h, w]``, records, and a coloured picture per window (none where none are made)."""
        with guarded(self.spec.name, frames_text(windows)), torch.no_grad():
            output = extractor.extract(windows)
            maps, records = checked_output(self.spec.name, windows, output, self.device)
            pictures = checked_pictures(self.spec.name, windows, output) if self.makes_pictures else ()
            return maps, records, [integrator_planes(picture) for picture in pictures]

    def _anchor_before(self, frame: int) -> int:
        """Return the last anchor at or before a frame."""
        return frame // self.stride * self.stride

    def _needed(self, k: int, last_frame: int | None) -> range:
        """Return the anchors that chunk k depends on: up to one before its first frame and one after its last."""
        frames = self.frames(k, last_frame)
        first, final = self._anchor_before(frames[0]), self._anchor_before(frames[-1])
        following = final + self.stride
        goes_on = final < frames[-1] and (last_frame is None or following <= last_frame)
        return range(first, (following if goes_on else final) + 1, self.stride)

    def _missing(self, k: int, last_frame: int | None) -> list[int]:
        return [anchor for anchor in self._needed(k, last_frame) if anchor not in self._maps]

    def _record(self, frame: int) -> Record:
        anchor = self._anchor_before(frame)
        record = self._records[anchor]
        if record is None:
            return {}
        return record if anchor == frame else {**record, "anchor": anchor}

    def _forget_before(self, anchor: int | None) -> None:
        """Drop the results of the anchors before this one; of all anchors where it is None."""
        for old in [index for index in self._maps if anchor is None or index < anchor]:
            del self._maps[old], self._records[old]
            self._pictures.pop(old, None)
