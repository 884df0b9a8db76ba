"""MTCNN as a face detector of the platform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.backbones.checkpoint import folder_of, load_published
from gazenet.cues.extractor import AssetPath
from gazenet.cues.extractor_parameters import weights_path
from gazenet_plugins.mtcnn.cascade import Cascade, CascadeSettings

FILES = {"pnet": "pnet.pt", "rnet": "rnet.pt", "onet": "onet.pt"}


class MtcnnDetector:
    """Detects face boxes with eyes, nose and corners of the mouth.

    Args:
        weights: a folder with ``pnet.pt``, ``rnet.pt`` and ``onet.pt`` (or one of them), instead of the asset.
        published: pass BGR channels to the networks, which expect RGB, as the published pipeline does.
        settings: smallest face, pyramid and thresholds; the defaults are the published ones.
    """

    def __init__(self, weights: str = "", published: bool = False, settings: CascadeSettings | None = None) -> None:
        self._weights, self._published, self._settings = weights, published, settings or CascadeSettings()

    def load(self, asset_path: AssetPath) -> None:
        """Load the three networks, on the CPU."""
        folder = folder_of(weights_path(self._weights, "mtcnn", asset_path))
        network = Cascade(self._settings)
        for name, file in FILES.items():
            load_published(network.get_submodule(name), folder / file)
        self._network = network.eval()

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect faces in ``image`` uint8 ``[H, W, 3]`` RGB as ``[N, 15]``: box, score, five points (x, y)."""
        faces = self._network(image[..., ::-1] if self._published else image)
        return np.concatenate([faces.boxes, faces.scores[:, None], faces.points.reshape(-1, 10)], 1)


class PublishedMtcnn(MtcnnDetector):
    """The detector in the channel order of the published pipeline."""

    def __init__(self) -> None:
        super().__init__(published=True)
