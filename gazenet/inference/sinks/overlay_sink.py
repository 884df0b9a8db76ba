"""``overlay.mp4``: the video with the map, the peak and the people drawn in, sound kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.inference.person_attention import face_shares
from gazenet.inference.results import ChunkResult
from gazenet.inference.sinks.sink_specs import OVERLAY
from gazenet.inference.sinks.video_file_sink import VideoSink
from gazenet.report.overlay_drawing import draw_overlay, in_view


class OverlaySink(VideoSink):
    """The frame with its saliency as a glow, faces with their share of attention."""

    spec = OVERLAY

    def draw(self, chunk: ChunkResult, k: int) -> NDArray[np.uint8]:
        """Return the frame with its overlay; the frame alone without saliency."""
        image = chunk.images[k]
        size = (self.context.info.height, self.context.info.width)
        if not len(chunk.saliency):
            return image
        shares, _ = face_shares(chunk.saliency[k], chunk.faces[k], size)
        return draw_overlay(image, chunk.saliency[k], in_view(chunk.faces[k], size, image.shape[:2]), shares)
