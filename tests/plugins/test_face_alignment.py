"""Detectors beside those of the package face-alignment, where it is installed, on the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from gazenet_plugins.blazeface.detector import BackBlazeFace, BlazeFaceDetector
from gazenet_plugins.blazeface.network import anchors
from gazenet_plugins.s3fd.detector import S3fdDetector
from tests.checkpoints import blazeface_state, s3fd_state

pytest.importorskip("face_alignment", reason="face-alignment is not installed")


@pytest.fixture(scope="module")
def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth blobs of colour, RGB ``[180, 250, 3]``."""
    noise = np.random.default_rng(0).integers(0, 255, (20, 28, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (250, 180), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(("kind", "back"), [(BlazeFaceDetector, False), (BackBlazeFace, True)])
def test_blazeface_finds_what_face_alignment_finds(
    kind: type[BlazeFaceDetector], back: bool, picture: Any, tmp_path: Path
) -> None:
    from face_alignment.detection.blazeface import FaceDetector as Theirs

    torch.save(blazeface_state(back), tmp_path / "net.pth")
    np.save(tmp_path / "anchors.npy", torch.cat([anchors(), torch.ones(896, 2)], 1).numpy())
    theirs = Theirs("cpu", back, str(tmp_path / "net.pth"), str(tmp_path / "anchors.npy"))
    ours = kind(str(tmp_path / "net.pth"), centre=True)
    ours.load(Path)
    for image in (picture, np.ascontiguousarray(picture.transpose(1, 0, 2)), picture[:, :180]):
        want = np.asarray(theirs.detect_from_image(image))
        assert len(want) > 1
        np.testing.assert_allclose(ours.detect(image)[:, :5], want, atol=1e-3)


def test_s3fd_finds_what_face_alignment_finds(picture: Any, tmp_path: Path) -> None:
    from face_alignment.detection.sfd import FaceDetector as Theirs

    torch.save(s3fd_state(), tmp_path / "net.pth")
    theirs = Theirs("cpu", str(tmp_path / "net.pth"))
    ours = S3fdDetector(str(tmp_path / "net.pth"))
    ours.load(Path)
    small = np.ascontiguousarray(picture[:96, :128])
    want = np.asarray(theirs.detect_from_image(small))
    assert len(want) > 1
    np.testing.assert_allclose(ours.detect(small)[:, :5], want, atol=1e-2)
