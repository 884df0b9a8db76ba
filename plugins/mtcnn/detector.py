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
    """Face boxes with eyes, nose and corners of the mouth.

    Args:
        weights: a folder with ``pnet.pt``, ``rnet.pt`` and ``onet.pt`` (or one of them), instead of the asset.
        published: hand BGR channels to the networks, which know RGB, as the published pipeline does.
        settings: smallest face, pyramid and thresholds; the defaults are the published ones.
    """

    def __init__(self, weights: str = "", published: bool = False, settings: CascadeSettings | None = None) -> None:
        self._weights, self._published, self._settings = weights, published, settings or CascadeSettings()

    def load(self, asset_path: AssetPath) -> None:
        folder = folder_of(weights_path(self._weights, "mtcnn", asset_path))
        network = Cascade(self._settings)
        for name, file in FILES.items():
            load_published(network.get_submodule(name), folder / file)
        self._network = network.eval()

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """``image`` uint8 ``[H, W, 3]`` RGB. Returns ``[N, 15]``: left, top, right, bottom, score, five (x, y)."""
        found = self._network(image[..., ::-1] if self._published else image)
        return np.concatenate([found.boxes, found.scores[:, None], found.points.reshape(-1, 10)], 1)


class PublishedMtcnn(MtcnnDetector):
    """The detector as the published pipeline uses it."""

    def __init__(self) -> None:
        super().__init__(published=True)
