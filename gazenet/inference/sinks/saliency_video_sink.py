"""``saliency.mp4``: the map alone, in grey."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.inference.results import ChunkResult
from gazenet.inference.sinks.sink_specs import SALIENCY_VIDEO
from gazenet.inference.sinks.video_file_sink import VideoSink


class SaliencyVideoSink(VideoSink):
    """Each frame's map scaled to its maximum, as large as the analysed frames, without sound."""

    spec = SALIENCY_VIDEO
    with_sound = False

    def draw(self, chunk: ChunkResult, k: int) -> NDArray[np.uint8]:
        """Return the map in grey; a black picture without saliency."""
        height, width = self.context.frame_size
        if not len(chunk.saliency):
            return np.zeros((height, width, 3), np.uint8)
        saliency = chunk.saliency[k]
        grey = np.round(saliency / max(float(saliency.max()), 1e-12) * 255).astype(np.uint8)
        large = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.repeat(large[..., None], 3, axis=2)
