"""Goldens of the published face detectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.assets import asset_path
from gazenet.errors import GazenetError
from gazenet.testing.goldens import Golden, GoldenSkipped, difference, prepare
from gazenet_plugins.mtcnn import network as mtcnn_networks
from gazenet_plugins.mtcnn.detector import MtcnnDetector
from gazenet_plugins.s3fd import decode
from gazenet_plugins.s3fd.network import STRIDES, S3fd
from tests.goldens.cues import real_file, single


def s3fd(golden: Golden) -> float:
    """The heads of S3FD."""
    golden.options()
    heads = prepare(S3fd(), golden)(single(golden))
    named = zip(STRIDES, heads, strict=True)
    return difference(
        golden, {f"{what}_{s}": v for s, pair in named for what, v in zip(("cls", "loc"), pair, strict=True)}
    )


def s3fd_decode(golden: Golden) -> float:
    """Boxes from given heads."""
    golden.options("image")
    inputs = golden.inputs()
    candidates = decode.candidates([(inputs[f"cls_{s}"], inputs[f"loc_{s}"]) for s in STRIDES])
    boxes = decode.faces(candidates)
    return difference(
        golden,
        {"candidates_n": np.array([len(candidates)]), "boxes": boxes, "trbl": published_boxes(boxes)},
    )


def mtcnn_network(golden: Golden) -> float:
    """One network of the cascade."""
    config = golden.options()
    kinds = {"mtcnn_pnet": mtcnn_networks.PNet, "mtcnn_rnet": mtcnn_networks.RNet, "mtcnn_onet": mtcnn_networks.ONet}
    candidates = prepare(kinds[config["net"]](), golden)(single(golden))
    return difference(golden, {"reg": candidates.shift, "prob": candidates.probability, "points": candidates.points})


def mtcnn_cascade(golden: Golden) -> float:
    """The complete cascade with the published weights on a picture, both channel orders."""
    import cv2

    config = golden.options("weights", "image", "crop_ltrb", "shape")
    if config["weights"] != "published":
        raise ValueError(f"unknown weights: {config['weights']}")
    detector = MtcnnDetector(str(_mtcnn_weights(golden)))
    detector.load(_no_asset)
    picture = np.asarray(cv2.imread(str(real_file(golden, config["image"]))), np.uint8)
    left, top, right, bottom = config["crop_ltrb"] or (0, 0, picture.shape[1], picture.shape[0])
    picture = picture[top:bottom, left:right]
    if list(picture.shape) != config["shape"]:
        raise ValueError(f"the picture is {picture.shape}, the golden's {config['shape']}")
    outputs = {}
    for order, image in (("rgb", picture[..., ::-1]), ("bgr", picture)):
        candidates = detector.detect(image)
        outputs[f"{order}_boxes"], outputs[f"{order}_prob"] = candidates[:, :4], candidates[:, 4]
        outputs[f"{order}_points"] = candidates[:, 5:].reshape(-1, 5, 2)
    return difference(golden, outputs)


def _mtcnn_weights(golden: Golden) -> Path:
    """A file of the published weights: among the real data, else the asset. Raises Skipped where there is neither."""
    try:
        return real_file(golden, "weights/mtcnn/pnet.pt")
    except GoldenSkipped:
        try:
            return asset_path("mtcnn")
        except GazenetError as missing:
            raise GoldenSkipped(str(missing)) from None


def _no_asset(asset_id: str) -> Path:
    raise AssertionError(f"weights are given, yet {asset_id} is asked for")


def published_boxes(boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Boxes as whole pixels ``[N, 4]`` (top, right, bottom, left), as in the caches: clipped at 0, truncated."""
    return np.maximum(boxes[:, [1, 2, 3, 0]], 0).astype(np.int64)
