"""S3FD as a face detector of the platform."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from gazenet.backbones.checkpoint import file_in, load_published
from gazenet.cues.extractor import AssetPath
from gazenet.cues.extractor_parameters import weights_path
from gazenet_plugins.s3fd.decode import candidates, faces
from gazenet_plugins.s3fd.network import MEAN_BGR, S3fd

CHECKPOINT = "s3fd-619a316812.pth"
LEAST = 32
"""Least side in pixels: smaller pictures are padded with the mean, or they would vanish in the pools."""


class S3fdDetector:
    """Detects face boxes without points.

    Args:
        weights: a checkpoint file, or a folder with the published one, instead of the declared asset.
        published: use the channel order of the published pipeline, which passes BGR pictures to a detector that
            expects RGB, to reproduce its caches.
        score: faces with at most this score are dropped.
    """

    def __init__(self, weights: str = "", published: bool = False, score: float = 0.5) -> None:
        self._weights, self._published, self._score = weights, published, score

    def load(self, asset_path: AssetPath) -> None:
        """Load the weights, on the CPU."""
        path = file_in(weights_path(self._weights, "s3fd", asset_path), CHECKPOINT)
        self._network = load_published(S3fd(), path).eval()

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect faces in ``image`` uint8 ``[H, W, 3]`` RGB as ``[N, 15]``: box, score, NaN for the points."""
        boxes = faces(candidates(self._network(network_input(image, self._published))), self._score)
        points = np.full((len(boxes), 10), np.nan, np.float32)
        return np.concatenate([boxes, points], 1)


class PublishedS3fd(S3fdDetector):
    """The detector of the published caches."""

    def __init__(self) -> None:
        super().__init__(published=True)


def network_input(image: NDArray[np.uint8], published: bool) -> torch.Tensor:
    """Convert RGB uint8 ``[H, W, 3]`` to the input of the network, float32 ``[1, 3, H, W]``.

    The mean belongs to BGR channels; with ``published`` it is subtracted from RGB channels.
    """
    ordered = image if published else image[..., ::-1]
    picture = torch.from_numpy(np.ascontiguousarray(ordered)).permute(2, 0, 1).float()
    height, width = picture.shape[1:]
    centred = (picture - torch.tensor(MEAN_BGR).view(3, 1, 1))[None]
    return F.pad(centred, (0, max(0, LEAST - width), 0, max(0, LEAST - height)))
